"""One way to read a known crystal: the orbits on their Wyckoff positions, and the bins near its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from gfnmat.space.encoding.cell_reading import HAIR, Options
from gfnmat.space.encoding.normaliser import Floats, Integers
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.wyckoff import BINS, load_wyckoff_tables

SHAPE_COST, VOLUME_COST = 2.0, 0.5  # of a bin more or less, where one of a coordinate costs one
FURTHEST = 2  # bins from a coordinate to the nearest that is canonical

Place = tuple[float, tuple[int, ...]]
"""Bins of an orbit's free coordinates in the order asked, after their squared distance (in bins) from the orbit."""

Sentence = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, tuple[int, ...], int, int], ...]]
"""Group, bins of the shape and of the volume, and the sites in the order of the grammar: rank of the element, letter,
bins in the order asked, atomic number, position."""


@dataclass(frozen=True)
class Site:
    """An orbit on its Wyckoff position.

    Attributes:
        rank: of the element, in the order of the grammar.
        number: of the element.
        position: the Wyckoff position.
        coordinates: the free ones of each point that has the form of the representative, in bins, in the order asked,
            `points x free`.
        at_origin: which of these the choice of the origin fixes, `free`.
    """

    rank: int
    number: int
    position: int
    coordinates: Floats
    at_origin: NDArray[np.bool_]

    def places(self, reach: int) -> list[Place]:
        """The canonical bins within so many bins of a point, the nearest first."""
        free = self.coordinates.shape[1]
        if not free:
            return [(0.0, ())]
        steps = _steps(free, reach)
        steps = steps[(steps[:, self.at_origin] == 0).all(1)]
        near = np.floor(self.coordinates + HAIR)[:, None] + steps
        distances = ((self.coordinates[:, None] - near - 0.5) ** 2).sum(-1).ravel()
        bins = near.reshape(-1, free).astype(np.int64) % BINS
        canonical = _canonical(self.position)[tuple(bins.T)]
        found: dict[tuple[int, ...], float] = {}
        for combination, distance in zip(map(tuple, bins[canonical].tolist()), distances[canonical], strict=True):
            found[combination] = min(float(distance), found.get(combination, np.inf))
        return sorted((round(distance, 3), combination) for combination, distance in found.items())

    @cached_property
    def place(self) -> Place | None:
        """The bins in which a point is if they are canonical, else the nearest that are."""
        return next((places[0] for reach in range(FURTHEST + 1) if (places := self.places(reach))), None)


@dataclass(frozen=True)
class Reading:
    """A crystal whose numbers can be put into bins.

    Attributes:
        group: the space group.
        shape: options for the five numbers of shape.
        volume: options for the volume.
        sites: in any order; all of them have a place.
    """

    group: int
    shape: list[Options]
    volume: Options
    sites: list[Site]

    @cached_property
    def distance(self) -> float:
        """Summed squared distances from the centres of the nearest bins, in bins."""
        numbers = sum(options[0][0] for options in (*self.shape, self.volume))
        return numbers + sum(site.place[0] for site in self.sites if site.place is not None)

    @cached_property
    def sentence(self) -> Sentence:
        """The crystal in the nearest bins."""
        bins = [site.place[1] for site in self.sites if site.place is not None]
        return self._sentence([options[0][1] for options in self.shape], self.volume[0][1], bins)

    @property
    def preference(self) -> tuple[float, Sentence]:
        """The less, the better."""
        return round(self.distance, 2), self.sentence

    def neighbours(self) -> Iterator[tuple[float, Sentence]]:
        """Crystals in these and neighbouring bins, the nearest first, with their distance."""
        slots = [
            *(_slot(options, SHAPE_COST) for options in self.shape),
            _slot(self.volume, VOLUME_COST),
            *(site.places(1) or site.places(FURTHEST) for site in self.sites),
        ]
        n_shape = len(self.shape)
        for distance, choice in _combinations(slots):
            shape, (volume,), bins = choice[:n_shape], choice[n_shape], choice[n_shape + 1 :]
            yield distance, self._sentence([chosen for (chosen,) in shape], volume, bins)

    def _sentence(self, shape: Sequence[int], volume: int, bins: Sequence[tuple[int, ...]]) -> Sentence:
        letter = load_wyckoff_tables().letter
        words = (
            (site.rank, int(letter[site.position]), chosen, site.number, site.position)
            for site, chosen in zip(self.sites, bins, strict=True)
        )
        return self.group, tuple(shape), volume, tuple(sorted(words))


def crystals_of(sentences: Iterable[Sentence]) -> Crystals:
    """The sentences, all with as many sites, as a batch without repetition."""
    distinct = list(dict.fromkeys(sentences))
    asked = load_wyckoff_tables().asked.numpy()
    groups, shapes, volumes, crystals = zip(*distinct, strict=True)
    bins = np.full((len(distinct), len(crystals[0]), 3), -1)
    for row, sites in enumerate(crystals):
        for column, (_, _, chosen, _, position) in enumerate(sites):
            bins[row, column, asked[position, : len(chosen)]] = chosen
    return Crystals(
        group=torch.tensor(groups),
        shape=torch.tensor(shapes),
        volume=torch.tensor(volumes),
        number=torch.tensor([[number for _, _, _, number, _ in sites] for sites in crystals]),
        letter=torch.tensor([[letter for _, letter, _, _, _ in sites] for sites in crystals]),
        bins=torch.from_numpy(bins),
    )


def _slot(options: Options, cost: float) -> list[Place]:
    """Options for a number of the cell at the cost of a bin."""
    return [(cost * distance, (chosen,)) for distance, chosen in options]


def _combinations(slots: Sequence[Sequence[Place]]) -> Iterator[tuple[float, list[tuple[int, ...]]]]:
    """Choices of one option from each slot by the sum of their costs, the least first; slots are in such an order."""
    queue = [(sum(options[0][0] for options in slots), (0,) * len(slots), 0)]
    while queue:
        cost, chosen, last = heappop(queue)
        yield cost, [options[index][1] for options, index in zip(slots, chosen, strict=True)]
        for slot in range(last, len(slots)):  # slots advance in order, so that each choice is met once
            options, following = slots[slot], chosen[slot] + 1
            if following < len(options):
                more = options[following][0] - options[following - 1][0]
                heappush(queue, (cost + more, (*chosen[:slot], following, *chosen[slot + 1 :]), slot))


@lru_cache(maxsize=3 * (FURTHEST + 1))
def _steps(free: int, reach: int) -> Integers:
    """All steps of up to `reach` bins of the free coordinates, `n x free`."""
    return np.array(list(product(range(-reach, reach + 1), repeat=free)))


@lru_cache(maxsize=2000)
def _canonical(position: int) -> NDArray[np.bool_]:
    """See `WyckoffTables.canonical`."""
    return np.asarray(load_wyckoff_tables().canonical(position).numpy())
