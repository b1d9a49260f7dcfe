"""Checks of a structure before a potential sees it: outside them, potentials hang or answer nonsense."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from oracles.elements import amounts
from oracles.evaluation import InfeasibleError

if TYPE_CHECKING:
    from pymatgen.core import Structure

VOLUME_RANGE = (5.0, 80.0)
"""Volume in A^3/atom: diamond has 5.7, caesium 110; no compound of interest is outside."""

CLOSEST_CONTACT = 0.7
"""Shortest distance allowed, as a share of the sum of the covalent radii."""

THINNEST_CELL = 0.5
"""Distance (A) allowed between opposite faces of a cell: neighbours are sought in all cells within reach, and of a
sheared cell 4 A wide, whose faces are 4e-6 A apart, that takes 200 GB."""


@cache
def covalent_radii() -> dict[str, float]:
    """Return the covalent radius (A) of each element (Cordero et al., Dalton Trans. 2832 (2008))."""
    from ase.data import chemical_symbols
    from ase.data import covalent_radii as radii

    return {symbol: float(radius) for symbol, radius in zip(chemical_symbols, radii, strict=False)}


def check(structure: Structure, max_atoms: int) -> None:
    """Raise `InfeasibleError` unless a potential can be trusted with the structure.

    It is to be ordered, of 1 to `max_atoms` atoms of real elements, finite, and packed as `check_packing` demands.
    """
    amounts(structure)
    if not structure.is_ordered:
        raise InfeasibleError("the structure is disordered; order it first")
    if len(structure) > max_atoms:
        raise InfeasibleError(f"{len(structure)} atoms; at most {max_atoms} are allowed")
    if not (np.isfinite(structure.lattice.matrix).all() and np.isfinite(structure.frac_coords).all()):
        raise InfeasibleError("the cell or the coordinates are not finite")
    check_packing(structure)


def passes(structure: Structure, max_atoms: int) -> bool:
    """Return whether `check` finds nothing wrong with the structure."""
    try:
        check(structure, max_atoms)
    except InfeasibleError:
        return False
    return True


def check_packing(structure: Structure) -> None:
    """Raise `InfeasibleError` for a volume not in `VOLUME_RANGE`, a cell below `THINNEST_CELL`, or close contacts.

    Contacts are close below `CLOSEST_CONTACT`.
    """
    volume = structure.volume / len(structure)
    lower, upper = VOLUME_RANGE
    if not lower <= volume <= upper:
        raise InfeasibleError(f"{volume:.3g} A^3/atom; {lower:g} to {upper:g} are allowed")
    thickness = 1 / max(structure.lattice.reciprocal_lattice_crystallographic.abc)
    if thickness < THINNEST_CELL:
        raise InfeasibleError(
            f"the cell is {thickness:.2g} A thick between opposite faces, and {THINNEST_CELL:g} A is the least; "
            "give a reduced cell"
        )
    ratio, pair, distance = closest_contact(structure)
    if ratio < CLOSEST_CONTACT:
        raise InfeasibleError(f"{pair} are {distance:.2f} A apart, {ratio:.2f} of the sum of their radii")


def closest_contact(structure: Structure) -> tuple[float, str, float]:
    """Return the smallest ratio of a distance to the sum of covalent radii, with its pair and distance (A)."""
    radii = covalent_radii()
    symbols = [site.specie.symbol for site in structure]
    size = np.array([radii[symbol] for symbol in symbols])
    reach = 2 * CLOSEST_CONTACT * float(size.max())
    first, second, _, distances = structure.get_neighbor_list(reach)
    if not len(distances):
        return np.inf, "", np.inf
    ratios = distances / (size[first] + size[second])
    at = int(ratios.argmin())
    return float(ratios[at]), f"{symbols[first[at]]} and {symbols[second[at]]}", float(distances[at])
