"""A batch of designs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.space.structure.crystals import N_ELEMENTS, Crystals

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


@dataclass(frozen=True, eq=False)
class Candidates:
    """Compositions, or crystals.

    Attributes:
        counts: `n x 118` int64; column Z-1 counts the atoms of element Z in the reduced formula, or in the primitive
            cell of a crystal.
        crystals: the crystals; None for compositions.
    """

    counts: Tensor
    crystals: Crystals | None = None

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
        return Candidates(self.counts[index], None if self.crystals is None else self.crystals[index])

    def to(self, device: torch.device | str) -> Candidates:
        """The same candidates on another device."""
        return Candidates(self.counts.to(device), None if self.crystals is None else self.crystals.to(device))

    @cached_property
    def compositions(self) -> tuple[Composition, ...]:
        """The compositions as pymatgen objects: reduced, or of the primitive cell of a crystal."""
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
        return self.formulas if self.crystals is None else self.crystals.keys

    @cached_property
    def structures(self) -> tuple[Structure, ...]:
        """The crystals as pymatgen objects, in their primitive cells.

        Raises:
            TypeError: these are compositions, which have no structure.
        """
        if self.crystals is None:
            raise TypeError("these candidates are compositions; only those of a CrystalSpace have structures.")
        from gfnmat.space.structure.decoding import structures

        return tuple(structures(self.crystals))

    @property
    def materials(self) -> tuple[Composition, ...] | tuple[Structure, ...]:
        """What an oracle is asked about: the structures of crystals, or else the compositions."""
        return self.compositions if self.crystals is None else self.structures

    def distinct(self) -> Candidates:
        """The candidates without repetition, in order of first appearance."""
        return self[self.first_of_each()]

    def first_of_each(self) -> Tensor:
        """Where each distinct candidate stands first, in ascending order."""
        rows = self.counts if self.crystals is None else self.crystals.rows
        _, inverse = torch.unique(rows, dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1 if len(self) else 0,), len(self), device=inverse.device)
        first = first.scatter_reduce(0, inverse, torch.arange(len(self), device=inverse.device), "amin")
        return first.sort().values

    def among(self, others: Candidates) -> Tensor:
        """Which of these are also among others, `n` booleans."""
        both = Candidates.concatenate([others, self])
        rows = both.counts if both.crystals is None else both.crystals.rows
        _, inverse = torch.unique(rows, dim=0, return_inverse=True)
        is_there = torch.zeros(len(both), dtype=torch.bool, device=rows.device)
        is_there[inverse[: len(others)]] = True
        return is_there[inverse[len(others) :]]

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
    def of_keys(cls, keys: Sequence[str]) -> Candidates:
        """The candidates that `keys` named, all compositions or all crystals.

        Raises:
            ValueError: names the first that is no key.
        """
        if any("|" in key for key in keys):
            return cls.of_crystals(Crystals.of_keys(keys))
        return cls.of(keys)

    @classmethod
    def of_crystals(cls, crystals: Crystals) -> Candidates:
        """The crystals as candidates."""
        return cls(crystals.counts, crystals)

    @classmethod
    def concatenate(cls, batches: Sequence[Candidates]) -> Candidates:
        """One batch of all, in order.

        Raises:
            ValueError: compositions and crystals are mixed.
        """
        kept = [batch for batch in batches if len(batch)]
        if not kept:
            return batches[0] if batches else cls(torch.zeros(0, N_ELEMENTS, dtype=torch.int64))
        crystals = [batch.crystals for batch in kept if batch.crystals is not None]
        if 0 < len(crystals) < len(kept):
            raise ValueError("compositions and crystals do not go into one batch.")
        return cls(torch.cat([batch.counts for batch in kept]), Crystals.concatenate(crystals) if crystals else None)
