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

    For P positions, in the order of `asked`:

    Attributes:
        first: how many combinations have each first bin, `P x 24`.
        onwards: how many have this first bin or a later one, `P x 24`.
        second_row: the row of `second` of each position with two or three free coordinates, else -1, `P`.
        second: how many combinations have each first and second bin, `rows x 24 x 24`.
        third_row: the row of `third` of each position with three free coordinates, else -1, `P`.
        third: which combinations there are, `rows x 24 x 24 x 24` booleans.
        second_fills: for each first bin some second bins that are open, and -1 where there are no more,
            `rows x 24 x FILLS`, spread over the edge.
        third_fills: for each first and second bin, the same of third ones, `rows x 24 x 24 x FILLS`.
    """

    first: Tensor
    onwards: Tensor
    second_row: Tensor
    second: Tensor
    third_row: Tensor
    third: Tensor
    second_fills: Tensor
    third_fills: Tensor

    @classmethod
    def build(cls, tables: WyckoffTables, max_atoms: int) -> CoordinateTables:
        """The tables for the positions with at most `max_atoms` atoms; the others have no combination."""
        n = len(tables.letter)
        first = torch.zeros(n, BINS, dtype=torch.int64)
        second_row, third_row = torch.full((n,), -1), torch.full((n,), -1)
        second: list[Tensor] = []
        third: list[Tensor] = []
        for position in ((tables.freedom > 0) & (tables.atoms <= max_atoms)).nonzero().squeeze(-1).tolist():
            combinations = tables.canonical(position)
            first[position] = combinations.reshape(BINS, -1).sum(1)
            if combinations.ndim > 1:
                second_row[position] = len(second)
                second.append(combinations.reshape(BINS, BINS, -1).sum(-1))
            if combinations.ndim > 2:
                third_row[position] = len(third)
                third.append(combinations)
        return cls(
            first=first,
            onwards=first.flip(1).cumsum(1).flip(1),
            second_row=second_row,
            second=torch.stack(second),
            third_row=third_row,
            third=torch.stack(third),
            second_fills=_some(torch.stack(second) > 0),
            third_fills=_some(torch.stack(third)),
        )

    def open_bins(self, position: Tensor, place: Tensor, bins: Tensor) -> Tensor:
        """How many combinations each bin of the next coordinate leaves, `n x 24`.

        Args:
            position: the Wyckoff position, `n`.
            place: which coordinate is next, 0 to 2 in the order of `asked`, `n`.
            bins: the bins chosen so far, `n x 3`, in the same order.
        """
        counts = self.first[position]
        rows = (place == 1).nonzero().squeeze(-1)
        counts[rows] = self.second[self.second_row[position[rows]], bins[rows, 0]]
        rows = (place == 2).nonzero().squeeze(-1)
        counts[rows] = self.third[self.third_row[position[rows]], bins[rows, 0], bins[rows, 1]].long()
        return counts

    def first_number(self, position: Tensor, place: Tensor, bins: Tensor) -> Tensor:
        """How many combinations come before the first one with each bin of the next coordinate, `n x 24`.

        Args:
            position, place, bins: see `open_bins`.
        """
        counts = self.open_bins(position, place, bins)
        numbers = counts.cumsum(1) - counts
        for earlier in (0, 1):
            rows = (place > earlier).nonzero().squeeze(-1)
            counts = self.open_bins(position[rows], torch.full_like(rows, earlier), bins[rows])
            numbers[rows] += (counts.cumsum(1) - counts).gather(1, bins[rows, earlier, None])
        return numbers

    def number(self, position: Tensor, bins: Tensor) -> Tensor:
        """How many combinations come before one, given by all its bins (`n x 3`), `n`."""
        last = (self.second_row[position] >= 0).long() + (self.third_row[position] >= 0).long()
        return self.first_number(position, last, bins).gather(1, bins.gather(1, last[:, None])).squeeze(1)

    def fills(self, position: Tensor, place: Tensor, bins: Tensor) -> Tensor:
        """For each bin of the next coordinate some open bins of the one after, else -1, `n x 24 x FILLS`.

        Only for coordinates that exactly one other follows.
        """
        found = self.second_fills[self.second_row[position]]
        rows = (place == 1).nonzero().squeeze(-1)
        found[rows] = self.third_fills[self.third_row[position[rows]], bins[rows, 0]]
        return found


def _some(is_open: Tensor) -> Tensor:
    """Up to FILLS of the open bins in the last dimension, those first that spread over the edge; -1 beyond them."""
    spread = torch.arange(BINS).mul(7) % BINS
    order = is_open[..., spread].byte().argsort(dim=-1, descending=True, stable=True)[..., :FILLS]
    chosen = spread[order]
    return torch.where(is_open.gather(-1, chosen), chosen, -1)
