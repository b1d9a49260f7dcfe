"""Tables that say, before a formula is finished, from which charges it still can be.

A partial formula has one of two phases. Elements come in ascending electronegativity, so cations come first; once
there is an anion, only anions follow. The charges reachable so far are a bitset for each phase. Backward recursion
over (elements used, atoms used, common divisor of the counts, last element) gives the charges from which a neutral
completion exists; a choice is open where the two sets meet. No search, no rejection, no dead end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from gfnmat.space.charge_bits import (
    LARGEST_CHARGE,
    NEUTRAL,
    PURE_ELEMENT,
    add_charge,
    take_charge,
    union_over_states,
)
from gfnmat.space.chemistry import ElementTable


@dataclass(frozen=True)
class SizeLimits:
    """How many elements and atoms a formula may have, both ends included, and which elements it must have.

    Attributes:
        n_elements: smallest and largest number of elements.
        n_atoms: smallest and largest number of atoms in the reduced formula.
        required: which elements (in the order of the grammar) every formula has, `E` booleans.
        pure_elements: whether a lone element counts as neutral, in a chemistry that balances charges.
    """

    n_elements: tuple[int, int]
    n_atoms: tuple[int, int]
    required: Tensor
    pure_elements: bool


@dataclass(frozen=True)
class CompletionTables:
    """Bitsets of charges from which a completion exists, indexed by (elements, atoms, divisor) used so far.

    With K, N the largest numbers of elements and atoms, and E elements:

    Attributes:
        as_cation: charges from which the element may be added next as a cation, `(K+1) x (N+1) x (N+1) x E`.
        as_anion: the same as an anion.
        after_cation: charges that can be completed once the element, a cation, was added last.
        after_anion: the same for an anion.
        may_follow: whether an element may follow another (row; the first row is the empty formula) in the order
            of the grammar without leaving out a required one, `(E+1) x E`.
        anion_may_follow: `may_follow` where the electronegativity strictly rises: the step from the last cation
            to the first anion.
        may_end: whether no required element is left after the last one, `E+1`.
    """

    as_cation: Tensor
    as_anion: Tensor
    after_cation: Tensor
    after_anion: Tensor
    may_follow: Tensor
    anion_may_follow: Tensor
    may_end: Tensor

    @property
    def is_empty(self) -> bool:
        """Whether no formula exists at all."""
        first = self.as_cation[0, 0, 0] & NEUTRAL
        return not bool((first.bool() & self.may_follow[0]).any())

    def to(self, device: torch.device | str) -> CompletionTables:
        """The same tables on another device."""
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    @classmethod
    def build(cls, table: ElementTable, limits: SizeLimits) -> CompletionTables:
        """Runs the recursion for these elements and limits.

        Raises:
            ValueError: formulas this large can carry a charge that the bits do not hold.
        """
        _check_charges_fit(table, limits.n_atoms[1])
        (k_min, k_max), (n_min, n_max) = limits.n_elements, limits.n_atoms
        n_elements = len(table.symbols)
        shape = (k_max + 1, n_max + 1, n_max + 1, n_elements)
        as_cation, as_anion, after_cation, after_anion = (torch.zeros(shape, dtype=torch.int64) for _ in range(4))
        may_follow, anion_may_follow, may_end = _order(table, limits.required)
        divisor = torch.arange(n_max + 1)
        neutral_cations = NEUTRAL if (table.cation_charges == 0).any() else 0

        for k in range(k_max, -1, -1):
            if k < k_max:
                for count in range(1, n_max + 1):
                    used = n_max + 1 - count
                    common = torch.gcd(divisor, torch.tensor(count))
                    cation_next = after_cation[k + 1, count:][:, common]
                    anion_next = after_anion[k + 1, count:][:, common]
                    as_cation[k, :used] |= union_over_states(take_charge, cation_next, table.cation_charges, count)
                    as_anion[k, :used] |= union_over_states(add_charge, anion_next, table.anion_charges, count)
                    if k == 0:
                        as_cation[k, :used] |= torch.where(cation_next & PURE_ELEMENT != 0, NEUTRAL, 0)
            after_cation[k] = _union_of_followers(as_cation[k], may_follow) | _union_of_followers(
                as_anion[k], anion_may_follow
            )
            after_anion[k] = _union_of_followers(as_anion[k], may_follow)
            if k >= max(k_min, 1):
                end = may_end[1:]
                after_cation[k, n_min:, 1, end] |= neutral_cations
                after_anion[k, n_min:, 1, end] |= NEUTRAL
                if k == 1 and limits.pure_elements:
                    after_cation[k, n_min:, 1, end] |= PURE_ELEMENT
        return cls(as_cation, as_anion, after_cation, after_anion, may_follow, anion_may_follow, may_end)


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
