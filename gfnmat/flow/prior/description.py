"""Partial crystals in numbers that mean the same in every space: of elements their properties, never which they are."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from gfnmat.space.crystal.placement import N_LETTERS
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import EDGE

if TYPE_CHECKING:
    from gfnmat.space.crystal.grammar import CrystalGrammar

PROPERTIES = (
    "Electronegativity",
    "CovalentRadius",
    "MendeleevNumber",
    "Row",
    "NsValence",
    "NpValence",
    "NdValence",
    "NfValence",
)
"""Of an element, from Magpie's tables; the first is the electronegativity."""
SLOTS = 5  # elements that are described, in ascending electronegativity; a formula's others are not
COUNTS = 8  # counts of an element in the reduced formula that are told apart
UNITS = 4  # formula units in the primitive cell that are told apart
USES = 2  # earlier uses of a position that are told apart from more
LARGE = 20  # atoms in a large cell

N_OF_FORMULA = SLOTS * (len(PROPERTIES) + 1 + COUNTS) + len(PROPERTIES) + 3 + UNITS + SLOTS
N_OF_SITES = 3 * SLOTS + 3 + SLOTS + len(PROPERTIES)
N_OF_CELL = 3 * cell.N_SHAPE
N_OF_COORDINATES = 2 + 3 + 3 + 1 + 6 * 2
N_NUMBERS = N_OF_FORMULA + N_OF_SITES + N_OF_CELL + N_OF_COORDINATES
N_OF_LETTER = 4 * (USES + 1) + 6


class Described(NamedTuple):
    """n partial crystals.

    Attributes:
        numbers: of formula, sites, cell and coordinates, most between -1 and 1, `n x N_NUMBERS` float32.
        group: the space group, 0 where there is none yet, `n`.
        position: the Wyckoff position whose coordinate is asked for; any where none is, `n`.
        place: which of its coordinates that is, `n`.
        letters: of each letter that may come next, `n x 27 x N_OF_LETTER` float32; no rows where none is asked for.
        positions: the Wyckoff position of each, 0 where the group has no such letter, `n x 27`; or no rows.
    """

    numbers: Tensor
    group: Tensor
    position: Tensor
    place: Tensor
    letters: Tensor
    positions: Tensor


class CrystalDescription:
    """Describes the states of an environment.

    Args:
        grammar: of the environment.
    """

    def __init__(self, grammar: CrystalGrammar) -> None:
        self.grammar = grammar
        self._properties = properties_of(grammar.composition.numbers).to(grammar.device)

    def __call__(self, state: Tensor, phase: Phase) -> Described:
        """States `n x columns` that are all of one phase."""
        c = self.grammar.columns
        rows = torch.arange(len(state), device=state.device)
        position = state[rows, c.POSITION.start + state[:, c.SITE]]
        parts = [self._of_formula(state), *(state.new_zeros(len(state), n) for n in (N_OF_SITES, N_OF_CELL))]
        parts.append(state.new_zeros(len(state), N_OF_COORDINATES))
        if phase > Phase.GROUP:
            parts[1] = self._of_sites(state, phase)
        if phase > Phase.LETTERS:
            parts[2] = self._of_cell(state, phase)
        if phase == Phase.COORDINATES:
            parts[3] = self._of_coordinates(state, position)
        letters, positions = self._of_letters(state[: len(state) if phase == Phase.LETTERS else 0])
        place = state[:, c.PLACE].clamp(max=2)
        return Described(torch.cat(parts, 1).float(), state[:, c.GROUP], position, place, letters, positions)

    def _elements(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """The elements in the order of the grammar, -1 beyond, and their atoms, `n x SLOTS` both."""
        c = self.grammar.columns
        room = (0, max(0, SLOTS - (c.ELEMENT.stop - c.ELEMENT.start)))
        return pad(state[:, c.ELEMENT], room, value=-1)[:, :SLOTS], pad(state[:, c.COUNT], room)[:, :SLOTS]

    def _of_formula(self, state: Tensor) -> Tensor:
        element, count = self._elements(state)
        exists = element >= 0
        atoms = state[:, self.grammar.columns.COUNT].sum(1, keepdim=True)
        units = count[:, 0]
        for column in count.unbind(1):
            units = torch.gcd(units, column)
        properties = self._properties[element.clamp(min=0)] * exists[..., None]
        share = count / atoms
        reduced = (count // units[:, None]).clamp(max=COUNTS)
        mean = (properties * share[..., None]).sum(1)
        last = exists.sum(1, keepdim=True) - 1
        chi = properties[..., 0]
        return torch.cat(
            [
                properties.flatten(1),
                share,
                one_hot(reduced, COUNTS + 1)[..., 1:].flatten(1),
                mean,
                atoms / LARGE,
                atoms.log() / 3,
                chi.gather(1, last) - chi[:, :1],
                one_hot(units.clamp(max=UNITS) - 1, UNITS),
                one_hot(last[:, 0], SLOTS),
            ],
            1,
        )

    def _of_sites(self, state: Tensor, phase: Phase) -> Tensor:
        c, tables = self.grammar.columns, self.grammar.tables
        rows = torch.arange(len(state), device=state.device)
        element, count = self._elements(state)
        atoms = count.sum(1, keepdim=True)
        exists = torch.arange(self.grammar.max_sites, device=state.device) < state[:, c.N_SITES, None]
        owned = (state[:, c.OWNER, None] == element[:, None]) & exists[..., None]  # n x S x slots
        position = state[:, c.POSITION]
        of_site = torch.where(exists, tables.atoms[position], 0)
        fixed = (tables.freedom[position] == 0) * of_site
        if phase == Phase.LETTERS:
            current = state[:, c.BLOCK, None] == torch.arange(SLOTS, device=state.device)
        else:
            current = owned[rows, state[:, c.SITE]] & (phase == Phase.COORDINATES)
        of_element = (self._properties[element.clamp(min=0)] * current[..., None]).sum(1)
        return torch.cat(
            [
                (owned * of_site[..., None]).sum(1) / atoms,
                (owned * fixed[..., None]).sum(1) / atoms,
                owned.sum(1) / atoms,
                state[:, c.N_SITES, None] / atoms,
                state[:, c.REMAINING, None] / atoms,
                state[:, c.LETTER, None] / N_LETTERS,
                current,
                of_element,
            ],
            1,
        )

    def _of_cell(self, state: Tensor, phase: Phase) -> Tensor:
        c = self.grammar.columns
        shape = state[:, c.SHAPE]
        known = shape >= 0
        middle = torch.tensor(cell.SHAPE_BINS, device=state.device) / 2
        slot = torch.arange(cell.N_SHAPE, device=state.device) == state[:, c.SLOT, None]
        return torch.cat([(shape + 0.5 - middle) / middle * known, known, slot & (phase == Phase.SHAPE)], 1)

    def _of_coordinates(self, state: Tensor, position: Tensor) -> Tensor:
        c, tables = self.grammar.columns, self.grammar.tables
        rows = torch.arange(len(state), device=state.device)
        site, place = state[:, c.SITE], state[:, c.PLACE]
        before = (site - 1).clamp(min=0)
        follows = (site > 0) & (state[rows, c.POSITION.start + before] == position)
        follows &= state[rows, c.OWNER.start + before] == state[rows, c.OWNER.start + site]
        asked = torch.arange(3, device=state.device)
        known = torch.cat([asked < place[:, None], follows[:, None].expand(-1, 3)], 1)
        bins = torch.cat([self.grammar.asked_bins(state, at, position) for at in (site, before)], 1)
        angle = (2 * bins + 1) * (2 * pi / EDGE)
        n_sites, atoms = state[:, c.N_SITES, None], state[:, c.COUNT].sum(1, keepdim=True)
        return torch.cat(
            [
                site[:, None] / n_sites,
                tables.atoms[position][:, None] / atoms,
                one_hot(tables.freedom[position].clamp(min=1) - 1, 3),
                one_hot(place, 3),
                follows[:, None],
                angle.sin() * known,
                angle.cos() * known,
            ],
            1,
        )

    def _of_letters(self, state: Tensor) -> tuple[Tensor, Tensor]:
        c, tables = self.grammar.columns, self.grammar.tables
        group, letter = state[:, c.GROUP] - 1, torch.arange(N_LETTERS, device=state.device)
        position = tables.placement.position[group]
        exists = torch.arange(self.grammar.max_sites, device=state.device) < state[:, c.N_SITES, None]
        uses = ((state[:, c.POSITION][:, None] == position[..., None]) & exists[:, None]).sum(-1)
        position = position.clamp(min=0)
        atoms, remaining = tables.atoms[position], state[:, c.REMAINING, None]
        kind = tables.freedom[position] * (USES + 1) + uses.clamp(max=USES)
        numbers = [
            atoms.log(),
            (atoms / remaining).clamp(max=2),
            atoms == remaining,
            atoms / tables.general_atoms[group][:, None],
            letter == state[:, c.LETTER, None] - 1,
            (letter / N_LETTERS).expand(len(state), -1),
        ]
        kinds = one_hot(kind, 4 * (USES + 1)).float()
        return torch.cat([kinds, torch.stack([part.float() for part in numbers], -1)], -1), position


def properties_of(numbers: Tensor) -> Tensor:
    """`PROPERTIES` of elements by atomic number, standardised over all elements, `E x P`."""
    from surrogates.magpie import MagpieFeatures

    magpie = MagpieFeatures(dtype=torch.float32)
    table = magpie.element_table[:, [magpie.properties.index(name) for name in PROPERTIES]]
    return ((table - table.mean(0)) / table.std(0))[numbers.cpu() - 1]
