"""Surrogates of hundreds to thousands of measurements: exact, through inducing points, with a deep kernel.

    python experiments/benchmarks/surrogate_scaling.py TABLE [--column COLUMN] [--sizes 2000 5000] [--seeds 100-102]

TABLE has columns formula and COLUMN (formation_energy_per_atom). For each size: mean absolute error, CRPS, coverage of
the 90 % intervals on `--others` other formulas; the same of the measurements left out one by one, as a campaign reports
them; CPU seconds (one thread) for fitting and predicting, and the most memory that the process had until then. `exact`
is given 2,000 of the labels at most.
"""

from __future__ import annotations

import argparse
import resource
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import torch
from machine import describe
from surrogate_kernels import interval, magpie, read

import surrogates
from surrogates import Diagnosis, assess, diagnose

MOST_EXACT = 2000


@dataclass(frozen=True)
class Method:
    """A surrogate of the package.

    Attributes:
        kind: As `surrogates.build` names it.
        n_inducing: Inducing points, at most; None where there are none.
        most: How many of the labels it is given, at most.
    """

    kind: str
    n_inducing: int | None = None
    most: int | None = None


METHODS = {
    "exact": Method("multi_fidelity_gp", most=MOST_EXACT),
    "512 inducing points": Method("variational_gp", 512),
    "1024 inducing points": Method("variational_gp", 1024),
    "2000 inducing points": Method("variational_gp", 2000),
    "deep kernel": Method("deep_kernel"),
    "deep kernel, 512 inducing points": Method("deep_kernel", 512),
}


def main() -> None:
    """Parse the arguments, and print one line a method and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--column", default="formation_energy_per_atom")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 20_000])
    parser.add_argument("--others", type=int, default=2000)
    parser.add_argument("--seeds", default="100-102")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    arguments = parser.parse_args()
    first, last = (int(number) for number in arguments.seeds.split("-"))
    torch.set_num_threads(1)
    print(describe("botorch", "gpytorch"))
    print(
        f"seeds {first} to {last}; MAE and CRPS in the units of {arguments.column}; mean and 95 % interval over seeds"
    )
    table = read(arguments.table, arguments.column, most=max(arguments.sizes) + arguments.others)
    features = magpie(table)
    for size in arguments.sizes:
        for name in arguments.methods:
            others, left_out, seconds = [], [], 0.0
            for seed in range(first, last + 1):
                order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
                known, unknown = order[:size], order[size : size + arguments.others]
                start = process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    judged = judge(METHODS[name], features[known], table.values[known], features[unknown],
                                   table.values[unknown])  # fmt: skip
                seconds += (process_time() - start) / (last - first + 1)
                others.append(judged[0])
                left_out.append(judged[1])
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            spent = f"{seconds:.0f} CPU s, {memory:.1f} GB"
            print(f"{size}: {name}: {summary(others)}; left out: {summary(left_out)}; {spent}", flush=True)


def judge(
    method: Method, features: torch.Tensor, values: torch.Tensor, others: torch.Tensor, truth: torch.Tensor
) -> tuple[Diagnosis, Diagnosis]:
    """What a surrogate of `n x d` features and `n` values is worth on others, and what it says of itself."""
    settings = {} if method.n_inducing is None else {"n_inducing": method.n_inducing}
    surrogate = surrogates.build(method.kind, 1, 1, reference=features[:1000], **settings)
    known = slice(method.most)
    surrogate.fit(features[known], torch.zeros(len(features[known])), values[known, None])
    found = surrogate.predict(others)
    floor = float(torch.as_tensor(found.floor).reshape(-1)[0])
    return assess(found.mean[:, 0], found.sd[:, 0], truth, floor), diagnose(surrogate)[0, 0]


def summary(judged: list[Diagnosis]) -> str:
    """MAE, CRPS and coverage over seeds."""
    fields = (("MAE", "mae"), ("CRPS", "crps"), ("coverage", "coverage_90"))
    return ", ".join(f"{what} {interval([getattr(each, field) for each in judged])}" for what, field in fields)


if __name__ == "__main__":
    main()
