"""How well a Gaussian process learns energies of crystals from their features, across compositions and within one.

    python experiments/benchmarks/crystal_features.py [--seed 1] [--formulas TiO2:3-6 ...] [--splits 5]

Random crystals from an untrained sampler, labelled by CHGNet single points; infeasible ones are left out. The
surrogate is fitted as campaigns fit theirs: the projection is learned from all crystals, labels from some, and the
figures are of others: mean absolute error, R2, rank correlation, coverage of the 90 % intervals, and the share of the
lowest tenth that is in the tenth predicted lowest. Within one composition the features of the composition are constant
and learn nothing; there the lower half by energy is learned by itself besides, as that is where a search goes.

The features were chosen on CaF2, Al2O3, ZnO, BaZrO3 and a mixture with seed 0, of which nothing is reported by default.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from time import perf_counter

import torch
from machine import describe
from torch import Tensor

import oracles
import surrogates
from gfnmat import GFlowNet
from gfnmat.space.crystal.space import CrystalSpace
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.decoding import primitive_points, primitive_vectors
from surrogates import CrystalFeatures, MagpieFeatures

ELEMENTS = [
    "Li", "Be", "B", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "Ca", "Sc", "Ti", "V", "Cr", "Zr",
]  # fmt: skip
HELD_OUT = ["TiO2:3-6", "MgO:2-8", "SrTiO3:5-10"]
N_TEST = 200
N_MIXED, N_SAME = 600, 400
SYSTEMS = (2, 15, 74, 142, 167, 194)
"""Last space groups of the crystal systems but the last."""

PARTS = {
    "charges": ("attraction", "potential"),
    "valences": ("valence", "repulsion", "crowding", "mismatch"),
    "contacts": ("contact",),
    "shells": ("anions at",),
    "packing": ("log",),
}
"""Beginnings of the labels of what is left out by turns."""


@dataclass(frozen=True)
class Data:
    """Crystals as features take them, and their labels: formation energy and density, `n x 2`."""

    crystals: tuple[Tensor, ...]
    values: Tensor

    def __getitem__(self, rows: Tensor) -> Data:
        return Data(tuple(part[rows] for part in self.crystals), self.values[rows])


def labelled(space: CrystalSpace, n: int, seed: int) -> tuple[Data, int]:
    """About n crystals of the space with CHGNet's word on them, and how many were asked about."""
    candidates = GFlowNet(space, seed=seed).sample(2 * n).distinct()
    answers = []
    for start in range(0, len(candidates), 50):
        answers += oracles.build("chgnet", protocol="single_point").evaluate(candidates.structures[start : start + 50])
        if sum(answer.status == "done" for answer in answers) >= n:
            break
    done = [row for row, answer in enumerate(answers) if answer.status == "done"][:n]
    values = [[answers[row].values[name] for name in ("formation_energy", "density")] for row in done]
    chosen = candidates[done]
    assert chosen.crystals is not None
    return Data(arguments(chosen.crystals), torch.tensor(values, dtype=torch.float64)), len(answers)


def arguments(crystals: Crystals) -> tuple[Tensor, ...]:
    """Counts, groups, atomic numbers, points and vectors of the primitive cells."""
    found, places, sizes = primitive_points(crystals)
    there = torch.arange(int(sizes.max())) < sizes.unsqueeze(1)
    numbers = torch.zeros(there.shape, dtype=torch.long)
    points = torch.zeros(*there.shape, 3, dtype=torch.float64)
    numbers[there], points[there] = found, places
    return crystals.counts, crystals.group, numbers, points, primitive_vectors(crystals)


def feature_sets(data: Data, mixed: bool) -> dict[str, Tensor]:
    """Features by name: all, without each part, and with what was left out of them."""
    features = CrystalFeatures()
    all_of_them = features(*data.crystals)
    labels = features.feature_labels
    magpie = MagpieFeatures()(data.crystals[0])
    system = torch.bucketize(data.crystals[1], torch.tensor(SYSTEMS))
    sets = {"CrystalFeatures": all_of_them}
    for name, beginnings in PARTS.items():
        kept = [k for k, label in enumerate(labels) if not label.startswith(beginnings)]
        sets[f"  without {name}"] = all_of_them[:, kept]
    sets["  and crystal systems, one-hot"] = torch.cat([all_of_them, torch.nn.functional.one_hot(system, 7)], dim=1)
    if mixed:
        geometry = all_of_them[:, sum(label.startswith("MagpieData") for label in labels) :]
        sets["  and all 132 of Magpie"] = torch.cat([magpie, geometry], dim=1)
        sets["  without Magpie's means"] = geometry
        sets["132 of Magpie alone"] = magpie
    return sets


def figures(features: Tensor, values: Tensor, n_train: int, splits: int) -> Tensor:
    """MAE, R2, rank correlation, coverage of the 90 % intervals, lowest tenth; means over the splits."""
    n_test = min(N_TEST, len(values) - n_train)
    found = []
    for split in range(splits):
        order = torch.randperm(len(values), generator=torch.Generator().manual_seed(split))
        test, train = order[:n_test], order[n_test : n_test + n_train]
        surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=1, n_properties=1, reference=features)
        surrogate.fit(features[train], torch.zeros(n_train, dtype=torch.long), values[train, None])
        prediction = surrogate.predict(features[test])
        mean, sd, true = prediction.mean[:, 0], prediction.sd[:, 0], values[test]
        diagnosis = surrogates.assess(mean, sd, true)
        tenth = [set(column.argsort()[: n_test // 10].tolist()) for column in (mean, true)]
        found.append(
            [
                diagnosis.mae,
                float(1 - (mean - true).square().mean() / true.var(correction=0)),
                diagnosis.spearman,
                diagnosis.coverage_90,
                len(tenth[0] & tenth[1]) / (n_test // 10),
            ]
        )
    return torch.tensor(found).mean(0)


def table(data: Data, sizes: list[int], splits: int, mixed: bool) -> None:
    """Print the figures of the formation energy for all sets of features, then of the density for all features."""
    sets = feature_sets(data, mixed)
    head = "".join(f"{word:>7s}" for word in ("R2", "rank", "90%", "10th"))
    print(f"{'formation energy (eV/atom)':32s}{'d':>5s}{'labels':>8s}{'MAE':>8s}{head}")
    rows = [(name, features, 0) for name, features in sets.items()] + [("density (g/cm3)", sets["CrystalFeatures"], 1)]
    for name, features, column in rows:
        for n_train in sizes:
            mae, *others = figures(features, data.values[:, column], n_train, splits).tolist()
            print(f"{name:32s}{features.shape[1]:5d}{n_train:8d}{mae:8.3f}" + "".join(f"{v:7.2f}" for v in others))


def speed() -> str:
    """Crystals a second, of at most 12 atoms, on one thread; the best of three."""
    crystals = (
        GFlowNet(CrystalSpace(elements=ELEMENTS, n_elements=(2, 3), n_atoms=(2, 12)), seed=0).sample(8000).crystals
    )
    assert crystals is not None
    given, features, seconds = arguments(crystals), CrystalFeatures(), []
    for _ in range(3):
        start = perf_counter()
        features(*given)
        seconds.append(perf_counter() - start)
    mean = float((given[2] > 0).sum(1).double().mean())
    return f"{len(crystals) / min(seconds):,.0f} crystals a second (8,000 of 2 to 12 atoms, {mean:.1f} in the mean)"


def main() -> None:
    """Print the machine, the speed, and a table for the mixture and for each formula."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--formulas", nargs="*", default=HELD_OUT, help="FORMULA:LEAST-MOST atoms")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(describe("chgnet", "botorch", "gpytorch"), f"; seed {given.seed}, {given.splits} splits")
    print(speed())
    spaces = {"mixture": CrystalSpace(elements=ELEMENTS, n_elements=(2, 3), n_atoms=(2, 8))}
    for word in given.formulas:
        formula, least, most = word.replace("-", ":").split(":")
        spaces[formula] = CrystalSpace(formula=formula, n_atoms=(int(least), int(most)))
    for name, space in spaces.items():
        mixed = name == "mixture"
        data, asked = labelled(space, N_MIXED if mixed else N_SAME, given.seed)
        spread = float(data.values[:, 0].std())
        print(f"\n{name}: {len(data.values)} labelled of {asked}; formation energies spread by {spread:.2f} eV/atom")
        table(data, [100, 200, 400] if mixed else [20, 60, 120], given.splits, mixed)
        if not mixed:
            lower = data[data.values[:, 0].argsort()[: len(data.values) // 2]]
            print(f"{name}, the lower half by energy, down from {float(lower.values[:, 0].max()):.2f} eV/atom")
            table(lower, [20, 60], given.splits, mixed)


if __name__ == "__main__":
    main()
