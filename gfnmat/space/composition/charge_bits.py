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
BEYOND = LARGEST_CHARGE + 1  # a shift that leaves nothing


def charge_shifts(states: Tensor, count: Tensor | int) -> Tensor:
    """By how many bits atoms shift the charges: the magnitude of a state times the count, for each state.

    Args:
        states: magnitudes of oxidation states, -1 where there is none.
        count: atoms of the element, broadcasting with `states`.

    Returns:
        Of the shape that they broadcast to; `BEYOND` where there is no state, or more than the bits hold.
    """
    return torch.where(states >= 0, states * count, BEYOND).clamp(max=BEYOND)


def add_charge(charges: Tensor, shift: Tensor) -> Tensor:
    """The total charges after `shift` (0 to `BEYOND`) is added to each; what outgrows the bits is dropped."""
    return ((charges & _CHARGES) << shift) & _CHARGES


def take_charge(charges: Tensor, shift: Tensor) -> Tensor:
    """The total charges after `shift` (0 to `BEYOND`) is taken from each; what falls below zero is dropped."""
    return (charges & _CHARGES) >> shift


def union_over_states(move: Callable[[Tensor, Tensor], Tensor], charges: Tensor, shifts: Tensor) -> Tensor:
    """The union, over an element's oxidation states, of what charges become.

    Args:
        move: `add_charge` or `take_charge`.
        charges: sets of charges, of any shape.
        shifts: from `charge_shifts`, states in the last dimension; the other dimensions broadcast with `charges`.
    """
    first, *others = (move(charges, shift) for shift in shifts.unbind(-1))
    for other in others:
        first = first | other
    return first
