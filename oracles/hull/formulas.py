"""Which compounds may compete with a material: guesses by chemistry, from the stoichiometries of the prototypes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, permutations

import numpy as np

from oracles.potential.charges import common_states, formal_charges
from oracles.potential.prototypes import Pattern, library, pattern

LARGEST = 3
"""Elements in a compound that is guessed: of more there are few prototypes, and a crystal's own formula is added."""

WELL_KNOWN = 4
"""Structures that a stoichiometry of two metals must have to be tried: there are no charges to choose by."""

Formula = tuple[tuple[str, int], ...]
"""Reduced formula: (symbol, count), by symbol."""


def formula_of(counts: Mapping[str, int]) -> Formula:
    """Return the counts of a reduced formula as one value."""
    return tuple(sorted(counts.items()))


@cache
def competing_formulas(elements: frozenset[str]) -> tuple[Formula, ...]:
    """Return the compounds of two or three of these elements that may compete, sorted.

    Those that have the stoichiometry of a known structure of as many elements, and whose formal charges balance, all
    but one of them common ones; of two metals, those whose stoichiometry has at least `WELL_KNOWN` structures.
    """
    found = set()
    for size in range(2, min(LARGEST, len(elements)) + 1):
        for chosen in combinations(sorted(elements), size):
            metals = size == 2 and all(_is_metal(symbol) for symbol in chosen)
            for numbers, structures in known_stoichiometries().items():
                if len(numbers) == size:
                    for counts in _assigned(numbers, chosen):
                        if structures >= WELL_KNOWN if metals else _is_ionic(counts):
                            found.add(formula_of(counts))
    return tuple(sorted(found))


def _is_ionic(counts: Mapping[str, int]) -> bool:
    charges = formal_charges(counts)
    return charges is not None and sum(_unusual(symbol, q) for symbol, q in charges.items()) <= 1


def _unusual(symbol: str, charge: float) -> float:
    """Return 0 for a common state, 1 for another one or a mixture of common ones, infinity for other mixtures."""
    common = common_states(symbol)
    if charge in common:
        return 0
    return 1 if charge.is_integer() or (common and min(common) < charge < max(common)) else math.inf


def _assigned(numbers: Pattern, elements: Sequence[str]) -> Iterator[dict[str, int]]:
    for order in sorted(set(permutations(numbers))):
        yield dict(zip(elements, order, strict=True))


@cache
def known_stoichiometries() -> Counter[Pattern]:
    """Return the stoichiometries that the prototypes' own compounds have, with the number of prototypes of each."""
    return Counter(pattern(_counts(p.species, p.multiplicities)) for p in library())


def _counts(species: tuple[str, ...], multiplicities: np.ndarray) -> list[int]:
    totals: dict[str, int] = {}
    for symbol, number in zip(species, multiplicities.tolist(), strict=True):
        totals[symbol] = totals.get(symbol, 0) + number
    return list(totals.values())


@cache
def _is_metal(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element(symbol).is_metal)
