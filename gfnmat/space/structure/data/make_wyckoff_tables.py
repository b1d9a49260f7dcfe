"""Writes `wyckoff.npz`: the Wyckoff positions of the 230 space groups, and what tells equal choices of them apart.

Run by hand, which takes 15 seconds: `python gfnmat/space/structure/data/make_wyckoff_tables.py`. It needs pyxtal to be
installed (`pip install --no-deps pyxtal` will do), of which only the list of Wyckoff positions is read; the operations
of the groups and the symbols come from spglib. The setting is the standard one of the International Tables: unique
axis b and cell choice 1, origin choice 2, hexagonal axes.

Coordinates are integers, in 48ths of the conventional cell edges. A point of an orbit is `matrix @ t + shift`, t the
free coordinates; what the arrays hold is said by the loader, `gfnmat/space/structure/wyckoff.py`.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from ast import literal_eval
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import spglib
from numpy.typing import NDArray

Array = NDArray[np.int64]

EDGE = 48  # parts of a cell edge
BINS = 24  # of a free coordinate; their centres are odd 48ths
MAX_POINTS = 48
MAX_CENTRING = 4
MAX_LETTERS = 27
N_HALL = 530
CUBIC, HEXAGONAL = 517, 485  # Hall numbers of Pm-3m and P6/mmm, the symmetries of the axes
PATH = Path(__file__).with_name("wyckoff.npz")


@dataclass(frozen=True)
class Position:
    """A Wyckoff position by its representative, the points `matrix @ t + shift`."""

    matrix: Array
    shift: Array
    multiplicity: int

    @cached_property
    def free(self) -> list[int]:
        """The free coordinates; each stands for itself in the representative."""
        free = [j for j in range(3) if self.matrix[:, j].any()]
        assert all((self.matrix[j] == np.eye(3)[j]).all() and self.shift[j] == 0 for j in free)
        return free

    def holds(self, points: Array) -> NDArray[np.bool_]:
        """Whether points (`... x 3`) lie on the representative."""
        return ((points @ self.matrix.T + self.shift - points) % EDGE == 0).all(-1)


@dataclass(frozen=True)
class Group:
    """A space group in the standard setting: its number, operations and positions, the most special first."""

    number: int
    hall: int
    rotations: Array
    translations: Array
    positions: list[Position]

    @cached_property
    def centring(self) -> Array:
        """The centring translations, zero first."""
        pure = self.translations[(self.rotations == np.eye(3)).all((1, 2))]
        return pure[np.lexsort(pure.T[::-1])]

    @cached_property
    def is_translation(self) -> NDArray[np.bool_]:
        """Whether a shift belongs to the lattice, `48 x 48 x 48`."""
        table = np.zeros((EDGE,) * 3, dtype=bool)
        table[tuple(self.centring.T)] = True
        return table

    def equal(self, difference: Array) -> NDArray[np.bool_]:
        """Whether a difference of points (`... x 3`) is a lattice translation, with those of the centring."""
        x, y, z = np.moveaxis(difference % EDGE, -1, 0)
        return self.is_translation[x, y, z]

    @cached_property
    def polar(self) -> NDArray[np.bool_]:
        """The axes along which the origin is free."""
        return (self.rotations == np.eye(3, dtype=np.int64)).all(1).all(0)

    @property
    def system(self) -> str:
        """The crystal system."""
        last = {"triclinic": 2, "monoclinic": 15, "orthorhombic": 74, "tetragonal": 142, "trigonal": 167}
        last |= {"hexagonal": 194, "cubic": 230}
        return next(name for name, number in last.items() if self.number <= number)


def parse(triplet: str) -> tuple[Array, Array]:
    """The matrix and the shift of a coordinate triplet such as `-x+1/2, 2x, 0`."""
    matrix, shift = np.zeros((3, 3), dtype=np.int64), np.zeros(3, dtype=np.int64)
    for row, text in enumerate(triplet.split(",")):
        for sign, number, axis in re.findall(r"([+-]?)([\d/]*)([xyz]?)", text.replace(" ", "")):
            if axis:
                matrix[row, "xyz".index(axis)] += int(sign + (number or "1"))
            elif number:
                part = Fraction(sign + number) * EDGE
                assert part.denominator == 1
                shift[row] += int(part)
    return matrix, shift % EDGE


def operations(hall: int) -> tuple[Array, Array]:
    """The operations of a Hall number, the identity first."""
    found = spglib.get_symmetry_from_database(hall)
    translations = found["translations"] * EDGE
    assert np.allclose(translations, translations.round(), atol=1e-4)
    return found["rotations"].astype(np.int64), translations.round().astype(np.int64) % EDGE


def as_set(rotations: Array, translations: Array) -> set[tuple[int, ...]]:
    """The operations in no order."""
    return set(map(tuple, np.hstack([rotations.reshape(-1, 9), translations % EDGE]).tolist()))


def groups() -> list[Group]:
    """The 230 groups; for each the Hall number of which the operations are exactly those of the general position."""
    halls: dict[int, list[int]] = {}
    for hall in range(1, N_HALL + 1):
        halls.setdefault(spglib.get_spacegroup_type(hall).number, []).append(hall)
    spec = importlib.util.find_spec("pyxtal")
    assert spec is not None
    assert spec.submodule_search_locations
    with (Path(spec.submodule_search_locations[0]) / "database" / "wyckoff_list.csv").open() as file:
        rows = [row[1] for row in csv.reader(file)][2:]
    result = []
    for number, row in enumerate(rows, start=1):
        orbits: list[list[str]] = literal_eval(row)
        matrices, shifts = zip(*map(parse, orbits[0]), strict=True)
        wanted = as_set(np.stack(matrices), np.stack(shifts))
        hall = next(hall for hall in halls[number] if as_set(*operations(hall)) == wanted)
        positions = [Position(*parse(orbit[0]), len(orbit)) for orbit in reversed(orbits)]
        result.append(Group(number, hall, *operations(hall), positions))
    return result


def orbit(group: Group, position: Position) -> tuple[Array, Array]:
    """Matrices and shifts of the points in the primitive cell, the representative first."""
    kept: list[tuple[Array, Array]] = []
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        matrix, shift = rotation @ position.matrix, (rotation @ position.shift + translation) % EDGE
        if not any((matrix == other).all() and group.equal(shift - known) for other, known in kept):
            kept.append((matrix, shift))
    assert len(kept) * len(group.centring) == position.multiplicity
    matrices, shifts = zip(*kept, strict=True)
    assert (matrices[0] == position.matrix).all()
    assert (shifts[0] == position.shift).all()
    return np.stack(matrices), np.stack(shifts)


def asked(group: Group, position: Position) -> list[int]:
    """The free coordinates, those along polar axes last."""
    return sorted(position.free, key=lambda j: (group.polar[j], j))


def canonical(group: Group, position: Position) -> NDArray[np.bool_]:
    """Which combinations of bins stand for their orbit, in lexicographic order of the coordinates as asked for."""
    order = asked(group, position)
    index = np.arange(BINS ** len(order))
    t = np.zeros((len(index), 3), dtype=np.int64)
    weight = np.zeros(3, dtype=np.int64)
    for place, j in enumerate(reversed(order)):
        weight[j] = BINS**place
        t[:, j] = 2 * (index // weight[j] % BINS) + 1
    points = t @ position.matrix.T + position.shift
    smallest = index.copy()
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        image = (points @ rotation.T + translation) % EDGE
        written = position.holds(image) & (image[:, order] % 2 == 1).all(-1)
        smallest = np.where(written, np.minimum(smallest, image // 2 @ weight), smallest)
    matrices, shifts = orbit(group, position)
    collapsed = np.zeros(len(index), dtype=bool)
    for matrix, shift in zip(matrices[1:], shifts[1:], strict=True):
        collapsed |= group.equal(t @ matrix.T + shift - points)
    return (smallest == index) & ~collapsed


def site_symmetry(group: Group, position: Position) -> str:
    """The symbol of the site symmetry, oriented along the axes of the group, by spglib."""
    rng = np.random.default_rng(group.number)
    lattice = np.diag([5.0, 6.1, 7.3])
    if group.system in ("tetragonal", "cubic"):
        lattice = np.diag([5.0, 5.0, 7.3 if group.system == "tetragonal" else 5.0])
    elif group.system in ("trigonal", "hexagonal"):
        lattice = np.array([[5, 0, 0], [-2.5, 2.5 * 3**0.5, 0], [0, 0, 7.3]])
    elif group.number <= 15:
        lattice[2, 0] = -1.3
        lattice[1] += [0.7, 0, 0.9] if group.number <= 2 else 0
    points: list[NDArray[np.float64]] = []
    kinds: list[int] = []
    for kind, place in enumerate([position, group.positions[-1], group.positions[-1], group.positions[-1]]):
        start = place.matrix @ rng.random(3) + place.shift / EDGE
        images = (group.rotations @ start + group.translations / EDGE) % 1
        distance = np.abs((images[:, None] - images[None] + 0.5) % 1 - 0.5).max(-1)
        images = images[[not (distance[i, :i] < 1e-6).any() for i in range(len(images))]]
        assert len(images) == place.multiplicity
        points.extend(images)
        kinds.extend([kind] * len(images))
    found = spglib.get_symmetry_dataset((lattice, points, kinds), symprec=1e-5, hall_number=group.hall)
    assert found is not None
    assert found.number == group.number
    return str(found.site_symmetry_symbols[0])


def normaliser(group: Group) -> list[tuple[Array, Array, tuple[int, ...]]]:
    """Operations that map the group onto itself, one for each permutation of the letters, the identity first."""
    hexagonal = group.system in ("trigonal", "hexagonal")
    rotations = np.unique(operations(HEXAGONAL if hexagonal else CUBIC)[0], axis=0)
    axis = {"monoclinic": 1, "tetragonal": 2}.get(group.system)
    if axis is not None:
        rotations = rotations[rotations[:, axis, axis] != 0]
    rotations = rotations[np.argsort((rotations != np.eye(3)).any((1, 2)), kind="stable")]
    steps = np.arange(0, EDGE, EDGE // (12 if hexagonal else 8))
    grid = np.stack(np.meshgrid(*[steps[:1] if polar else steps for polar in group.polar], indexing="ij"), -1)
    own = {tuple(r.ravel()): t for r, t in zip(group.rotations, group.translations, strict=True)}
    found: dict[tuple[int, ...], tuple[Array, Array]] = {}
    covered: set[tuple[int, ...]] = set()
    for rotation in rotations:
        if tuple(rotation.ravel()) in covered:  # it differs by an operation of the group from one that came before
            continue
        covered |= {tuple((other @ rotation).ravel()) for other in group.rotations}
        for shift in translations_that_normalise(group, rotation, grid.reshape(-1, 3), own):
            found.setdefault(letters(group, rotation, shift), (rotation, shift))
    assert next(iter(found)) == tuple(range(len(group.positions)))
    assert all(tuple(p[q[i]] for i in range(len(p))) in found for p in found for q in found)
    return [(rotation, shift, permutation) for permutation, (rotation, shift) in found.items()]


def translations_that_normalise(
    group: Group, rotation: Array, shifts: Array, own: dict[tuple[int, ...], Array]
) -> Array:
    """Of the shifts, those that together with the rotation map the group's operations `own` onto themselves."""
    if not group.equal(group.centring @ rotation.T).all():
        return shifts[:0]
    inverse = np.linalg.inv(rotation).round().astype(np.int64)
    for flat, translation in own.items():
        conjugate = rotation @ np.array(flat).reshape(3, 3) @ inverse
        image = own.get(tuple(conjugate.ravel()))
        if image is None:
            return shifts[:0]
        shifts = shifts[group.equal(rotation @ translation + shifts - shifts @ conjugate.T - image)]
    return shifts


def letters(group: Group, rotation: Array, shift: Array) -> tuple[int, ...]:
    """The position onto which an operation of the normaliser maps each one."""

    def image(position: Position) -> int:
        matrix, origin = rotation @ position.matrix, rotation @ position.shift + shift
        matrices, origins = group.rotations @ matrix, group.rotations @ origin + group.translations
        for index, other in enumerate(group.positions):
            if (len(other.free), other.multiplicity) != (len(position.free), position.multiplicity):
                continue
            if (other.holds(origins) & (other.matrix @ matrices == matrices).all((1, 2))).any():
                return index
        raise AssertionError(f"an operation of the normaliser of group {group.number} maps a position onto none")

    permutation = tuple(image(position) for position in group.positions)
    assert sorted(permutation) == list(range(len(permutation)))
    return permutation


class Automaton:
    """Subgroups of permutations of the letters as nodes, and the step to those that keep one more letter."""

    def __init__(self) -> None:
        self.node: dict[frozenset[tuple[int, ...]], int] = {}
        self.next_node: list[list[int]] = [[0] * MAX_LETTERS]
        self.opens: list[list[bool]] = [[True] * MAX_LETTERS]

    def add(self, subgroup: frozenset[tuple[int, ...]]) -> int:
        """The node of a subgroup; new ones are followed to the end, the trivial one is node 0."""
        if len(subgroup) == 1:
            return 0
        if subgroup not in self.node:
            self.node[subgroup] = number = len(self.opens)
            n = len(next(iter(subgroup)))
            self.opens.append([i < n and all(p[i] >= i for p in subgroup) for i in range(MAX_LETTERS)])
            self.next_node.append([number] * MAX_LETTERS)
            for i in range(n):
                self.next_node[number][i] = self.add(frozenset(p for p in subgroup if p[i] == i))
        return self.node[subgroup]


def as_bytes(words: list[str]) -> NDArray[np.uint8]:
    """Words as plain numbers, a line each."""
    return np.frombuffer("\n".join(words).encode(), dtype=np.uint8)


def padded(rows: Array, length: int) -> Array:
    """The rows, and the first one again up to `length`."""
    return np.concatenate([rows, np.repeat(rows[:1], length - len(rows), 0)])


def tables(all_groups: list[Group]) -> dict[str, NDArray[np.generic]]:
    """Everything that the loader reads."""
    types = [spglib.get_spacegroup_type(group.hall) for group in all_groups]
    pairs = [(group, position) for group in all_groups for position in group.positions]
    orbits = [orbit(group, position) for group, position in pairs]
    operations_of = [normaliser(group) for group in all_groups]
    moves = [move for found in operations_of for move in found]
    automaton = Automaton()
    start = [automaton.add(frozenset(permutation for *_, permutation in found)) for found in operations_of]
    fixed_last = [asked(group, position) for group, position in pairs]
    small, wide = np.int8, np.int16
    return {
        "first": np.cumsum([0] + [len(group.positions) for group in all_groups]).astype(wide),
        "multiplicity": np.array([position.multiplicity for _, position in pairs], dtype=wide),
        "atoms": np.array([len(shifts) for _, shifts in orbits], dtype=small),
        "asked": np.array([[*order, -1, -1, -1][:3] for order in fixed_last], dtype=small),
        "matrix": np.stack([padded(matrices, MAX_POINTS) for matrices, _ in orbits]).astype(small),
        "shift": np.stack([padded(shifts, MAX_POINTS) for _, shifts in orbits]).astype(small),
        "hall": np.array([group.hall for group in all_groups], dtype=wide),
        "centring": np.stack([padded(group.centring, MAX_CENTRING) for group in all_groups]).astype(small),
        "n_centring": np.array([len(group.centring) for group in all_groups], dtype=small),
        "polar": np.stack([group.polar for group in all_groups]),
        "canonical": np.concatenate([np.packbits(canonical(*pair)) for pair in pairs]),
        "first_move": np.cumsum([0] + [len(found) for found in operations_of]).astype(wide),
        "move_rotation": np.stack([rotation for rotation, _, _ in moves]).astype(small),
        "move_translation": np.stack([shift for _, shift, _ in moves]).astype(small),
        "move_letters": np.array([[*p, *[-1] * MAX_LETTERS][:MAX_LETTERS] for _, _, p in moves], dtype=small),
        "start_node": np.array(start, dtype=wide),
        "next_node": np.array(automaton.next_node, dtype=wide),
        "opens": np.array(automaton.opens),
        "site_symmetry": as_bytes([site_symmetry(*pair) for pair in pairs]),
        "crystal_system": as_bytes([group.system for group in all_groups]),
        "point_group": as_bytes([kind.pointgroup_international for kind in types]),
        "symbol": as_bytes([kind.international_short for kind in types]),
    }


def main() -> None:
    """Write the tables."""
    arrays = tables(groups())
    np.savez_compressed(PATH, **arrays)
    print(
        f"{len(arrays['multiplicity'])} positions, {len(arrays['move_letters'])} operations of normalisers, "
        f"{len(arrays['opens'])} nodes, {PATH.stat().st_size / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    main()
