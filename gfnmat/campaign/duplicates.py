"""Whether two structures that were judged are one material."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure

SAME_VOLUME = 0.05
"""Relative difference in volume per atom up to which two structures can be one: pymatgen's matcher scales it away."""


def first_match(structure: Structure, earlier: Mapping[int, Structure]) -> int | None:
    """The number of the first of the earlier structures that is the same material; None if all are others."""
    volume = structure.volume / len(structure)
    for number, other in sorted(earlier.items()):
        if abs(other.volume / len(other) / volume - 1) <= SAME_VOLUME and _matcher().fit(structure, other):
            return number
    return None


@cache
def _matcher() -> Any:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher()
