"""Operations of space groups, and the moves that give another description of the same crystal in the same setting."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import EDGE, N_GROUPS, load_wyckoff_tables

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CUBIC_AXES, HEXAGONAL_AXES = 517, 485  # Hall numbers of Pm-3m and P6/mmm
LARGEST_SHEAR = 2


@dataclass(frozen=True)
class Moves:
    """Other descriptions of the same crystals: points x become `rotation @ x + shift`, m of them.

    Attributes:
        rotations: `m x 3 x 3`.
        shifts: in edges, `m x 3`.
    """

    rotations: Integers
    shifts: Floats

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, rows: list[int]) -> Moves:
        return Moves(self.rotations[rows], self.shifts[rows])

    def of_lattice(self, lattice: Floats) -> Floats:
        """The lattice vectors (rows) after each move, `m x 3 x 3`."""
        return np.asarray(np.linalg.inv(self.rotations).transpose(0, 2, 1) @ lattice)

    def of_points(self, points: Floats) -> Floats:
        """The points (`n x 3`, in edges) after each move, `m x n x 3`."""
        return np.asarray(points @ self.rotations.transpose(0, 2, 1) + self.shifts[:, None])


STAY = Moves(np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))


@lru_cache(maxsize=N_GROUPS)
def operations(group: int) -> tuple[Integers, Floats]:
    """Rotations and translations (in edges) of a group in the setting of the tables."""
    import spglib

    found = spglib.get_symmetry_from_database(int(load_wyckoff_tables().hall[group - 1]))
    return found["rotations"].astype(np.int64), np.rint(found["translations"] * EDGE) / EDGE


@lru_cache(maxsize=2 * N_GROUPS)
def normaliser(group: int, mirrored: bool = False) -> Moves:
    """The group's normaliser, one move for each coset of the group; along polar axes they do not shift.

    Of the shears of monoclinic axes there are those of up to `LARGEST_SHEAR`, of triclinic axes none. The shorter
    `WyckoffTables.normaliser` has one operation for each permutation of the letters.

    Args:
        group: the space group.
        mirrored: gives the moves that turn a crystal into its mirror image, of which there are none that the others do
            not cover if the group itself has reflections.
    """
    tables = load_wyckoff_tables()
    rotations, fractions = operations(group)
    own = dict(zip([rotation.tobytes() for rotation in rotations], np.rint(fractions * EDGE).astype(int), strict=True))
    centring = tables.centring[group - 1, : int(tables.n_centring[group - 1])].numpy()
    system, polar = tables.crystal_system[group - 1], tables.polar[group - 1].tolist()
    steps = np.arange(0, EDGE, EDGE // (12 if cell.lattice_of(system) == "hexagonal" else 8))
    grid = np.stack(np.meshgrid(*[steps[:1] if free else steps for free in polar], indexing="ij"), -1).reshape(-1, 3)
    turns = _turns(system)
    if mirrored:
        turns = turns[:0] if (np.linalg.det(rotations) < 0).any() else -turns
    covered: set[bytes] = set()
    found: list[tuple[Integers, tuple[int, ...]]] = []
    for turn in turns:
        if turn.tobytes() in covered:  # it differs by an operation of the group from one that came before
            continue
        covered |= {(rotation @ turn).tobytes() for rotation in rotations}
        shifts = _shifts_that_normalise(turn, grid, own, centring)
        distinct = {min(map(tuple, ((shift + centring) % EDGE).tolist())) for shift in shifts}
        found += [(turn, shift) for shift in sorted(distinct)]
    return Moves(
        rotations=np.array([turn for turn, _ in found], dtype=np.int64).reshape(-1, 3, 3),
        shifts=np.array([shift for _, shift in found], dtype=np.float64).reshape(-1, 3) / EDGE,
    )


def _turns(system: str) -> Integers:
    """Rotations (with shears of monoclinic axes) that may be part of a normaliser, `n x 3 x 3`, the identity first."""
    import spglib

    if system == "monoclinic":
        planes = np.array(list(product(range(-LARGEST_SHEAR, LARGEST_SHEAR + 1), repeat=4))).reshape(-1, 2, 2)
        determinants = np.rint(np.linalg.det(planes)).astype(np.int64)
        unimodular = np.abs(determinants) == 1
        turns = np.zeros((int(unimodular.sum()), 3, 3), dtype=np.int64)
        turns[:, ::2, ::2], turns[:, 1, 1] = planes[unimodular], determinants[unimodular]
    else:
        hall = HEXAGONAL_AXES if cell.lattice_of(system) == "hexagonal" else CUBIC_AXES
        turns = np.unique(spglib.get_symmetry_from_database(hall)["rotations"].astype(np.int64), axis=0)
        turns = turns[np.linalg.det(turns) > 0]
    return turns[np.argsort((turns != np.eye(3)).any((1, 2)), kind="stable")]


def _shifts_that_normalise(
    turn: Integers, shifts: Integers, own: dict[bytes, Integers], centring: Integers
) -> Integers:
    """Of the shifts, those that together with the turn map the group's operations `own` onto themselves."""
    if not _in_lattice(centring @ turn.T, centring).all():
        return shifts[:0]
    inverse = np.rint(np.linalg.inv(turn)).astype(np.int64)
    for flat, translation in own.items():
        conjugate = turn @ np.frombuffer(flat, dtype=np.int64).reshape(3, 3) @ inverse
        image = own.get(conjugate.tobytes())
        if image is None:
            return shifts[:0]
        shifts = shifts[_in_lattice(turn @ translation + shifts - shifts @ conjugate.T - image, centring)]
    return shifts


def _in_lattice(difference: Integers, centring: Integers) -> NDArray[np.bool_]:
    """Whether a difference of points (`n x 3`, in 48ths) is a translation of the lattice, `n`."""
    return np.asarray((((difference[:, None] - centring) % EDGE) == 0).all(-1).any(-1))
