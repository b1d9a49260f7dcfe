"""Tables that say, before a formula is finished, from which charges it still can be.

A partial formula has one of two phases. Elements come in ascending electronegativity, so cations come first; once
there is an anion, only anions follow. The charges reachable so far are a bitset for each phase. Backward recursion
over (node of the counts' automaton, last element) gives the charges from which a neutral completion exists; a choice
is open where the two sets meet. No search, no rejection, no dead end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from gfnmat.space.composition.charge_bits import (
    LARGEST_CHARGE,
    NEUTRAL,
    PURE_ELEMENT,
    add_charge,
    charge_shifts,
    take_charge,
    union_over_states,
)
from gfnmat.space.composition.chemistry import ElementTable
from gfnmat.space.composition.counting import CountAutomaton


@dataclass(frozen=True)
class CompletionTables:
    """Bitsets of charges from which a completion exists, by node of the counts' automaton.

    With E elements, and N the largest number of atoms:

    Attributes:
        as_cation: charges from which the element may be added next as a cation, `nodes x E`.
        as_anion: the same as an anion.
        as_cations: the same with each count from 1 on, `nodes x E x N`.
        as_anions: the same as an anion.
        may_follow: whether an element may follow another (row; the first row is the empty formula) in the order
            of the grammar without leaving out a required one, `(E+1) x E`.
        anion_may_follow: `may_follow` where the electronegativity strictly rises: the step from the last cation
            to the first anion.
        may_end: whether no required element is left after the last one, `E+1`.
    """

    as_cation: Tensor
    as_anion: Tensor
    as_cations: Tensor
    as_anions: Tensor
    may_follow: Tensor
    anion_may_follow: Tensor
    may_end: Tensor

    @property
    def is_empty(self) -> bool:
        """Whether no formula exists at all."""
        first = self.as_cation[0] & NEUTRAL
        return not bool((first.bool() & self.may_follow[0]).any())

    def to(self, device: torch.device | str) -> CompletionTables:
        """The same tables on another device."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    @classmethod
    def build(
        cls, table: ElementTable, counts: CountAutomaton, required: Tensor, pure_elements: bool
    ) -> CompletionTables:
        """Runs the recursion.

        Args:
            table: the elements and their charges.
            counts: which counts a formula may have.
            required: which elements every formula has, `E` booleans.
            pure_elements: whether a lone element counts as neutral, in a chemistry that balances charges.

        Raises:
            ValueError: formulas this large can carry a charge that the bits do not hold.
        """
        _check_charges_fit(table, counts.max_atoms)
        n_elements = len(table.symbols)
        as_cation, as_anion = (torch.zeros(len(counts), n_elements, dtype=torch.int64) for _ in range(2))
        as_cations, as_anions = (torch.zeros(*as_cation.shape, counts.max_atoms, dtype=torch.int64) for _ in range(2))
        # charges that can be completed once the element was added last; the last row is of nodes that are none
        after_cation, after_anion = (torch.zeros(len(counts) + 1, n_elements, dtype=torch.int64) for _ in range(2))
        may_follow, anion_may_follow, may_end = _order(table, required)
        neutral_cations = NEUTRAL if (table.cation_charges == 0).any() else 0
        end = may_end[1:]
        columns = torch.arange(n_elements)

        for k in range(int(counts.elements.max()), -1, -1):
            level = counts.elements == k
            cation, anion = as_cation[level], as_anion[level]
            for count in range(1, counts.max_atoms + 1):
                following = counts.reached[level, :, count], columns
                cation_next, anion_next = after_cation[following], after_anion[following]
                one = union_over_states(take_charge, cation_next, charge_shifts(table.cation_charges, count))
                if k == 0:
                    one |= torch.where(cation_next & PURE_ELEMENT != 0, NEUTRAL, 0)
                other = union_over_states(add_charge, anion_next, charge_shifts(table.anion_charges, count))
                as_cations[level, :, count - 1], as_anions[level, :, count - 1] = one, other
                cation, anion = cation | one, anion | other
            as_cation[level], as_anion[level] = cation, anion
            then_cation = _union_of_followers(cation, may_follow) | _union_of_followers(anion, anion_may_follow)
            then_anion = _union_of_followers(anion, may_follow)
            ends = counts.may_end[level][:, None] & end & (k > 0)
            then_cation |= torch.where(ends, neutral_cations, 0)
            then_anion |= torch.where(ends, NEUTRAL, 0)
            if k == 1 and pure_elements:
                then_cation |= torch.where(ends, PURE_ELEMENT, 0)
            after_cation[:-1][level], after_anion[:-1][level] = then_cation, then_anion
        return cls(as_cation, as_anion, as_cations, as_anions, may_follow, anion_may_follow, may_end)


def _check_charges_fit(table: ElementTable, n_atoms: int) -> None:
    cation, anion = table.largest_charges

    def largest(n: int) -> int:
        return max(min(cation * m, anion * (n - m)) for m in range(n + 1))

    if largest(n_atoms) > LARGEST_CHARGE:
        fits = max(n for n in range(1, n_atoms) if largest(n) <= LARGEST_CHARGE)
        raise ValueError(
            f"n_atoms goes up to {n_atoms}, and with these elements such formulas can carry more charge than the "
            f"tables hold; allowed are at most {fits} atoms, or fewer oxidation states (raise `commonality`)."
        )


def _order(table: ElementTable, required: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = len(table.symbols)
    position = torch.arange(n)
    rows = torch.arange(-1, n)[:, None]
    required_up_to = torch.cat([torch.zeros(1, dtype=torch.int64), required.long().cumsum(0)])
    skipped = required_up_to[:-1][None, :] - required_up_to[:, None]  # required ones strictly between
    may_follow = (position[None, :] > rows) & (skipped <= 0)
    strictly_higher = torch.zeros(n, dtype=torch.int64)  # the group of equal electronegativity an element is in
    strictly_higher[1:] = (~table.tied_with_next[:-1]).long().cumsum(0)
    group_of_row = torch.cat([torch.tensor([-1]), strictly_higher])
    anion_may_follow = may_follow & (strictly_higher[None, :] > group_of_row[:, None])
    may_end = required_up_to == required_up_to[-1]
    return may_follow, anion_may_follow, may_end


def _union_of_followers(bits: Tensor, may_follow: Tensor) -> Tensor:
    """For each last element, the union of `bits` (`... x E`) over the elements that may follow it."""
    union = torch.zeros_like(bits)
    for last in range(bits.shape[-1] - 1):
        followers = may_follow[last + 1].nonzero().squeeze(-1)
        if len(followers):
            union[..., last] = _bitwise_or(bits[..., followers])
    return union


def _bitwise_or(bits: Tensor) -> Tensor:
    """Bitwise or over the last dimension, by halves."""
    while bits.shape[-1] > 1:
        if bits.shape[-1] % 2:
            bits = torch.nn.functional.pad(bits, (0, 1))
        bits = bits[..., ::2] | bits[..., 1::2]
    return bits[..., 0]
