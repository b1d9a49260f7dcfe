"""The elements of a material, as oracles read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracles.evaluation import InfeasibleError

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


def amounts(material: Composition | Structure) -> dict[str, float]:
    """Return symbol to amount, oxidation states dropped.

    Raises `InfeasibleError` for placeholders that are no element (`DummySpecies`) and for an empty material.
    """
    from pymatgen.core import Composition, DummySpecies, Structure

    if isinstance(material, Structure):
        material = material.composition
    if not isinstance(material, Composition):
        raise InfeasibleError(f"a material is a pymatgen Composition or Structure, not {type(material).__name__}")
    total: dict[str, float] = {}
    for species, amount in material.items():
        if isinstance(species, DummySpecies):
            raise InfeasibleError(f"{species} is a placeholder and no element")
        total[species.symbol] = total.get(species.symbol, 0.0) + amount
    if not total:
        raise InfeasibleError("the material has no atoms")
    return total


def whole_counts(material: Composition | Structure) -> dict[str, int]:
    """Return symbol to count in the reduced formula; raise `InfeasibleError` for fractional formulas."""
    from math import gcd

    total = amounts(material)
    counts = {symbol: round(amount) for symbol, amount in total.items()}
    if any(abs(counts[s] - total[s]) > 1e-6 or counts[s] < 1 for s in total):
        formula = " ".join(f"{s}{total[s]:g}" for s in total)
        raise InfeasibleError(f"the formula {formula} is fractional; whole numbers of atoms are needed")
    divisor = gcd(*counts.values())
    return {symbol: count // divisor for symbol, count in counts.items()}
