"""Magpie features: agreement with matminer, and formulas a second of both, in one run.

python experiments/benchmarks/magpie.py
"""

import time

import numpy as np
import torch
from machine import describe
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition, Element

from surrogates.magpie import N_ELEMENTS, MagpieFeatures

N_COMPARED = 1_000
N_TIMED = 100_000
REPEATS = 5


def random_counts(n: int, seed: int, most_elements: int = 8) -> torch.Tensor:
    """`n x 118` counts of random formulas: 1 to `most_elements` elements, 1 to 12 atoms of each, ties included."""
    generator = torch.Generator().manual_seed(seed)
    n_elements = torch.randint(1, most_elements + 1, (n, 1), generator=generator)
    order = torch.rand(n, N_ELEMENTS, generator=generator).argsort(dim=1)
    counts = torch.randint(1, 13, (n, N_ELEMENTS), generator=generator)
    return counts * (order < n_elements)


def main() -> None:
    """Print the comparison."""
    print(describe("matminer"), "float64")
    counts = random_counts(N_COMPARED, seed=0)
    symbols = [Element.from_Z(number).symbol for number in range(1, N_ELEMENTS + 1)]
    formulas = [
        Composition({symbols[index]: int(row[index]) for index in np.flatnonzero(row)}) for row in counts.numpy()
    ]
    matminer = ElementProperty.from_preset("magpie")
    start = time.perf_counter()
    expected = np.array([matminer.featurize(formula) for formula in formulas])
    matminer_rate = N_COMPARED / (time.perf_counter() - start)

    magpie = MagpieFeatures()
    assert list(magpie.feature_labels) == matminer.feature_labels()
    difference = np.abs(magpie(counts).numpy() - expected).max()
    many = random_counts(N_TIMED, seed=1)
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        magpie(many)
        rates.append(N_TIMED / (time.perf_counter() - start))
    print(f"largest difference on {N_COMPARED} random formulas of 1 to 8 elements: {difference:.1e}")
    print(f"matminer  {matminer_rate:12,.0f} formulas/s ({N_COMPARED} formulas)")
    print(
        f"gfnmat    {np.median(rates):12,.0f} formulas/s ({N_TIMED} formulas, median of {REPEATS}; "
        f"{min(rates):,.0f} to {max(rates):,.0f})"
    )


if __name__ == "__main__":
    main()
