"""Orbits of known structures on the Wyckoff positions that the grammar writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gfnmat.space.encoding.normaliser import Floats, Moves
from gfnmat.space.encoding.reading import Site
from gfnmat.space.encoding.setting import NEAR, Setting, lengths
from gfnmat.space.structure.wyckoff import BINS, EDGE, load_wyckoff_tables

ORIGIN = 1 / EDGE  # where the first site is along polar axes, in edges: the centre of the first bin


@dataclass(frozen=True)
class _Orbit:
    """An orbit on its Wyckoff position.

    Attributes:
        rank: of the element, in the order of the grammar.
        number: of the element.
        position: the Wyckoff position.
        points: those that have the form of its representative, in edges, `points x 3`.
    """

    rank: int
    number: int
    position: int
    points: Floats

    def site(self, shift: Floats, polar: Floats) -> Site:
        """The orbit after a shift of the origin."""
        tables = load_wyckoff_tables()
        asked = tables.asked[self.position, : int(tables.freedom[self.position])].numpy()
        return Site(self.rank, self.number, self.position, BINS * ((self.points + shift) % 1)[:, asked], polar[asked])


def site_readings(setting: Setting, ranks: dict[int, int], moves: Moves) -> Iterator[tuple[int, list[Site]]]:
    """The sites after each move (its place comes first) whose letters are open, for every choice of a free origin.

    Args:
        setting: of the crystal.
        ranks: of the elements in the order of the grammar, by atomic number.
        moves: into other descriptions.
    """
    lattices = moves.of_lattice(setting.lattice)
    placed = [
        _placed(setting.group, moves.of_points(points), atoms, lattices)
        for points, atoms in zip(setting.orbits, setting.atoms, strict=True)
    ]
    for move in range(len(moves)):
        orbits = [
            _Orbit(ranks[number], number, *found[move]) for number, found in zip(setting.numbers, placed, strict=True)
        ]
        if _are_open(setting.group, sorted((orbit.rank, orbit.position) for orbit in orbits)):
            for sites in _with_origins(setting.group, orbits):
                yield move, sites


def _with_origins(group: int, orbits: list[_Orbit]) -> Iterator[list[Site]]:
    """The sites; in polar groups, for each point of each orbit that may come first, with the origin there."""
    polar = load_wyckoff_tables().polar[group - 1].numpy()
    nowhere = np.zeros(3, dtype=bool)
    if not polar.any():
        yield [orbit.site(np.zeros(3), nowhere) for orbit in orbits]
        return
    first = min((orbit.rank, orbit.position) for orbit in orbits)
    for index, orbit in enumerate(orbits):
        if (orbit.rank, orbit.position) == first:
            for point in orbit.points:
                shift = np.where(polar, ORIGIN - point, 0.0)
                there = _Orbit(orbit.rank, orbit.number, orbit.position, point[None]).site(shift, polar)
                others = [other.site(shift, nowhere) for other in (*orbits[:index], *orbits[index + 1 :])]
                yield [there, *others]


def _placed(group: int, points: Floats, atoms: int, lattices: Floats) -> list[tuple[int, Floats]]:
    """The Wyckoff position of an orbit after each move, and which of its points are on its representative.

    Args:
        group: the space group.
        points: the orbit after each move, in edges, `m x points x 3`.
        atoms: its points in the primitive cell.
        lattices: the cells after each move, `m x 3 x 3`.
    """
    tables = load_wyckoff_tables()
    first, beyond = tables.first[group - 1 : group + 1].tolist()
    positions = (first + (tables.atoms[first:beyond] == atoms).nonzero().squeeze(-1)).numpy()
    matrix, shift = tables.matrix[positions, 0].numpy(), tables.shift[positions, 0].numpy() / EDGE
    beside = np.einsum("pij,mkj->mpki", matrix, points) + shift[:, None] - points[:, None]
    distances = lengths(beside, lattices[:, None])  # m x positions x points
    nearest = np.rint(distances.min(-1) / NEAR * 10).argmin(1)  # the first letter of those that fit alike
    found = []
    for move, place in enumerate(nearest):
        distance = distances[move, place]
        found.append((int(positions[place]), points[move][distance <= distance.min() + NEAR / 2]))
    return found


def _are_open(group: int, words: Sequence[tuple[int, int]]) -> bool:
    """Whether the letters of the elements (rank and position, in order) stand for those that are equivalent to them."""
    tables = load_wyckoff_tables()
    node, last = int(tables.start_node[group - 1]), -1
    for rank, position in words:
        letter = int(tables.letter[position])
        if rank != last and not bool(tables.opens[node, letter]):
            return False
        node, last = int(tables.next_node[node, letter]), rank
    return True
