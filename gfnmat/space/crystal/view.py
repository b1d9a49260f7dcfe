"""What a policy sees of a partial crystal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi

import torch
from torch import Tensor

from gfnmat.space.crystal.grammar import CrystalGrammar
from gfnmat.space.crystal.placement import N_LETTERS
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import EDGE, N_GROUPS

SEEN_SITES = 8  # sites whose coordinates are seen


@dataclass(frozen=True)
class CrystalView:
    """Numbers that describe a state, most of them between 0 and 1.

    Those of the composition; one-hot, what the next word says, the group, the element that it is about, its last letter
    and the letter of its site; atoms on each letter; bins of the cell; coordinates of the current and the first sites.
    """

    grammar: CrystalGrammar

    @property
    def n_features(self) -> int:
        """How many numbers there are."""
        numbers = N_LETTERS + 1 + cell.N_SHAPE + 1 + 6 * (1 + SEEN_SITES)
        return self.grammar.composition.n_features + numbers + sum(self._sizes)

    def __call__(self, state: Tensor) -> Tensor:
        """The features, `... x n_features` float32."""
        flat = state.reshape(-1, state.shape[-1])
        return self._of_rows(flat).reshape(*state.shape[:-1], self.n_features)

    def _of_rows(self, state: Tensor) -> Tensor:
        grammar, c = self.grammar, self.grammar.columns
        rows = torch.arange(len(state), device=state.device)
        phase, n_sites = state[:, c.PHASE], state[:, c.N_SITES]
        exists = torch.arange(grammar.max_sites, device=state.device) < n_sites[:, None]
        group = (state[:, c.GROUP] - 1).clamp(min=0)
        letters = state[:, c.POSITION] - grammar.tables.placement.position[group, :1]
        letters = torch.where(exists, letters, 0)
        atoms = torch.where(exists, grammar.tables.atoms[state[:, c.POSITION]], 0)
        on_letter = torch.zeros(len(state), N_LETTERS, dtype=torch.int64, device=state.device)
        on_letter.scatter_add_(1, letters, atoms)

        site, at_site = state[:, c.SITE], phase == Phase.COORDINATES
        block = state[:, c.BLOCK].clamp(max=grammar.composition.max_elements - 1)
        element = torch.where(phase == Phase.LETTERS, state[rows, c.ELEMENT.start + block] + 1, 0)
        element = torch.where(at_site, state[rows, c.OWNER.start + site] + 1, element)
        letter = torch.where(at_site, letters[rows, site] + 1, 0)
        place = torch.where(at_site, state[:, c.PLACE] + 1, 0)
        slot = torch.where(phase == Phase.SHAPE, state[:, c.SLOT], cell.N_SHAPE)

        coordinates = state[:, c.COORDINATES].unflatten(1, (grammar.max_sites, 3))
        current = coordinates[rows, site] * at_site[:, None]
        seen = torch.nn.functional.pad(coordinates, (0, 0, 0, max(0, SEEN_SITES - grammar.max_sites)))[:, :SEEN_SITES]
        places = torch.cat([current[:, None], seen], dim=1).flatten(1)
        angle = places.float() * (2 * pi / EDGE)
        known = places > 0
        numbers = torch.cat(
            [
                grammar.composition.features(state[:, : grammar.composition.s0.shape[0]]),
                on_letter / grammar.composition.max_atoms,
                (state[:, c.REMAINING] / grammar.composition.max_atoms)[:, None],
                (state[:, c.SHAPE] + 1) / cell.RATIO_BINS,
                (state[:, c.VOLUME, None] + 1) / cell.VOLUME_BINS,
                angle.sin() * known,
                angle.cos() * known,
            ],
            dim=1,
        )
        words = torch.stack([phase, state[:, c.GROUP], element, state[:, c.LETTER], letter, slot, place], dim=1)
        features = torch.zeros(len(state), self.n_features, device=state.device)
        features[:, : numbers.shape[1]] = numbers
        return features.scatter_(1, words + self._begins, 1.0)

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """How many values each of the words in `_of_rows` can have."""
        n_elements = self.grammar.composition.n_elements
        return len(Phase), N_GROUPS + 1, n_elements + 1, N_LETTERS + 1, N_LETTERS + 1, cell.N_SHAPE + 1, 4

    @cached_property
    def _begins(self) -> Tensor:
        """The first column of each word."""
        ends = torch.tensor(self._sizes).cumsum(0)
        return (ends - torch.tensor(self._sizes) + self.n_features - ends[-1]).to(self.grammar.device)
