"""Sets of total charges as bits of one int64: bit q says that a total charge of +q is reachable.

Charges from 0 to `LARGEST_CHARGE` fit. Bit 62 marks a pure element, which is neutral as it stands whatever its
oxidation states; no shift ever moves it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LARGEST_CHARGE = 61
PURE_ELEMENT = 1 << 62
NEUTRAL = 1
_CHARGES = PURE_ELEMENT - 1


def add_charge(charges: Tensor, amount: Tensor) -> Tensor:
    """The total charges after `amount` (not negative) is added to each; what outgrows the bits is dropped."""
    shifted = ((charges & _CHARGES) << amount.clamp(max=LARGEST_CHARGE)) & _CHARGES
    return torch.where(amount > LARGEST_CHARGE, 0, shifted)


def take_charge(charges: Tensor, amount: Tensor) -> Tensor:
    """The total charges after `amount` (not negative) is taken from each; what falls below zero is dropped."""
    shifted = (charges & _CHARGES) >> amount.clamp(max=LARGEST_CHARGE)
    return torch.where(amount > LARGEST_CHARGE, 0, shifted)


def union_over_states(
    shift: Callable[[Tensor, Tensor], Tensor], charges: Tensor, states: Tensor, count: Tensor | int
) -> Tensor:
    """The union, over an element's oxidation states, of `shift` by count times the state.

    Args:
        shift: `add_charge` or `take_charge`.
        charges: sets of charges, of any shape.
        states: magnitudes of the oxidation states in the last dimension, -1 where there is none; the other
            dimensions broadcast with `charges`.
        count: atoms of the element, broadcasting with `charges`.
    """
    union = torch.zeros((), dtype=torch.int64, device=charges.device)
    for state in states.unbind(-1):
        union = union | torch.where(state >= 0, shift(charges, state.clamp(min=0) * count), 0)
    return union
