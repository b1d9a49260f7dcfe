"""Charge bitsets against plain sets of integers."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from gfnmat.space.composition.charge_bits import (
    LARGEST_CHARGE,
    PURE_ELEMENT,
    add_charge,
    charge_shifts,
    take_charge,
    union_over_states,
)

charges = st.sets(st.integers(0, LARGEST_CHARGE), max_size=8)
amounts = st.integers(0, 200)


def bits(numbers: set[int]) -> torch.Tensor:
    return torch.tensor(sum(1 << number for number in numbers), dtype=torch.int64)


def shift(amount: int) -> torch.Tensor:
    return charge_shifts(torch.tensor(1), amount)


def numbers(bitset: torch.Tensor) -> set[int]:
    return {q for q in range(63) if int(bitset) >> q & 1}


@given(charges, amounts)
def test_adding_a_charge_shifts_every_total_and_drops_what_does_not_fit(start: set[int], amount: int) -> None:
    assert numbers(add_charge(bits(start), shift(amount))) == {
        q + amount for q in start if q + amount <= LARGEST_CHARGE
    }


@given(charges, amounts)
def test_taking_a_charge_drops_what_falls_below_zero(start: set[int], amount: int) -> None:
    assert numbers(take_charge(bits(start), shift(amount))) == {q - amount for q in start if q >= amount}


@given(charges, amounts)
def test_the_mark_of_a_pure_element_never_becomes_a_charge(start: set[int], amount: int) -> None:
    marked = bits(start) | PURE_ELEMENT
    for move in (add_charge, take_charge):
        assert numbers(move(marked, shift(amount))) == numbers(move(bits(start), shift(amount)))


@given(charges, st.lists(st.integers(0, 8), max_size=5), st.integers(1, 20))
def test_the_union_over_oxidation_states_is_the_union_of_the_shifts(
    start: set[int], states: list[int], count: int
) -> None:
    padded = torch.tensor([*states, -1])
    expected = {q + state * count for q in start for state in states if q + state * count <= LARGEST_CHARGE}
    assert numbers(union_over_states(add_charge, bits(start), charge_shifts(padded, count))) == expected
