"""How optimism in what the sampler is trained on and exploration in the selection interact.

    python experiments/benchmarks/optimism.py [--problem enumerable] [--seeds 200-207] [--jobs 2] [--cost 120]
        [--samplers "optimism 1"] [--target-only] [--data TABLES] [-o runs/optimism]

Campaigns of a problem (see harness/problems.py), for each way to train the sampler times each kind of acquisition:
on the surrogate's mean alone, with one or two standard deviations added, and on expected improvement. With
`--target-only` the ladder is cut to its target. Cost counts all evaluations, of the first design too. Printed is the
share of the hits found (of several objectives: of the true front's hypervolume), the mean over the seeds with a 95 %
bootstrap interval, at half of the cost and at all of it; then the difference from `optimism 1` with the same selection,
seed by seed. Runs are kept and resumed, as by compare.py.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from compare import seeds_of
from harness.methods import Method
from harness.problems import problem_named
from harness.results import HITS, HYPERVOLUME, collect
from harness.runner import run_all
from harness.runs import Run
from machine import describe

from gfnmat.metrics.bands import bootstrap

SAMPLERS = {
    "optimism 0": {"optimism": 0.0},
    "optimism 1": {},
    "optimism 2": {"optimism": 2.0},
    "expected improvement": {"reward": "expected_improvement"},
}
AS_IT_STANDS = "optimism 1"


def main() -> None:
    """Runs what is missing, then prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", default="enumerable")
    parser.add_argument("--selections", nargs="+", default=["improvement", "entropy_search"])
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS))
    parser.add_argument("--target-only", action="store_true")
    parser.add_argument("--seeds", type=seeds_of, default=seeds_of("200-207"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cost", type=float, default=120.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/optimism"))
    given = parser.parse_args()
    methods = [
        Method(
            f"{sampler}, {kind}", "", {"proposer": SAMPLERS[sampler], "acquisition": {"kind": kind}}, given.target_only
        )
        for kind in given.selections
        for sampler in given.samplers
    ]
    problem = problem_named(given.problem)
    problem = replace(problem, budgets={method.name: given.cost for method in methods})
    table = problem.source.write(given.data, given.output / "tables") if problem.source else None
    runs = [Run.of(problem, table, method, seed, given.output) for seed in given.seeds for method in methods]
    failures = run_all(runs, given.jobs, 3600, lambda line: print(line, flush=True))
    if failures:
        raise SystemExit("\n".join(f"failed: {failure.run}: {failure.reason}" for failure in failures))
    results = collect(problem, table, runs)
    assert results is not None
    metric = HYPERVOLUME if HYPERVOLUME in results.metrics else HITS
    costs = torch.tensor([given.cost / 2, given.cost], dtype=torch.float64)
    found = {method.name: results.at(method.name, metric, costs) for method in methods}
    print(describe("torchgfn", "botorch"))
    print(f"{given.problem}: share of {metric} at cost {given.cost / 2:g} and {given.cost:g}, {len(given.seeds)} seeds")
    for kind in given.selections:
        usual = found.get(f"{AS_IT_STANDS}, {kind}")
        for sampler in given.samplers:
            values = found[f"{sampler}, {kind}"]
            cells = [_shown(column) for column in values.unbind(1)]
            compared = usual is not None and sampler != AS_IT_STANDS
            apart = "" if not compared else f"   from {AS_IT_STANDS}: {_shown((values - usual)[:, 1])}"
            print(f"{kind:16} {sampler:22} {'   '.join(cells)}{apart}")


def _shown(values: torch.Tensor) -> str:
    """The mean over the seeds and its interval."""
    band = bootstrap(values[:, None])
    return f"{float(band.centre):.2f} ({float(band.low):.2f} to {float(band.high):.2f})"


if __name__ == "__main__":
    main()
