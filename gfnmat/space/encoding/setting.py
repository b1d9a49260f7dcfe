"""Structures in the settings of the Wyckoff tables: the symmetry that spglib finds, and the orbits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gfnmat.space.encoding.normaliser import Floats, Integers, operations
from gfnmat.space.structure.decoding import PRIMITIVE_VECTORS
from gfnmat.space.structure.wyckoff import EDGE, load_wyckoff_tables

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from spglib import SpglibDataset

SYMMETRY_TOLERANCE = 0.01  # A, within which a symmetry is found
NEAR = 0.05  # A, within which a point is the image of another, or of the form of a Wyckoff position


@dataclass(frozen=True)
class Setting:
    """A crystal in a setting of its space group in which its operations are those of the tables.

    Attributes:
        group: the space group.
        lattice: the vectors (A) of the conventional cell as rows.
        numbers: the atomic number of each orbit.
        orbits: the points of each orbit in the conventional cell, in edges, `points x 3`.
    """

    group: int
    lattice: Floats
    numbers: tuple[int, ...]
    orbits: tuple[Floats, ...]

    @classmethod
    def of(cls, group: int, lattice: Floats, points: Floats, numbers: Integers) -> Setting | None:
        """The atoms of a conventional cell in orbits; None where the group's operations do not keep them in place."""
        rotations, translations = operations(group)
        metric = lattice @ lattice.T
        if np.abs(rotations.transpose(0, 2, 1) @ metric @ rotations - metric).max() > NEAR * np.sqrt(metric.max()):
            return None
        orbits: dict[int, Floats] = {}
        left = np.ones(len(points), dtype=bool)
        while left.any():
            start = int(left.argmax())
            images = rotations @ points[start] + translations
            distances = lengths(images[:, None] - points, lattice)
            members = distances.argmin(1)
            if distances.min(1).max() > NEAR or (numbers[members] != numbers[start]).any():
                return None
            left[members] = False
            orbits[start] = points[np.unique(members)]
        return cls(group, lattice, tuple(int(numbers[start]) for start in orbits), tuple(orbits.values()))

    @property
    def atoms(self) -> list[int]:
        """Atoms of each orbit in the primitive cell."""
        n_centring = int(load_wyckoff_tables().n_centring[self.group - 1])
        return [len(points) // n_centring for points in self.orbits]


def standard(structure: Structure) -> Setting | None:
    """The structure in the standard setting, as spglib idealises it; None if that finds no symmetry."""
    found = _symmetry(structure)
    if found is None:
        return None
    group = int(found.number)
    moved = _symmetry(structure, hall=int(load_wyckoff_tables().hall[group - 1]))
    if moved is None:
        return None
    return Setting.of(group, moved.std_lattice, moved.std_positions, moved.std_types.astype(np.int64))


def _symmetry(structure: Structure, hall: int = 0) -> SpglibDataset | None:
    """What spglib finds, in the setting of a Hall number if one is given; None if it finds no symmetry.

    It then answers None or raises, as whichever library was imported last has told it to (phonopy makes it raise).
    """
    import spglib
    from spglib.error import SpglibError

    atoms = (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers)
    try:
        return spglib.get_symmetry_dataset(atoms, symprec=SYMMETRY_TOLERANCE, hall_number=hall)
    except SpglibError:
        return None


def as_it_stands(structure: Structure, group: int) -> Setting | None:
    """The structure taken as the primitive cell that decoding writes; None if its symmetry is not in place."""
    tables = load_wyckoff_tables()
    vectors = np.array(PRIMITIVE_VECTORS[tables.centring_letter[group - 1]])
    centring = tables.centring[group - 1, : int(tables.n_centring[group - 1])].numpy() / EDGE
    points = (structure.frac_coords @ vectors)[:, None] + centring
    lattice = np.linalg.inv(vectors) @ structure.lattice.matrix
    numbers = np.array(structure.atomic_numbers, dtype=np.int64)
    return Setting.of(group, lattice, points.reshape(-1, 3), numbers.repeat(len(centring)))


def lengths(difference: Floats, lattice: Floats) -> Floats:
    """The length (A) of differences of points in edges, up to whole edges, `...`."""
    return np.asarray(np.linalg.norm((difference - np.rint(difference)) @ lattice, axis=-1))
