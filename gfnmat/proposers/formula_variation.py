"""Formulas that differ a little from others, or join the parts of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates

SIMILAR = 0.5  # share of replacements that go to a similar element; the others go to any
REPLACE, RECOUNT, ADD, DROP = range(4)
CHANCES = (0.4, 0.3, 0.15, 0.15)  # of the four mutations, in this order
WHOLE_PARTS = 0.5  # share of crossovers that cut once, between cations and anions mostly; the others mix elements


@dataclass(frozen=True)
class FormulaVariation:
    """Mutation and crossover of compositions over given elements; what comes out may be in no space.

    Attributes:
        columns: of the elements in counts, in ascending electronegativity, `E`.
        alike: the chance that one element takes the place of another, `E x E`, 0 on the diagonal.
    """

    columns: Tensor
    alike: Tensor

    @classmethod
    def over(cls, elements: Sequence[str]) -> FormulaVariation:
        """Elements are similar that are near in the order of Mendeleev numbers (Pettifor, Solid State Commun. 51, 31,
        1984): half as likely with each place.
        """
        from pymatgen.core import Element

        place = torch.tensor([Element(symbol).mendeleev_no for symbol in elements]).argsort().argsort()
        others = 1 - torch.eye(len(elements))
        near = others * 0.5 ** (place[:, None] - place).abs()
        shares = [part / part.sum(1, keepdim=True).clamp(min=1e-9) for part in (near, others)]
        columns = torch.tensor([Element(symbol).Z - 1 for symbol in elements])
        return cls(columns, SIMILAR * shares[0] + (1 - SIMILAR) * shares[1])

    def mutated(self, parents: Candidates, generator: torch.Generator) -> Candidates:
        """One child each: an element replaced, a count changed, an element added or dropped."""
        counts = parents.counts[:, self.columns]
        n = len(counts)
        chances = torch.tensor(CHANCES).repeat(n, 1)
        kinds = (counts > 0).sum(1)
        chances[kinds < 2, DROP] = 0
        for needs_another in (REPLACE, ADD):
            chances[kinds == counts.shape[1], needs_another] = 0
        move = torch.multinomial(chances, 1, generator=generator).squeeze(1)
        rows = torch.arange(n)
        old = torch.multinomial((counts > 0).float(), 1, generator=generator).squeeze(1)
        amount = counts[rows, old]
        like = torch.where((move == REPLACE)[:, None], self.alike[old], 1.0) * (counts == 0)
        new = torch.multinomial(torch.where(like.sum(1, keepdim=True) > 0, like, 1.0), 1, generator=generator).squeeze(
            1
        )
        step = _geometric(n, generator)
        sign = 2 * torch.randint(2, (n,), generator=generator) - 1
        changed = torch.where(amount + sign * step >= 1, amount + sign * step, amount + step)
        left = torch.where(move == RECOUNT, changed, torch.where(move == ADD, amount, 0))
        counts = counts.scatter(1, old[:, None], left[:, None])
        came = torch.where(move == REPLACE, amount, step)
        comes = ((move == REPLACE) | (move == ADD)).nonzero().squeeze(1)
        counts[comes, new[comes]] = came[comes]
        return self._reduced(counts)

    def crossed(self, first: Candidates, second: Candidates, generator: torch.Generator) -> Candidates:
        """One child for each two parents: the less electronegative part of one with the rest of the other, or each
        element as one of them has it. Fewer where nothing is left.
        """
        one, other = first.counts[:, self.columns], second.counts[:, self.columns]
        n, n_elements = one.shape
        cut = torch.randint(1, max(2, n_elements), (n, 1), generator=generator)
        mixed = torch.rand(n, n_elements, generator=generator) < 0.5
        whole = torch.rand(n, 1, generator=generator) < WHOLE_PARTS
        from_first = torch.where(whole, torch.arange(n_elements) < cut, mixed)
        return self._reduced(torch.where(from_first, one, other))

    def _reduced(self, counts: Tensor) -> Candidates:
        divisor = reduce(torch.gcd, counts.unbind(1))
        counts, divisor = counts[divisor > 0], divisor[divisor > 0]
        every = counts.new_zeros(len(counts), N_ELEMENTS)
        every[:, self.columns] = counts // divisor[:, None]
        return Candidates(every)


def _geometric(n: int, generator: torch.Generator) -> Tensor:
    """Numbers from 1, each half as likely as the one before, `n`."""
    return 1 - torch.rand(n, generator=generator).clamp(min=2**-20).log2().ceil().long()
