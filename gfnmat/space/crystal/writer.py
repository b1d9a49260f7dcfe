"""Writes the next word of a crystal into its state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.space.crystal.grammar import CrystalGrammar
from gfnmat.space.crystal.state import METRIC_UNIT, Phase
from gfnmat.space.crystal.templates import Templates
from gfnmat.space.structure import cell


@dataclass(frozen=True)
class CrystalWriter:
    """Appends words to states."""

    grammar: CrystalGrammar

    def written(self, state: Tensor, action: Tensor, phase: Phase) -> Tensor:
        """States `n x columns`, all of one phase, with one word more, `n`."""
        writer = {
            Phase.COMPOSITION: self._write_composition,
            Phase.GROUP: self._write_group,
            Phase.LETTERS: self._write_letter,
            Phase.SHAPE: self._write_shape,
            Phase.COORDINATES: self._write_coordinate,
            Phase.VOLUME: self._write_volume,
        }
        state = writer[phase](state.clone(), action)
        if self.grammar.templates is not None:
            self._follow_templates(self.grammar.templates, state, phase, action)
        return state

    def _follow_templates(self, templates: Templates, state: Tensor, phase: Phase, action: Tensor) -> None:
        """Notes in the states which templates still agree after the word that was written."""
        c = self.grammar.columns
        if phase == Phase.COMPOSITION:
            begins = (state[:, c.PHASE] == Phase.GROUP).nonzero().squeeze(-1)
            state[begins, c.TEMPLATES] = templates.with_counts(state[begins, c.COUNT])
        else:
            state[:, c.TEMPLATES] = templates.agreeing(state[:, c.TEMPLATES], state[:, c.WRITTEN], action)
            state[:, c.WRITTEN] += 1

    def _write_composition(self, state: Tensor, action: Tensor) -> Tensor:
        c, width = self.grammar.columns, self.grammar.composition.s0.shape[0]
        ends = action == self.grammar.words.group - 1
        goes_on = (~ends).nonzero().squeeze(-1)
        state[goes_on, :width] = self.grammar.composition.advanced(state[goes_on, :width], action[goes_on])
        rows = ends.nonzero().squeeze(-1)
        counts = state[rows, : self.grammar.composition.n_elements]
        present = counts > 0
        places = present.long().argsort(dim=1, descending=True, stable=True)[:, : self.grammar.composition.max_elements]
        exists = present.gather(1, places)
        state[rows, c.ELEMENT] = torch.where(exists, places, -1)
        state[rows, c.COUNT] = torch.where(exists, counts.gather(1, places), 0)
        state[rows, c.REST] = self._rests(state[rows, c.COUNT])
        state[rows, c.PHASE] = Phase.GROUP
        return state

    def _rests(self, counts: Tensor) -> Tensor:
        """The number of the counts that come after each element, `n x K`."""
        rest = torch.zeros(len(counts), dtype=torch.int64, device=counts.device)
        rests = []
        for column in reversed(counts.unbind(1)):
            rests.append(rest)
            rest = torch.where(column > 0, self.grammar.tables.placement.after_adding[rest, column], rest)
        return torch.stack(rests[::-1], dim=1)

    def _write_group(self, state: Tensor, action: Tensor) -> Tensor:
        c = self.grammar.columns
        group = action - self.grammar.words.group
        state[:, c.GROUP] = group + 1
        state[:, c.NODE] = self.grammar.tables.start_node[group]
        state[:, c.REMAINING] = state[:, c.COUNT.start]
        state[:, c.PHASE] = Phase.LETTERS
        return state

    def _write_letter(self, state: Tensor, action: Tensor) -> Tensor:
        c, placement = self.grammar.columns, self.grammar.tables.placement
        rows = torch.arange(len(state), device=state.device)
        group, letter = state[:, c.GROUP] - 1, action - self.grammar.words.letter
        position, rank = placement.position[group, letter], placement.fixed_rank[group, letter]
        block = state[:, c.BLOCK]
        state[rows, c.POSITION.start + state[:, c.N_SITES]] = position
        state[rows, c.OWNER.start + state[:, c.N_SITES]] = state[rows, c.ELEMENT.start + block]
        state[:, c.N_SITES] += 1
        state[:, c.TAKEN] |= torch.where(rank >= 0, 1 << rank.clamp(min=0), 0)
        state[:, c.NODE] = self.grammar.tables.next_node[state[:, c.NODE], letter]
        state[:, c.REMAINING] -= self.grammar.tables.atoms[position]
        state[:, c.LETTER] = letter + 1
        placed = state[:, c.REMAINING] == 0
        most = self.grammar.composition.max_elements
        following = state[rows, c.COUNT.start + (block + 1).clamp(max=most - 1)]
        count = torch.where(block + 1 < most, following, 0)
        state[:, c.BLOCK] += placed
        state[:, c.REMAINING] = torch.where(placed, count, state[:, c.REMAINING])
        state[:, c.LETTER] = torch.where(placed, 0, state[:, c.LETTER])
        slot = self.grammar.tables.first_slot[self.grammar.tables.lattice[group]]
        return self._asking_for_shape(state, placed & (count == 0), slot)

    def _write_shape(self, state: Tensor, action: Tensor) -> Tensor:
        c = self.grammar.columns
        rows = torch.arange(len(state), device=state.device)
        slot = state[:, c.SLOT]
        first = torch.tensor(self.grammar.words.shape, device=state.device)
        state[rows, c.SHAPE.start + slot] = action - first[slot]
        following = self.grammar.tables.next_slot[self.grammar.tables.lattice[state[:, c.GROUP] - 1], slot]
        return self._asking_for_shape(state, torch.ones_like(slot, dtype=torch.bool), following)

    def _asking_for_shape(self, state: Tensor, asks: Tensor, slot: Tensor) -> Tensor:
        """Where `asks`, goes on to a number of shape, or to the coordinates after the last."""
        c = self.grammar.columns
        state[:, c.SLOT] = torch.where(asks, slot, state[:, c.SLOT])
        state[:, c.PHASE] = torch.where(asks, int(Phase.SHAPE), state[:, c.PHASE])
        shaped = (asks & (slot == cell.N_SHAPE)).nonzero().squeeze(-1)
        if len(shaped):
            state[shaped] = self._asking_for_coordinates(self._shaped(state[shaped]), torch.zeros_like(shaped))
        return state

    def _shaped(self, state: Tensor) -> Tensor:
        """Notes the metric of the cell, which every coordinate and the volume will ask for."""
        c = self.grammar.columns
        metric = self.grammar.metric_at(state, state[:, None, c.SHAPE])[:, 0]
        state[:, c.METRIC] = (metric / METRIC_UNIT).round().long()
        return state

    def _write_coordinate(self, state: Tensor, action: Tensor) -> Tensor:
        c = self.grammar.columns
        rows = torch.arange(len(state), device=state.device)
        site, place = state[:, c.SITE], state[:, c.PLACE]
        position = state[rows, c.POSITION.start + site]
        axis = self.grammar.tables.asked[position, place]
        state[rows, c.COORDINATES.start + 3 * site + axis] = 2 * (action - self.grammar.words.coordinate) + 1
        state[:, c.PLACE] += 1
        finished = (state[:, c.PLACE] == self.grammar.tables.freedom[position]).nonzero().squeeze(-1)
        if len(finished):
            state[finished] = self._asking_for_coordinates(state[finished], site[finished] + 1)
        return state

    def _asking_for_coordinates(self, state: Tensor, site: Tensor) -> Tensor:
        """Goes on to the first site with a free coordinate from `site` on, or to the volume after the last."""
        c = self.grammar.columns
        index = torch.arange(self.grammar.max_sites, device=state.device)[None]
        free = (self.grammar.tables.freedom[state[:, c.POSITION]] > 0) & (index < state[:, c.N_SITES, None])
        free &= index >= site[:, None]
        state[:, c.SITE] = free.long().argmax(1)
        state[:, c.PLACE] = 0
        state[:, c.PHASE] = torch.where(free.any(1), int(Phase.COORDINATES), int(Phase.VOLUME))
        return state

    def _write_volume(self, state: Tensor, action: Tensor) -> Tensor:
        c = self.grammar.columns
        state[:, c.VOLUME] = action - self.grammar.words.volume
        state[:, c.PHASE] = Phase.DONE
        return state
