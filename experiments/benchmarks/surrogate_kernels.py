"""Surrogates of compositions against one another: kernels over rungs, and features and kernels of formulas.

    python experiments/benchmarks/surrogate_kernels.py GAPS ENERGIES DIELECTRIC [--seeds 100-109] [--labels 100]

GAPS is a table of formula, band_gap_pbe, band_gap_expt (eV): the cheap rung is known for all formulas that take part,
the dear one for the labels. ENERGIES is a table of formula, formation_energy_per_atom (eV/atom), DIELECTRIC one of
formula, n (refractive index); each has one rung. Figures are of formulas that were not labelled: mean absolute error,
CRPS, coverage of the 90 % intervals (values at a floor count in part, see `assess`; `inside the interval` counts them
whole), rank correlation, seconds; means over the seeds with 95 % intervals. Formulas are split at random, or an element
is kept out of the labels, and formulas with it are predicted: one in 30 to 400 formulas, a quarter of which or more are
above the lowest value (all formulas with some elements are metals). Choices were made with seeds 4-7.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pandas as pd
import torch
from botorch.models import MultiTaskGP, SingleTaskGP, SingleTaskMultiFidelityGP
from botorch.models.transforms import Normalize, Standardize
from gpytorch.kernels import Kernel, MaternKernel, ScaleKernel
from gpytorch.priors import LogNormalPrior
from machine import describe
from pymatgen.core import Composition, Element
from torch import Tensor

import surrogates
from surrogates import Diagnosis, MagpieFeatures, assess
from surrogates.fitting import fit_hyperparameters
from surrogates.projection import Projection
from surrogates.rungs import RungLikelihood, RungScales

N_ELEMENTS, N_REFERENCE, N_TEST = 118, 1000, 400
HOLDABLE = (30, 400)
"""Formulas an element must be in to be held out, at least and at most."""


@dataclass(frozen=True)
class Table:
    """Formulas with what is known of them.

    Attributes:
        counts: `n x 118`.
        cheap: `n`, the cheap rung's values; None where there is one rung.
        values: `n`, the target's.
    """

    counts: Tensor
    cheap: Tensor | None
    values: Tensor


@dataclass(frozen=True)
class Split:
    """Rows that are labelled, rows that are predicted, and rows whose features alone are known."""

    labelled: Tensor
    predicted: Tensor
    reference: Tensor


def main() -> None:
    """Parse the arguments, and report what they ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gaps", type=Path)
    parser.add_argument("energies", type=Path)
    parser.add_argument("dielectric", type=Path)
    parser.add_argument("--seeds", default="100-109")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--only", nargs="*", choices=("gap", "rungs", "features", "kernels"), default=None)
    arguments = parser.parse_args()
    first, last = (int(number) for number in arguments.seeds.split("-"))
    seeds, labels = range(first, last + 1), arguments.labels
    only = arguments.only or ("gap", "rungs", "features", "kernels")
    torch.set_num_threads(1)
    print(describe("botorch", "gpytorch"))
    print(
        f"{labels} labels, seeds {first} to {last}, up to {N_TEST} others predicted; mean and 95 % interval over seeds"
    )
    gaps = read(arguments.gaps, "band_gap_expt", cheap="band_gap_pbe")
    tables = {
        "band gap": gaps,
        "formation energy": read(arguments.energies, "formation_energy_per_atom", most=20_000),
        "refractive index": read(arguments.dielectric, "n"),
    }
    if "gap" in only:
        for kind, held_out in (("random split", False), ("element held out", True)):
            report(f"band gap, {kind}", gaps, {"ours": ours}, magpie(gaps), seeds, labels, held_out)
        report(
            "band gap, formulas alone",
            Table(gaps.counts, None, gaps.values),
            {"ours": ours},
            magpie(gaps),
            seeds,
            labels,
        )
    if "rungs" in only:
        report("band gap, kernels over rungs", gaps, RUNG_KERNELS, magpie(gaps), seeds, labels)
    for name, table in tables.items():
        if "features" in only:
            for what, features in FEATURES.items():
                report(f"{name}, features", table, {what: ours}, features(table), seeds, labels)
        if "kernels" in only and table.cheap is None:
            report(f"{name}, kernels over formulas", table, FORMULA_KERNELS, magpie(table), seeds, labels)


def read(path: Path, column: str, cheap: str | None = None, most: int | None = None) -> Table:
    """A table's formulas and values; at most `most` rows, drawn with seed 0."""
    frame = pd.read_csv(path).dropna(subset=["formula", column]).drop_duplicates("formula")
    if most is not None and len(frame) > most:
        frame = frame.sample(most, random_state=0)
    counts = torch.zeros(len(frame), N_ELEMENTS, dtype=torch.float64)
    for row, formula in enumerate(frame["formula"]):
        for symbol, amount in Composition(formula).get_el_amt_dict().items():
            counts[row, Element(symbol).Z - 1] = amount
    known = None if cheap is None else torch.tensor(frame[cheap].to_numpy(), dtype=torch.float64)
    return Table(counts, known, torch.tensor(frame[column].to_numpy(), dtype=torch.float64))


def split(table: Table, labels: int, seed: int, held_out: bool) -> Split:
    """Rows at random; or labelled ones without an element, and predicted ones with it."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(table.values), generator=generator)
    reference = order[:N_REFERENCE]
    if not held_out:
        return Split(order[:labels], order[labels : labels + N_TEST], reference)
    members = (table.counts > 0).sum(dim=0)
    varied = (table.counts[table.values > table.values.min()] > 0).sum(dim=0) >= members / 4
    holdable = ((members >= HOLDABLE[0]) & (members <= HOLDABLE[1]) & varied).nonzero().squeeze(1)
    element = holdable[int(torch.randint(len(holdable), (1,), generator=generator))]
    has = table.counts[order, element] > 0
    return Split(order[~has][:labels], order[has][:N_TEST], reference)


Fitted = Callable[[Table, Tensor, Split], tuple[Tensor, Tensor, float]]
"""From a table, its features and a split: means, deviations and the floor of the predicted rows."""


def report(
    title: str,
    table: Table,
    models: dict[str, Fitted],
    features: Tensor,
    seeds: range,
    labels: int,
    held_out: bool = False,
) -> None:
    """One line a model."""
    for name, model in models.items():
        judged: list[Diagnosis] = []
        inside: list[float] = []
        start = perf_counter()
        for seed in seeds:
            part = split(table, labels, seed, held_out)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mean, sd, floor = model(table, features, part)
            values = table.values[part.predicted]
            judged.append(assess(mean, sd, values, floor))
            low, high = mean - 1.645 * sd, (mean + 1.645 * sd).clamp(min=floor)
            inside.append(((low <= values) & (values <= high)).double().mean().item())
        seconds = (perf_counter() - start) / len(seeds)
        figures = ", ".join(
            f"{what} {interval([getattr(d, field) for d in judged])}"
            for what, field in (("MAE", "mae"), ("CRPS", "crps"), ("coverage", "coverage_90"), ("rho", "spearman"))
        )
        print(f"{title}: {name}: {figures}, inside the interval {interval(inside)}, {seconds:.1f} s", flush=True)


def interval(numbers: list[float]) -> str:
    """Mean and half the width of its 95 % interval (normal)."""
    sample = torch.tensor(numbers, dtype=torch.float64)
    return f"{sample.mean():.3f} ± {1.96 * sample.std() / math.sqrt(len(sample)):.3f}"


def rows_and_rungs(table: Table, part: Split) -> tuple[Tensor, Tensor, Tensor]:
    """Row, rung and value of all that is measured: the cheap rung of all, the target of the labelled."""
    if table.cheap is None:
        return part.labelled, torch.zeros(len(part.labelled), dtype=torch.long), table.values[part.labelled]
    known = torch.cat([part.labelled, part.predicted])
    rungs = torch.cat([torch.zeros(len(known)), torch.ones(len(part.labelled))]).long()
    return torch.cat([known, part.labelled]), rungs, torch.cat([table.cheap[known], table.values[part.labelled]])


def ours(table: Table, features: Tensor, part: Split) -> tuple[Tensor, Tensor, float]:
    """`MultiFidelityGP`, as campaigns use it."""
    rows, rungs, values = rows_and_rungs(table, part)
    surrogate = surrogates.build(
        "multi_fidelity_gp", 1 if table.cheap is None else 2, 1, reference=features[part.reference]
    )
    surrogate.fit(features[rows], rungs, values[:, None])
    found = surrogate.predict(features[part.predicted])
    return found.mean[:, 0], found.sd[:, 0], float(torch.as_tensor(found.floor).reshape(-1)[0])


def from_botorch(make: Callable[[Tensor, Tensor], SingleTaskGP]) -> Fitted:
    """A model of BoTorch's over the same coordinates, fitted in the same way."""

    def fitted(table: Table, features: Tensor, part: Split) -> tuple[Tensor, Tensor, float]:
        rows, rungs, values = rows_and_rungs(table, part)
        coordinates = Projection.fit(features[part.reference], 24)(features)
        top = rungs.max()
        inputs = torch.cat([coordinates[rows], rungs[:, None].to(coordinates)], dim=1)
        new = torch.cat([coordinates[part.predicted], top.to(coordinates).expand(len(part.predicted), 1)], dim=1)
        model = make(inputs, values[:, None])
        fit_hyperparameters(model, 100)
        posterior = model.posterior(new, observation_noise=True)
        return posterior.mean[:, 0].detach(), posterior.variance[:, 0].sqrt().detach(), -math.inf

    return fitted


def multi_fidelity(truncated: bool) -> Callable[[Tensor, Tensor], SingleTaskGP]:
    """BoTorch's kernels over a continuous fidelity."""

    def make(inputs: Tensor, values: Tensor) -> SingleTaskGP:
        d = inputs.shape[1]
        return SingleTaskMultiFidelityGP(
            inputs,
            values,
            data_fidelities=[d - 1],
            linear_truncated=truncated,
            input_transform=Normalize(d),
            outcome_transform=Standardize(1),
        )

    return make


def multi_task(inputs: Tensor, values: Tensor) -> SingleTaskGP:
    """BoTorch's index kernel, a task a rung."""
    return MultiTaskGP(inputs, values, task_feature=inputs.shape[1] - 1, outcome_transform=Standardize(1))


RUNG_KERNELS: dict[str, Fitted] = {
    "ours": ours,
    "linear truncated": from_botorch(multi_fidelity(truncated=True)),
    "downsampling and exponential decay": from_botorch(multi_fidelity(truncated=False)),
    "multi-task index": from_botorch(multi_task),
}


class Tanimoto(Kernel):
    """Sum of the lesser over sum of the greater of two rows of fractions of elements."""

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """`... x n x 118` and `... x m x 118` to `... x n x m`."""
        if diag:
            return torch.ones_like(x1[..., 0])
        least = torch.minimum(x1.unsqueeze(-2), x2.unsqueeze(-3)).sum(dim=-1)
        return least / (x1.sum(-1).unsqueeze(-1) + x2.sum(-1).unsqueeze(-2) - least)


def over_formulas(kernel: Callable[[int, int], Kernel]) -> Fitted:
    """A kernel over coordinates of Magpie's features (the first d) and fractions of elements (the next 118)."""

    def fitted(table: Table, features: Tensor, part: Split) -> tuple[Tensor, Tensor, float]:
        coordinates = Projection.fit(features[part.reference], 24)(features)
        inputs = torch.cat([coordinates, fractions(table), torch.zeros(len(coordinates), 1)], dim=1)
        values = table.values[part.labelled]
        scales = RungScales.guess(values, torch.zeros(len(values), dtype=torch.long), 1)
        d = coordinates.shape[1]
        scaled = ScaleKernel(
            kernel(d, N_ELEMENTS), outputscale_prior=LogNormalPrior(2 * scales.spread.log().item(), 1.0)
        )
        scaled.outputscale = scales.spread.square().item()
        model = SingleTaskGP(
            inputs[part.labelled], values[:, None], likelihood=RungLikelihood(scales), covar_module=scaled,
            outcome_transform=None,
        )  # fmt: skip
        model.mean_module.initialize(constant=values.mean())
        fit_hyperparameters(model.to(values), 100)
        posterior = model.posterior(inputs[part.predicted], observation_noise=True)
        return posterior.mean[:, 0].detach(), posterior.variance[:, 0].sqrt().detach(), -math.inf

    return fitted


def matern(columns: range, ard: bool = False) -> Kernel:
    """Matern-5/2 over some columns."""
    kernel = MaternKernel(
        nu=2.5,
        active_dims=tuple(columns),
        ard_num_dims=len(columns) if ard else None,
        lengthscale_prior=LogNormalPrior(0.0, 1.0),
    )
    kernel.lengthscale = 1.0
    return kernel


FORMULA_KERNELS: dict[str, Fitted] = {
    "Magpie": over_formulas(lambda d, e: matern(range(d))),
    "Magpie, a lengthscale a coordinate": over_formulas(lambda d, e: matern(range(d), ard=True)),
    "fractions": over_formulas(lambda d, e: matern(range(d, d + e))),
    "Tanimoto of fractions": over_formulas(lambda d, e: Tanimoto(active_dims=tuple(range(d, d + e)))),
    "Magpie + Tanimoto": over_formulas(
        lambda d, e: ScaleKernel(matern(range(d))) + ScaleKernel(Tanimoto(active_dims=tuple(range(d, d + e))))
    ),
}


def magpie(table: Table) -> Tensor:
    """`n x 132`."""
    return MagpieFeatures()(table.counts)


def fractions(table: Table) -> Tensor:
    """`n x 118`, of the elements."""
    return table.counts / table.counts.sum(dim=1, keepdim=True)


def alike(table: Table) -> Tensor:
    """Coordinates in which elements whose Magpie properties agree are near: a Gaussian kernel's square root."""
    properties = MagpieFeatures().element_table
    known = properties[:103]
    standard = ((properties - known.mean(dim=0)) / known.std(dim=0)).clamp(-5, 5)
    distance = torch.cdist(standard, standard) / math.sqrt(standard.shape[1])
    kernel = torch.exp(-0.5 * distance.square()) + 1e-6 * torch.eye(N_ELEMENTS, dtype=torch.float64)
    return fractions(table) @ torch.linalg.cholesky(kernel)


FEATURES: dict[str, Callable[[Table], Tensor]] = {
    "Magpie": magpie,
    "fractions": fractions,
    "fractions by likeness of elements": alike,
    "Magpie and fractions": lambda table: torch.cat([magpie(table), fractions(table)], dim=1),
    "Magpie and likeness": lambda table: torch.cat([magpie(table), alike(table)], dim=1),
}


if __name__ == "__main__":
    main()
