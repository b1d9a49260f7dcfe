"""Rows of integers: which are alike, and tables in which each has a number."""

from __future__ import annotations

import torch
from torch import Tensor


def factors(n: int, device: torch.device) -> Tensor:
    """Odd numbers, `n` int64, always the same, by which the columns of rows add up to their fingerprints."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-(2**62), 2**62, (n,), generator=generator).to(device) * 2 + 1


def fingerprints(rows: Tensor) -> Tensor:
    """A number for each row of integers, `n` int64; two different rows share one with a chance of about 2^-62."""
    return (rows * factors(rows.shape[1], rows.device)).sum(1)


def without_repetition(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows are the first of their kind, and for each row which of these it is like."""
    _, inverse = fingerprints(rows).unique(return_inverse=True)
    return _firsts(inverse), inverse


def _firsts(inverse: Tensor) -> Tensor:
    """The first place at which each of the numbers 0, 1, ... stands."""
    n = int(inverse.max()) + 1 if len(inverse) else 0
    first = torch.full((n,), len(inverse), device=inverse.device)
    return first.scatter_reduce(0, inverse, torch.arange(len(inverse), device=inverse.device), "amin")


class Column:
    """Rows that are appended to, with room for more."""

    def __init__(self, nothing: Tensor, fill: float = 0) -> None:
        self._room, self.n, self._fill = nothing, 0, fill

    @property
    def rows(self) -> Tensor:
        """Those that were written."""
        return self._room[: self.n]

    def append(self, rows: Tensor) -> None:
        """Writes rows at the end; those of a matrix may be wider than before, or narrower."""
        width = max(rows.shape[1], self._room.shape[1]) if rows.ndim == 2 else 0
        need = self.n + len(rows)
        if need > len(self._room) or (width and width > self._room.shape[1]):
            shape = (max(need, 2 * self.n), *([width] if width else []))
            room = torch.full(shape, self._fill, dtype=rows.dtype, device=rows.device)
            room[(slice(0, self.n), *([slice(0, self._room.shape[1])] if width else []))] = self.rows
            self._room = room
        self._room[(slice(self.n, need), *([slice(0, rows.shape[1])] if width else []))] = rows
        self.n = need


class Table:
    """Rows of integers without repetition, each with a number from 0."""

    def __init__(self, width: int, device: torch.device) -> None:
        self._rows = Column(torch.zeros(0, width, dtype=torch.int64, device=device))
        self._keys = torch.zeros(0, dtype=torch.int64, device=device)
        self._numbers = torch.zeros(0, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        return self._rows.n

    @property
    def rows(self) -> Tensor:
        """All rows in the order of their numbers."""
        return self._rows.rows

    def add(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The number of each row, `n`, and which of them were new, each the first of its kind."""
        keys, inverse = fingerprints(rows).unique(return_inverse=True)
        first = _firsts(inverse)
        numbers = self._found(keys)
        new = (numbers < 0).nonzero().squeeze(-1)
        numbers[new] = torch.arange(len(self), len(self) + len(new), device=rows.device)
        self._rows.append(rows[first[new]])
        self._keys, order = torch.cat([self._keys, keys[new]]).sort()
        self._numbers = torch.cat([self._numbers, numbers[new]])[order]
        return numbers[inverse], first[new]

    def numbers(self, rows: Tensor) -> Tensor:
        """The number of each row, -1 where it is not here, `n`."""
        return self._found(fingerprints(rows))

    def _found(self, keys: Tensor) -> Tensor:
        if not len(self):
            return torch.full_like(keys, -1)
        at = torch.searchsorted(self._keys, keys).clamp(max=len(self._keys) - 1)
        return torch.where(self._keys[at] == keys, self._numbers[at], -1)
