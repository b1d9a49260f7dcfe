"""Structure prototypes, and the ways to place the elements of a formula on their sites."""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

PAIR_CUTOFF = 2.0
"""Contacts are listed up to this distance at 1 A^3/atom: beyond the second shell of any compound."""

Pattern = tuple[int, ...]
"""The counts of a reduced formula in ascending order."""


@dataclass(frozen=True)
class Contacts:
    """Distances between sites at 1 A^3/atom: orbits of the two ends, distance (A) and number per cell."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray
    number: np.ndarray


@dataclass(frozen=True, eq=False)
class Prototype:
    """A crystal structure without its elements, at 1 A^3/atom.

    orbits: for each site of the primitive cell, its set of symmetry-equivalent sites.
    species: for each orbit, the element of the original; madelung: see `oracles/data/make_prototypes.py`.
    """

    name: str
    space_group: int
    lattice: np.ndarray
    coords: np.ndarray
    orbits: np.ndarray
    species: tuple[str, ...]
    madelung: np.ndarray

    @cached_property
    def multiplicities(self) -> np.ndarray:
        """Sites of each orbit."""
        return np.bincount(self.orbits)

    @cached_property
    def contacts(self) -> Contacts:
        """The distances up to `PAIR_CUTOFF`, equal ones between the same orbits merged."""
        first, second, _, distances = self.substitute(["H"] * len(self.species)).get_neighbor_list(PAIR_CUTOFF)
        rows = np.column_stack([self.orbits[first], self.orbits[second], distances.round(4)])
        merged, number = np.unique(rows, axis=0, return_counts=True)
        return Contacts(merged[:, 0].astype(int), merged[:, 1].astype(int), merged[:, 2], number)

    def substitute(self, elements: list[str], volume: float = 1.0) -> Structure:
        """Return the structure with `elements` (one an orbit) at `volume` (A^3/atom)."""
        from pymatgen.core import Structure

        return Structure(self.lattice * volume ** (1 / 3), [elements[k] for k in self.orbits], self.coords)


@cache
def library() -> tuple[Prototype, ...]:
    """Return the shipped prototypes: ordered, at most 20 sites and 8 orbits."""
    data = json.loads(gzip.decompress(files("oracles").joinpath("data", "prototypes.json.gz").read_bytes()))
    return tuple(
        Prototype(
            entry["name"],
            entry["space_group"],
            np.array(entry["lattice"]),
            np.array(entry["coords"]),
            np.array(entry["orbits"]),
            tuple(entry["species"]),
            np.array(entry["madelung"]),
        )
        for entry in data
    )


def pattern(counts: Collection[int]) -> Pattern:
    """Return the counts of a formula without its elements, such as (2, 3) for Al2O3."""
    divisor = gcd(*counts)
    return tuple(sorted(count // divisor for count in counts))


@cache
def patterns() -> frozenset[Pattern]:
    """Return every pattern that some prototype can hold."""
    return frozenset(
        pattern(np.bincount(groups, weights=prototype.multiplicities).astype(int).tolist())
        for prototype in library()
        for groups in _groupings(len(prototype.species))
    )


@cache
def placements(counts: Pattern) -> tuple[tuple[Prototype, tuple[tuple[int, ...], ...]], ...]:
    """Return, for each prototype that can hold the pattern, the ways to give each orbit a position in it.

    A way says for each orbit which count of `counts` (by index) it contributes to. Ways that differ by an
    exchange of equal counts are all listed, since different elements have them.
    """
    found = []
    for prototype in library():
        cells, rest = divmod(len(prototype.orbits), sum(counts))
        if not rest and len(prototype.species) >= len(counts):
            room = [cells * count for count in counts]
            if ways := tuple(_fill(prototype.multiplicities.tolist(), room)):
                found.append((prototype, ways))
    return tuple(found)


def _fill(multiplicities: list[int], room: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield the assignments of orbits to elements that fill each element's room exactly."""
    if not multiplicities:
        yield ()
        return
    for element, free in enumerate(room):
        if free >= multiplicities[0]:
            left = [n - multiplicities[0] * (k == element) for k, n in enumerate(room)]
            for rest in _fill(multiplicities[1:], left):
                yield (element, *rest)


def _groupings(n: int, used: int = 0) -> Iterator[tuple[int, ...]]:
    """Yield every way to split `n` orbits into groups, as group numbers in order of first appearance."""
    if n == 0:
        yield ()
        return
    for group in range(used + 1):
        for rest in _groupings(n - 1, max(used, group + 1)):
            yield (group, *rest)
