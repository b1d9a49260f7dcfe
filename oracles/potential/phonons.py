"""Dynamic stability by finite displacements, with phonopy (A. Togo, J. Phys. Soc. Jpn. 92, 012001 (2023))."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from oracles.potential.relaxation import Limits

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential

SUPERCELL_EDGE = 7.0
"""A between opposite faces of the supercell, at least: how far forces are felt."""

MOST_ATOMS = 256
"""Of the supercell; a larger one is made shorter where it is longest."""

DISPLACEMENT = 0.02
"""A: forces far above what relaxations leave, and hardly anharmonic."""

SYMMETRY = 1e-3
"""A within which atoms count as equivalent."""

TRANSLATIONS = 3
"""Modes at the zone centre that move the whole crystal, and whose frequency is zero."""


def lowest_frequency(potential: Potential, structure: Structure, limits: Limits) -> float:
    """Return the lowest frequency (THz) of a relaxed crystal but for the translations; negative if it is imaginary.

    Of the wave vectors that the supercell holds, so that a crystal that is unstable at others passes.
    Raises what the potential does, and TimeoutError, which is the machine's fault, after `limits.seconds`.
    """
    from ase import Atoms
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    repeats = supercell(structure)
    unit = PhonopyAtoms(
        symbols=[site.specie.symbol for site in structure],
        cell=structure.lattice.matrix,
        scaled_positions=structure.frac_coords,
    )
    phonons = Phonopy(unit, np.diag(repeats), primitive_matrix=np.eye(3), symprec=SYMMETRY, log_level=0)
    phonons.generate_displacements(distance=DISPLACEMENT)
    start = perf_counter()

    def forces(cell: PhonopyAtoms) -> np.ndarray:
        if perf_counter() - start > limits.seconds:
            raise TimeoutError(f"no phonons within {limits.seconds:g} s; allow more `seconds`")
        atoms = Atoms(cell.symbols, scaled_positions=cell.scaled_positions, cell=cell.cell, pbc=True)
        atoms.calc = potential.calculator()
        found: np.ndarray = atoms.get_forces()
        return found

    left = forces(phonons.supercell)  # by the relaxation
    displaced = [cell for cell in phonons.supercells_with_displacements or [] if cell is not None]
    phonons.forces = np.array([forces(cell) - left for cell in displaced])
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    points = np.array(list(np.ndindex(*repeats))) / repeats
    phonons.run_qpoints(points)
    frequencies = np.array(phonons.get_qpoints_dict()["frequencies"])
    optical = frequencies[0][np.argsort(np.abs(frequencies[0]))[TRANSLATIONS:]]
    return float(min([*optical, *frequencies[1:].ravel()]))


def supercell(structure: Structure) -> list[int]:
    """Return how often the cell is repeated along each edge.

    Even numbers, for what is unstable mostly is so at a boundary of the zone: octahedra that tilt alternately, pairs.
    """
    thickness = 1 / np.array(structure.lattice.reciprocal_lattice_crystallographic.abc)
    repeats = 2 * np.ceil(SUPERCELL_EDGE / thickness / 2).astype(int)
    while len(structure) * repeats.prod() > MOST_ATOMS and repeats.max() > 2:
        repeats[np.argmax(np.where(repeats > 2, repeats * thickness, 0))] -= 2
    while len(structure) * repeats.prod() > MOST_ATOMS and repeats.max() > 1:
        repeats[np.argmax(np.where(repeats > 1, repeats * thickness, 0))] = 1
    return [int(n) for n in repeats]
