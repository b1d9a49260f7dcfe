"""Which bins a free coordinate may take, and how many crystals each leaves open."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.space.structure.wyckoff import BINS, WyckoffTables

FILLS = 3  # values of the coordinate after the next that are tried before the next one is offered


@dataclass(frozen=True)
class CoordinateTables:
    """The canonical combinations of bins (see `WyckoffTables.canonical`), coordinate by coordinate.

    A node stands for a Wyckoff position and the bins chosen so far, in the order of `asked`. For P positions:

    Attributes:
        begin: the node of each position where its first, second and third coordinate is next and the bins before are
            0; -1 where there is no such coordinate, `P x 3`.
        open_bins: how many combinations each bin of the next coordinate leaves, `nodes x 24`.
        before: how many combinations of the position come before the first one with each bin, `nodes x 24`.
        fills: for each bin of the next coordinate some bins of the one after it that are open, spread over the edge,
            and -1 where there are no more, `nodes x 24 x FILLS`; only where exactly one coordinate follows.
        total: combinations of each position, `P`.
    """

    begin: Tensor
    open_bins: Tensor
    before: Tensor
    fills: Tensor
    total: Tensor

    @classmethod
    def build(cls, tables: WyckoffTables, max_atoms: int) -> CoordinateTables:
        """The tables for the positions with at most `max_atoms` atoms; the others have no combination."""
        n = len(tables.letter)
        begin, total = torch.full((n, 3), -1), torch.zeros(n, dtype=torch.int64)
        open_bins: list[Tensor] = []
        before: list[Tensor] = []
        fills: list[Tensor] = []
        n_nodes = 0
        for position in ((tables.freedom > 0) & (tables.atoms <= max_atoms)).nonzero().squeeze(-1).tolist():
            combinations = tables.canonical(position)
            total[position] = combinations.sum()
            for place in range(combinations.ndim):
                left = combinations.reshape(BINS**place, BINS, -1)
                counts = left.sum(-1)
                begin[position, place] = n_nodes
                n_nodes += len(counts)
                open_bins.append(counts.int())
                before.append((counts.flatten().cumsum(0) - counts.flatten()).reshape_as(counts).int())
                one_follows = combinations.ndim - place == 2
                some = _some(left) if one_follows else torch.full((*counts.shape, FILLS), -1)
                fills.append(some.to(torch.int8))
        return cls(
            begin=begin,
            open_bins=torch.cat(open_bins),
            before=torch.cat(before),
            fills=torch.cat(fills),
            total=total,
        )

    def node(self, position: Tensor, place: Tensor, bins: Tensor) -> Tensor:
        """Where the next coordinate is asked for, `n`.

        Args:
            position: the Wyckoff position, `n`.
            place: which coordinate is next, 0 to 2 in the order of `asked`, `n`.
            bins: the bins chosen so far, `n x 3`, in the same order.
        """
        first, second = bins[:, 0], bins[:, 1]
        chosen = torch.where(place == 2, BINS * first + second, first * (place == 1))
        return self.begin[position, place] + chosen

    def number(self, position: Tensor, bins: Tensor) -> Tensor:
        """How many combinations come before one, given by all its bins (`n x 3`), `n`."""
        last = (self.begin[position] >= 0).sum(1) - 1
        return self.before[self.node(position, last, bins), bins.gather(1, last[:, None]).squeeze(1)]


def _some(is_open: Tensor) -> Tensor:
    """Up to FILLS of the open bins in the last dimension, those first that spread over the edge; -1 beyond them."""
    spread = torch.arange(BINS).mul(7) % BINS
    order = is_open[..., spread].byte().argsort(dim=-1, descending=True, stable=True)[..., :FILLS]
    chosen = spread[order]
    return torch.where(is_open.gather(-1, chosen), chosen, -1)
