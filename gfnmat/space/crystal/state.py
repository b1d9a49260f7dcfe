"""Where a state of the crystal grammar keeps what: one row of int64."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gfnmat.space.composition.counting import CountAutomaton
from gfnmat.space.composition.env import N_COLUMNS
from gfnmat.space.crystal.placement import N_LETTERS
from gfnmat.space.structure.cell import N_SHAPE, SHAPE_BINS, VOLUME_BINS
from gfnmat.space.structure.wyckoff import BINS, N_GROUPS

METRIC_UNIT = 1e-6  # A2; as a whole number a metric does not depend on how a batch was rounded


class Phase(IntEnum):
    """What the next word says."""

    COMPOSITION = 0
    GROUP = 1
    LETTERS = 2
    SHAPE = 3
    COORDINATES = 4
    VOLUME = 5
    DONE = 6


@dataclass(frozen=True)
class Words:
    """Where each kind of word begins among the actions; those of the composition come first.

    Attributes:
        group: the first of the 230 groups.
        letter: the first of the 27 letters.
        shape: the first bin of each of the five numbers of shape.
        volume: the first bin of the volume.
        coordinate: the first bin of a coordinate.
        n_actions: how many words there are; the last one ends the crystal.
    """

    group: int
    letter: int
    shape: tuple[int, ...]
    volume: int
    coordinate: int
    n_actions: int

    @classmethod
    def after(cls, n_composition: int) -> Words:
        """The words of crystals after so many of the composition."""
        letter = n_composition + N_GROUPS
        begin = letter + N_LETTERS
        shape = tuple(begin + sum(SHAPE_BINS[:slot]) for slot in range(N_SHAPE))
        volume = begin + sum(SHAPE_BINS)
        coordinate = volume + VOLUME_BINS
        return cls(n_composition, letter, shape, volume, coordinate, coordinate + BINS + 1)

    def of(self, phase: Phase) -> slice:
        """The words that can come in a phase."""
        begins = (0, self.group, self.letter, self.shape[0], self.coordinate, self.volume, self.n_actions - 1)
        ends = sorted([*begins[1:], self.n_actions])
        return slice(begins[phase], next(end for end in ends if end > begins[phase]))


class Columns:
    """The columns of a state, after those of the composition.

    With room for K elements and S sites; what is not known yet is 0 unless said otherwise.

    Attributes:
        PHASE: what the next word says.
        ELEMENT: the elements of the formula, as places among the space's elements, -1 beyond; K.
        COUNT: their atoms; K.
        REST: the counts that come after each, as `PlacementTables` numbers them; K.
        GROUP: the space group, from 1.
        BLOCK: which of the formula's elements is being placed.
        REMAINING: its atoms that have no site yet.
        LETTER: its last letter, from 1.
        TAKEN: the positions without freedom that are taken, as bits.
        NODE: of the letters' automaton.
        N_SITES: sites chosen so far.
        SHAPE: bins of the numbers of shape, -1 before; 5.
        SLOT: which of them is asked for next.
        VOLUME: bin of the volume, -1 before.
        SITE: the site whose coordinate is asked for next.
        PLACE: which of its coordinates that is, in the order of `WyckoffTables.asked`.
        POSITION: the Wyckoff position of each site; S.
        OWNER: the element of each site, as a place among the space's elements; S.
        COORDINATES: x, y, z of each site in 48ths; 3 S.
        TEMPLATES: which templates still agree, as bits.
        WRITTEN: words after the composition.
        METRIC: of the cell at the predicted volume, `cell.metric` in `METRIC_UNIT`; 0 before the shape; 6.
        width: how many columns there are.
    """

    def __init__(self, composition: int, max_elements: int, max_sites: int) -> None:
        self.width = composition
        self.PHASE = self._one()
        self.ELEMENT, self.COUNT, self.REST = (self._many(max_elements) for _ in range(3))
        self.GROUP = self._one()
        self.BLOCK, self.REMAINING, self.LETTER = self._one(), self._one(), self._one()
        self.TAKEN, self.NODE, self.N_SITES = self._one(), self._one(), self._one()
        self.SHAPE, self.SLOT, self.VOLUME = self._many(N_SHAPE), self._one(), self._one()
        self.SITE, self.PLACE = self._one(), self._one()
        self.POSITION, self.OWNER = self._many(max_sites), self._many(max_sites)
        self.COORDINATES = self._many(3 * max_sites)
        self.TEMPLATES, self.WRITTEN = self._one(), self._one()
        self.METRIC = self._many(6)

    @classmethod
    def of(cls, n_elements: int, counts: CountAutomaton) -> Columns:
        """The columns for so many elements to choose from and these counts."""
        return cls(n_elements + N_COLUMNS, int(counts.elements.max()), counts.max_atoms)

    def _one(self) -> int:
        self.width += 1
        return self.width - 1

    def _many(self, n: int) -> slice:
        self.width += n
        return slice(self.width - n, self.width)
