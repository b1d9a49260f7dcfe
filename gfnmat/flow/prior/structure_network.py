"""A network that says what follows in a partial crystal: what it adds to the grammar's own preferences.

It is small, since few structures are known: each kind of word has two layers of its own. Bins are smoothed over their
neighbours, and what belongs to one group or one Wyckoff position alone begins at nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu

from gfnmat.flow.network import draw_linear
from gfnmat.flow.prior.description import N_NUMBERS, N_OF_FORMULA, N_OF_LETTER, Described
from gfnmat.flow.prior.network import Dropout
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.decoding import group_lattices
from gfnmat.space.structure.wyckoff import BINS, N_GROUPS, load_wyckoff_tables

SMOOTHING = 1.0  # bins


class Layers(nn.Module):
    """Two layers; what they give is zero before training."""

    def __init__(self, n_in: int, hidden: int, n_out: int, dropout: Dropout) -> None:
        super().__init__()
        self.enter = nn.utils.skip_init(nn.Linear, n_in, hidden)
        self.leave = nn.utils.skip_init(nn.Linear, hidden, n_out)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """`n x in` to `n x out`."""
        return self.leave(self.dropout(silu(self.enter(x))))


class StructureNetwork(nn.Module):
    """Log weights of the words of each phase after the composition.

    Args:
        generator: draws the initial weights, and what is dropped in training.
        hidden: width of the hidden layers.
        embedding: numbers that stand for a group or a position.
        dropout: share of hidden numbers dropped in training.
    """

    of_groups: Tensor
    smooth_coordinate: Tensor
    smooth_shape: Tensor
    smooth_volume: Tensor

    def __init__(self, generator: torch.Generator, hidden: int = 64, embedding: int = 16, dropout: float = 0.5) -> None:
        super().__init__()
        self.generator = generator
        self.sizes = {"hidden": hidden, "embedding": embedding, "dropout": dropout}
        n_positions = len(load_wyckoff_tables().letter)
        dropped = Dropout(dropout, generator)
        self.register_buffer("of_groups", groups_described(), persistent=False)
        self.register_buffer("smooth_coordinate", smoothing(BINS, periodic=True), persistent=False)
        shapes = torch.block_diag(*(smoothing(bins) for bins in cell.SHAPE_BINS))
        self.register_buffer("smooth_shape", shapes, persistent=False)
        self.register_buffer("smooth_volume", smoothing(cell.VOLUME_BINS), persistent=False)
        n_described = self.of_groups.shape[1]
        self.group_kind = nn.utils.skip_init(nn.Linear, n_described, embedding)
        self.group_own = nn.Parameter(torch.empty(N_GROUPS + 1, embedding))
        self.offered_kind = nn.utils.skip_init(nn.Linear, n_described, hidden)
        self.offered_own = nn.Parameter(torch.empty(N_GROUPS, hidden))
        self.group_level = nn.Parameter(torch.zeros(N_GROUPS))
        self.groups = Layers(N_OF_FORMULA, hidden, hidden, dropped)
        self.letter_kind = nn.utils.skip_init(nn.Linear, N_OF_LETTER, hidden)
        self.letter_level = nn.utils.skip_init(nn.Linear, N_OF_LETTER, 1)
        self.position_level = nn.Parameter(torch.zeros(n_positions))
        self.position_own = nn.Parameter(torch.empty(n_positions, embedding))
        self.position_bins = nn.Parameter(torch.zeros(3 * n_positions, BINS))
        n_seen = N_NUMBERS + embedding
        self.letters = Layers(n_seen, hidden, hidden, dropped)
        self.shapes = Layers(n_seen, hidden, sum(cell.SHAPE_BINS), dropped)
        self.coordinates = Layers(n_seen + embedding, hidden, BINS, dropped)
        self.volumes = Layers(n_seen, hidden, cell.VOLUME_BINS, dropped)
        self._draw_weights()

    @torch.no_grad()
    def _draw_weights(self) -> None:
        draw_linear(self, self.generator)
        for own in (self.group_own, self.offered_own, self.position_own):
            own.normal_(generator=self.generator).mul_(1 / math.sqrt(own.shape[1]))
        for layers in (self.groups, self.letters, self.shapes, self.coordinates, self.volumes):
            layers.leave.weight.zero_()
        self.letter_level.weight.zero_()

    def forward(self, described: Described, phase: Phase) -> Tensor:
        """What is added to the log weights of the words of the phase, `n x words`; none of the composition's."""
        if phase == Phase.GROUP:
            offered = self.offered_kind(self.of_groups[1:]) + self.offered_own
            return self.groups(described.numbers[:, :N_OF_FORMULA]) @ offered.T + self.group_level
        group = self.group_kind(self.of_groups)[described.group] + self.group_own[described.group]
        seen = torch.cat([described.numbers, group], 1)
        if phase == Phase.LETTERS:
            wanted = self.letters(seen)[:, None] * self.letter_kind(described.letters)
            return (
                wanted.sum(-1) + self.letter_level(described.letters)[..., 0] + self.position_level[described.positions]
            )
        if phase == Phase.SHAPE:
            return self.shapes(seen) @ self.smooth_shape
        if phase == Phase.COORDINATES:
            of_position = self.position_bins[3 * described.position + described.place]
            bins = self.coordinates(torch.cat([seen, self.position_own[described.position]], 1)) + of_position
            return bins @ self.smooth_coordinate
        return self.volumes(seen) @ self.smooth_volume


def groups_described() -> Tensor:
    """Lattice, centring, point group and the size of the general position of each group, `231 x F`; row 0 is zero."""
    tables = load_wyckoff_tables()
    general = tables.atoms[tables.first[1:] - 1]
    words = [
        torch.tensor([sorted(set(names)).index(name) for name in names])
        for names in (tables.centring_letter, tables.point_group)
    ]
    parts = [one_hot(column) for column in (group_lattices(), *words)]
    described = torch.cat([*parts, general[:, None].log() / 4, tables.polar], 1).float()
    return torch.cat([torch.zeros_like(described[:1]), described])


def smoothing(bins: int, periodic: bool = False) -> Tensor:
    """Spreads the weight of a bin over its neighbours, `bins x bins`."""
    place = torch.arange(bins)
    apart = (place[:, None] - place).abs()
    if periodic:
        apart = torch.minimum(apart, bins - apart)
    return (-0.5 * (apart / SMOOTHING) ** 2).exp()
