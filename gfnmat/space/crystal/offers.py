"""Which words may come next in a crystal: those after which it can be finished, with room for its atoms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.space.crystal.contacts import LONGEST, roomy
from gfnmat.space.crystal.coordinates import FILLS
from gfnmat.space.crystal.grammar import CrystalGrammar
from gfnmat.space.crystal.placement import N_LETTERS
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import BINS


@dataclass(frozen=True)
class CrystalOffers:
    """Works out masks."""

    grammar: CrystalGrammar

    def of(self, state: Tensor, phase: Phase) -> Tensor:
        """Which words of the phase are offered, `n x words`, for states that are all in it."""
        templates, c = self.grammar.templates, self.grammar.columns
        if templates is not None and Phase.GROUP <= phase < Phase.VOLUME:
            offered = templates.offered(state[:, c.TEMPLATES], state[:, c.WRITTEN], self.grammar.words.n_actions)
            return offered[:, self.grammar.words.of(phase)]
        offer = {
            Phase.COMPOSITION: self._offered_composition,
            Phase.GROUP: self._offered_groups,
            Phase.LETTERS: self._offered_letters,
            Phase.SHAPE: self._offered_shapes,
            Phase.COORDINATES: self._offered_coordinates,
            Phase.VOLUME: self._offered_volumes,
            Phase.DONE: self._offered_end,
        }
        return offer[phase](state)

    def _offered_end(self, state: Tensor) -> Tensor:
        return torch.ones(len(state), 1, dtype=torch.bool, device=state.device)

    def _offered_composition(self, state: Tensor) -> Tensor:
        return self.grammar.composition.forward_masks(state[:, : self.grammar.composition.s0.shape[0]])

    def _offered_groups(self, state: Tensor) -> Tensor:
        c = self.grammar.columns
        return self.grammar.groups & self.grammar.tables.placement.holds(
            state[:, c.COUNT.start], state[:, c.REST.start]
        )

    def _offered_letters(self, state: Tensor) -> Tensor:
        """Letters from the last one on after which everything can still be placed, `n x 27`."""
        c, placement = self.grammar.columns, self.grammar.tables.placement
        letters = torch.arange(N_LETTERS, device=state.device)
        group, remaining = state[:, c.GROUP] - 1, state[:, c.REMAINING]
        atoms, rank = placement.atoms[group], placement.fixed_rank[group]
        is_fixed = rank >= 0
        taken = (state[:, c.TAKEN, None] >> rank.clamp(min=0)) & 1
        first = state[:, c.LETTER, None] == 0
        left = remaining[:, None] - atoms
        open_letters = (left >= 0) & (letters >= state[:, c.LETTER, None] - 1) & ~(is_fixed & (taken > 0))
        open_letters &= ~first | self.grammar.tables.opens[state[:, c.NODE]]

        fixed_letter, stride = placement.fixed_letter[group], placement.fixed_stride[group]
        ranks = torch.arange(fixed_letter.shape[1], device=state.device)
        unused = (fixed_letter >= 0) & (((state[:, c.TAKEN, None] >> ranks) & 1) == 0)
        after = unused[:, None] & (ranks != rank[..., None])  # n x letters x positions without freedom
        in_all = (after * stride[:, None]).sum(-1)
        to_come = ((after & (fixed_letter[:, None] > letters[:, None])) * stride[:, None]).sum(-1)
        rest = state[torch.arange(len(state), device=state.device), c.REST.start + state[:, c.BLOCK]]
        completing = placement.completions[group[:, None], to_come, left.clamp(min=0), placement.suffix[group]]
        return open_letters & ((completing & placement.leftovers[rest[:, None], group[:, None], in_all]) != 0)

    def _offered_shapes(self, state: Tensor) -> Tensor:
        """Bins of the number of shape that is asked for, in the columns of all shape words."""
        c = self.grammar.columns
        lattice, slot = self.grammar.tables.lattice[state[:, c.GROUP] - 1], state[:, c.SLOT]
        bins = self.grammar.tables.shapes[lattice, slot]
        skew = (lattice == 0).nonzero().squeeze(-1)
        bins[skew, : cell.ANGLE_BINS] &= self._angles_that_close(state[skew])
        last = (self.grammar.tables.next_slot[lattice, slot] == cell.N_SHAPE).nonzero().squeeze(-1)
        if len(last):
            bins[last] = roomy(self._closest_by_shape(state[last]), bins[last])
        offered = torch.zeros(len(state), sum(cell.SHAPE_BINS), dtype=torch.bool, device=state.device)
        for number, begin in enumerate(self.grammar.words.shape):
            rows = (slot == number).nonzero().squeeze(-1)
            begin -= self.grammar.words.shape[0]
            offered[rows, begin : begin + cell.SHAPE_BINS[number]] = bins[rows, : cell.SHAPE_BINS[number]]
        return offered

    def _angles_that_close(self, state: Tensor) -> Tensor:
        """Angles with which a triclinic cell can still be made, `n x ANGLE_BINS`; all where a ratio is asked for."""
        alpha, beta = (state[:, self.grammar.columns.SHAPE.start + number] for number in (2, 3))
        slot = state[:, self.grammar.columns.SLOT, None]
        closing = self.grammar.tables.angles
        some_alpha, some_beta = closing.any(-1).any(-1), closing.any(-1)
        found = torch.where(slot == 2, some_alpha, torch.ones_like(some_alpha))
        found = torch.where(slot == 3, some_beta[alpha], found)
        return torch.where(slot == 4, closing[alpha, beta], found)

    def _closest_by_shape(self, state: Tensor) -> Tensor:
        """The closest contact of the sites without freedom at the largest volume, by bin of the last number."""
        c = self.grammar.columns
        slot = state[:, c.SLOT]
        shape = state[:, None, c.SHAPE].expand(-1, cell.RATIO_BINS, -1).clone()
        widest = torch.tensor(cell.SHAPE_BINS, device=state.device)[slot, None] - 1
        bins = torch.arange(cell.RATIO_BINS, device=state.device)[None].minimum(widest)
        shape.scatter_(2, slot[:, None, None].expand(-1, cell.RATIO_BINS, 1), bins[..., None])
        metrics = self.grammar.metric_at(state, shape) * self.grammar.volume_centres[-1].pow(2 / 3)
        return self.grammar.contacts.among_placed(self.grammar.sites(state), metrics.float())

    def _offered_coordinates(self, state: Tensor) -> Tensor:
        """Bins of the next coordinate that leave a canonical crystal with room for the atoms, `n x 24`."""
        c, tables = self.grammar.columns, self.grammar.tables.coordinates
        rows = torch.arange(len(state), device=state.device)
        site, place = state[:, c.SITE], state[:, c.PLACE]
        position = state[rows, c.POSITION.start + site]
        bins = self.grammar.asked_bins(state, site, position)
        node = tables.node(position, place, bins)
        offered = tables.open_bins[node] > 0
        offered &= self._in_order(state, site, position, node)
        axis = self.grammar.tables.asked[position, place]
        origin_is_free = self.grammar.tables.polar[state[:, c.GROUP] - 1, axis] & (site == 0)
        first_bin = torch.zeros(BINS, dtype=torch.bool, device=state.device)
        first_bin[0] = True
        offered &= ~origin_is_free[:, None] | first_bin
        choosing = (offered.sum(1) > 1).nonzero().squeeze(-1)
        if len(choosing):
            closest = self._closest_by_bin(
                state[choosing], position[choosing], place[choosing], bins[choosing], node[choosing]
            )
            offered[choosing] = roomy(closest, offered[choosing])
        return offered

    def _in_order(self, state: Tensor, site: Tensor, position: Tensor, node: Tensor) -> Tensor:
        """Bins that keep sites of one element on one position in ascending order and leave room for them, `n x 24`."""
        c, tables = self.grammar.columns, self.grammar.tables.coordinates
        rows = torch.arange(len(state), device=state.device)
        before = (site - 1).clamp(min=0)
        follows = (site > 0) & (state[rows, c.POSITION.start + before] == position)
        follows &= state[rows, c.OWNER.start + before] == state[rows, c.OWNER.start + site]
        previous = tables.number(position, self.grammar.asked_bins(state, before, position))
        least = torch.where(follows, previous + 1, 0)
        beyond = tables.total[position] - self.grammar.sites_alike_to_come(state, site, position)
        first = tables.before[node]
        last = first + tables.open_bins[node] - 1
        return torch.maximum(first, least[:, None]) <= torch.minimum(last, beyond[:, None] - 1)

    def _closest_by_bin(self, state: Tensor, position: Tensor, place: Tensor, bins: Tensor, node: Tensor) -> Tensor:
        """The closest contact of the current site by bin of its next coordinate, `n x 24`.

        Where another coordinate follows, at the best of some values of that one; where two follow, nothing is known.
        """
        options = torch.arange(BINS, device=state.device)
        left = self.grammar.tables.freedom[position] - place
        closest = torch.full((len(state), BINS), LONGEST, device=state.device)
        if len(last := (left == 1).nonzero().squeeze(-1)):
            choices = bins[last, None].expand(-1, BINS, -1).clone()
            choices.scatter_(2, place[last, None, None].expand(-1, BINS, 1), options[:, None].expand(len(last), -1, 1))
            closest[last] = self._closest_of(state[last], position[last], choices)
        if len(but_one := (left == 2).nonzero().squeeze(-1)):
            fills = self.grammar.tables.coordinates.fills[node[but_one]].long()
            choices = bins[but_one, None, None].expand(-1, BINS, FILLS, -1).clone()
            index = place[but_one, None, None, None].expand(-1, BINS, FILLS, 1)
            choices.scatter_(3, index, options[:, None, None].expand(len(but_one), -1, FILLS, 1))
            choices.scatter_(3, index + 1, fills.clamp(min=0)[..., None])
            found = self._closest_of(state[but_one], position[but_one], choices.flatten(1, 2)).unflatten(
                1, (BINS, FILLS)
            )
            closest[but_one] = torch.where(fills >= 0, found, 0.0).amax(2)
        return closest

    def _closest_of(self, state: Tensor, position: Tensor, choices: Tensor) -> Tensor:
        """The closest contact of the current site for choices of its bins, `n x choices x 3`, in the order asked."""
        c = self.grammar.columns
        asked = self.grammar.tables.asked[position]
        t = torch.zeros(*choices.shape[:2], 4, dtype=torch.int64, device=state.device)
        column = torch.where(asked >= 0, asked, 3)[:, None].expand(-1, choices.shape[1], -1)
        t.scatter_(2, column, 2 * choices + 1)
        sites, metric = self.grammar.sites(state), self.grammar.metric(state)
        return self.grammar.contacts.of_candidates(sites, metric, state[:, c.SITE], t[..., :3])

    def _offered_volumes(self, state: Tensor) -> Tensor:
        """Bins of the volume that leave room for the atoms, `n x VOLUME_BINS`."""
        metric = self.grammar.metric(state)
        as_predicted = self.grammar.contacts.among_placed(self.grammar.sites(state), metric[:, None])
        closest = as_predicted * self.grammar.volume_centres.pow(1 / 3).float()
        return roomy(closest, torch.ones_like(closest, dtype=torch.bool))
