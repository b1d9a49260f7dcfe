"""A batch of designs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pymatgen.core import Composition

N_ELEMENTS = 118


@dataclass(frozen=True, eq=False)
class Candidates:
    """Compositions as reduced formulas.

    Attributes:
        counts: `n x 118` int64; column Z-1 counts the atoms of element Z in the reduced formula.
    """

    counts: Tensor

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.counts.shape[1] != N_ELEMENTS or self.counts.is_floating_point():
            raise ValueError(
                f"counts has shape {tuple(self.counts.shape)} and type {self.counts.dtype}; it must be "
                f"n x {N_ELEMENTS} integers."
            )

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[Candidates]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> Candidates:
        """A part of the batch; an integer gives a batch of one."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"index {index} is outside a batch of {len(self)} candidates")
            index = [index]
        return Candidates(self.counts[index])

    def to(self, device: torch.device | str) -> Candidates:
        """The same candidates on another device."""
        return Candidates(self.counts.to(device))

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """The reduced compositions as pymatgen objects."""
        from pymatgen.core import Composition, Element

        rows = self.counts.cpu()
        found: list[dict[Element, int]] = [{} for _ in range(len(rows))]
        for row, column in rows.nonzero().tolist():
            found[row][Element.from_Z(column + 1)] = int(rows[row, column])
        return tuple(Composition(amounts) for amounts in found)

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """The reduced formulas as pymatgen writes them."""
        return tuple(composition.reduced_formula for composition in self.compositions)

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells one candidate from another: equal keys mean the same material."""
        return self.formulas

    def distinct(self) -> Candidates:
        """The candidates without repetition, in order of first appearance."""
        _, inverse = torch.unique(self.counts, dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1 if len(self) else 0,), len(self), device=inverse.device)
        first = first.scatter_reduce(0, inverse, torch.arange(len(self), device=inverse.device), "amin")
        return self[first.sort().values]

    @classmethod
    def of(cls, formulas: Sequence[str | Composition]) -> Candidates:
        """The candidates that formulas with whole amounts name, whatever their spelling or multiple.

        Raises:
            ValueError: names the first that is no formula, or has an amount that is not whole.
        """
        from pymatgen.core import Composition, Element

        counts = torch.zeros(len(formulas), N_ELEMENTS, dtype=torch.int64)
        for row, formula in enumerate(formulas):
            try:
                amounts: dict[int, float] = {}
                for element, n in Composition(formula).items():
                    number = Element(str(element)).Z  # deuterium is hydrogen
                    amounts[number] = amounts.get(number, 0) + n
            except ValueError as error:
                raise ValueError(f"{formula!r} is not a formula of elements: {error}") from None
            if not amounts:
                raise ValueError(f"{formula!r} is not a formula: it names no element.")
            if any(amount != int(amount) for amount in amounts.values()):
                raise ValueError(f"{formula}: every amount must be a whole number.")
            divisor = gcd(*(int(amount) for amount in amounts.values()))
            for number, amount in amounts.items():
                counts[row, number - 1] = int(amount) // divisor
        return cls(counts)

    @classmethod
    def concatenate(cls, batches: Sequence[Candidates]) -> Candidates:
        """One batch of all, in order."""
        if not batches:
            return cls(torch.zeros(0, N_ELEMENTS, dtype=torch.int64))
        return cls(torch.cat([batch.counts for batch in batches]))
