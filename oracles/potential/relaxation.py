"""Relaxation of cell and positions, with limits."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from oracles.evaluation import InfeasibleError
from oracles.potential.guards import closest_contact

if TYPE_CHECKING:
    from ase import Atoms
    from ase.filters import FrechetCellFilter
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential

VOLUME_CHANGE = (0.4, 2.5)
"""Volume relative to the start at which a structure counts as collapsed or exploded."""

COLLAPSED_CONTACT = 0.5
"""Distance, relative to the sum of covalent radii, below which a structure counts as collapsed."""

LONGEST_STEP = 0.2
"""Distance (A) that an atom moves at most in one step."""


@dataclass(frozen=True)
class Limits:
    """When a relaxation ends: forces below `max_force` (eV/A), or too many `steps` or `seconds`.

    `steps` gives the verdict on a material, alike on every machine; `seconds`, of wall-clock time, only ends
    what hangs. It is checked between steps, and to be far longer than `steps` take on a loaded machine.
    """

    max_force: float = 0.05
    steps: int = 200
    seconds: float = 300.0


def relax(potential: Potential, structure: Structure, limits: Limits) -> Structure:
    """Return the structure with cell and positions at the minimum of the energy.

    Raises `InfeasibleError` if it is not reached within the limit of steps, or the structure collapses or explodes on
    the way; TimeoutError, which is the machine's fault, if the limit of time is exceeded.
    """
    from ase.filters import FrechetCellFilter

    atoms = _atoms(potential, structure)
    _minimise(atoms, FrechetCellFilter(atoms), limits)
    return _structure(atoms)


def relaxed_stress(potential: Potential, structure: Structure, limits: Limits) -> np.ndarray:
    """Return the stress (GPa, `3 x 3`, positive under tension) with positions at the minimum and the cell as it is.

    Raises as `relax` does.
    """
    from ase.units import GPa

    atoms = _atoms(potential, structure)
    _minimise(atoms, atoms, limits)
    stress: np.ndarray = atoms.get_stress(voigt=False) / GPa
    return stress


def _atoms(potential: Potential, structure: Structure) -> Atoms:
    from ase import Atoms

    return Atoms(
        numbers=[site.specie.Z for site in structure],
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
        calculator=potential.calculator(),
    )


def _structure(atoms: Atoms) -> Structure:
    from pymatgen.core import Lattice, Structure

    return Structure(
        Lattice(atoms.cell[:]),
        atoms.get_chemical_symbols(),
        atoms.positions,
        coords_are_cartesian=True,
        to_unit_cell=True,
    )


def _minimise(atoms: Atoms, moved: Atoms | FrechetCellFilter, limits: Limits) -> None:
    """Move the atoms, or with a filter the cell too, until forces are below the limit."""
    from ase.optimize import BFGS

    start, first = perf_counter(), atoms.get_volume()
    optimizer = BFGS(moved, logfile=None, maxstep=LONGEST_STEP)
    for step in range(limits.steps + 1):
        if np.linalg.norm(moved.get_forces(), axis=1).max() < limits.max_force:
            return
        if step == limits.steps:
            raise InfeasibleError(f"not relaxed within {limits.steps} steps")
        if perf_counter() - start > limits.seconds:
            raise TimeoutError(f"not relaxed within {limits.seconds:g} s ({step} steps); allow more `seconds`")
        optimizer.step()
        _require_whole(atoms, first)  # before the potential sees the new positions: it may hang on them


def _require_whole(atoms: Atoms, first: float) -> None:
    """Raise `InfeasibleError` if the atoms have collapsed or flown apart since the `first` volume (A^3)."""
    from pymatgen.core import Structure

    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell[:]).all()):
        raise InfeasibleError("the structure came apart: its coordinates are not finite")
    change = atoms.get_volume() / first
    lower, upper = VOLUME_CHANGE
    if not lower < change < upper:
        raise InfeasibleError(f"the structure came apart: its volume is {change:.2f} of the first")
    symbols = atoms.get_chemical_symbols()
    crystal = Structure(atoms.cell[:], symbols, atoms.positions, coords_are_cartesian=True)
    ratio, pair, distance = closest_contact(crystal)
    if ratio < COLLAPSED_CONTACT:
        raise InfeasibleError(f"the structure collapsed: {pair} are {distance:.2f} A apart")
