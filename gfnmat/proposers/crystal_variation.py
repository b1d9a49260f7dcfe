"""Crystals that differ a little from others, or have the elements of one on the sites of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gfnmat.proposers.formula_variation import FormulaVariation
from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.neighbours import neighbours

SHIFTS = 0.5  # share of mutations that move one bin of the cell or of a coordinate; the others replace an element


@dataclass(frozen=True)
class CrystalVariation:
    """Mutation and crossover of crystals; what comes out may be in no space.

    Attributes:
        formulas: the same of compositions: its elements, and which of them are similar.
    """

    formulas: FormulaVariation

    @classmethod
    def over(cls, elements: Sequence[str]) -> CrystalVariation:
        """Crystals of elements in the order of the grammar."""
        return cls(FormulaVariation.over(elements))

    def mutated(self, parents: Candidates, generator: torch.Generator) -> Candidates:
        """About one child each: one bin further in one number, or with an element replaced in the same structure."""
        crystals = _crystals(parents)
        shifts = torch.rand(len(parents), generator=generator) < SHIFTS
        near = neighbours(crystals[shifts])
        some = torch.randperm(len(near), generator=generator)[: int(shifts.sum())]
        replaced = self._replaced(crystals[~shifts], generator)
        return Candidates.of_crystals(Crystals.concatenate([near[some], replaced]))

    def crossed(self, first: Candidates, second: Candidates, generator: torch.Generator) -> Candidates:
        """One child for each two parents with equally many elements: those of the first on the sites of the second,
        in the order of electronegativity.
        """
        one, other = (self._ranks(_crystals(parents)) for parents in (first, second))
        n = len(self.formulas.columns)
        held = [_held(rank, n) for rank in (one, other)]
        fits = held[0].sum(1) == held[1].sum(1)
        taken = held[0][fits].long().argsort(dim=1, descending=True, stable=True)  # the first's elements, then others
        rank = other[fits]
        place = held[1][fits].long().cumsum(1) - 1  # of each element among the second's
        renamed = taken.gather(1, place.gather(1, rank.clamp(max=n - 1)).clamp(min=0))
        sites = self.formulas.columns[renamed] + 1
        crystals = _crystals(second)[fits]
        return Candidates.of_crystals(replace(crystals, number=torch.where(crystals.exists, sites, 0)))

    def _replaced(self, crystals: Crystals, generator: torch.Generator) -> Crystals:
        """With one element replaced by another that the crystal does not hold."""
        n_elements = len(self.formulas.columns)
        held = _held(self._ranks(crystals), n_elements)
        possible = held.sum(1) < n_elements
        crystals, held = crystals[possible], held[possible]
        if not len(crystals):
            return crystals
        old = torch.multinomial(held.float(), 1, generator=generator).squeeze(1)
        new = torch.multinomial(self.formulas.alike[old] * ~held, 1, generator=generator).squeeze(1)
        gone, comes = (self.formulas.columns[rank][:, None] + 1 for rank in (old, new))
        return self._sorted(replace(crystals, number=torch.where(crystals.number == gone, comes, crystals.number)))

    def _sorted(self, crystals: Crystals) -> Crystals:
        """With the sites in the order of the grammar again: by element, those of one element as they were."""
        order = self._ranks(crystals).argsort(dim=1, stable=True)
        return replace(
            crystals,
            number=crystals.number.gather(1, order),
            letter=crystals.letter.gather(1, order),
            bins=crystals.bins.gather(1, order[..., None].expand(-1, -1, 3)),
        )

    def _ranks(self, crystals: Crystals) -> Tensor:
        """The place of each site's element in the order of the grammar, E where there is no site, `n x S`."""
        rank = torch.full((N_ELEMENTS + 1,), len(self.formulas.columns))
        rank[self.formulas.columns + 1] = torch.arange(len(self.formulas.columns))
        return rank[crystals.number]


def _held(ranks: Tensor, n_elements: int) -> Tensor:
    """Which elements there are on the sites, `n x E` booleans."""
    held = torch.zeros(len(ranks), n_elements + 1, dtype=torch.bool)
    return held.scatter(1, ranks, True)[:, :n_elements]


def _crystals(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals
