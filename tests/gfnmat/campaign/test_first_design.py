"""The first design: the lower rungs, and then the target on what they answered."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gfnmat.campaign.first_design import first_design

COSTS = (0.001, 0.03, 0.15, 1.0)


def everything(pool: int, rungs: int) -> tuple[Tensor, Tensor]:
    return torch.ones(pool, rungs, dtype=torch.bool), torch.zeros(pool, dtype=torch.long)


def counts(pairs: list[tuple[int, int]], rungs: int) -> list[int]:
    return [sum(rung == at for _, at in pairs) for rung in range(rungs)]


def test_lower_rungs_come_first_and_share_their_candidates() -> None:
    open_pairs, answers = everything(200, 4)
    pairs = first_design(open_pairs, answers, COSTS, n=24, budget=60, begun=0, in_one_round=False)
    assert counts(pairs, 4) == [48, 24, 12, 0]
    asked = [{row for row, at in pairs if at == rung} for rung in range(3)]
    assert asked[2] < asked[1] < asked[0]


def test_the_target_is_asked_of_what_most_rungs_have_answered() -> None:
    open_pairs, answers = everything(20, 4)
    answers[[3, 7, 8, 11]] = torch.tensor([3, 1, 3, 2])
    open_pairs[8, 3] = False
    pairs = first_design(open_pairs, answers, COSTS, n=16, budget=60, begun=56, in_one_round=False)
    assert pairs == [(3, 3), (11, 3), (7, 3), (0, 3)]


def test_without_a_later_round_all_is_asked_at_once() -> None:
    open_pairs, answers = everything(200, 4)
    pairs = first_design(open_pairs, answers, COSTS, n=24, budget=60, begun=0, in_one_round=True)
    assert counts(pairs, 4) == [48, 24, 12, 6]


def test_a_ladder_of_one_rung_is_asked_half_a_batch() -> None:
    open_pairs, answers = everything(30, 1)
    assert first_design(open_pairs, answers, (1.0,), n=9, budget=60, begun=0, in_one_round=False) == [
        (i, 0) for i in range(5)
    ]


@pytest.mark.parametrize(("budget", "below", "at_target"), [(10.0, 0, 1), (10.5, 0, 1), (11.0, 1, 1), (100.0, 8, 4)])
def test_what_the_lower_rungs_take_leaves_the_target_its_share(budget: float, below: int, at_target: int) -> None:
    """In two rounds, with the lower rungs paid in the first."""
    costs = (1.0, 10.0)
    open_pairs, answers = everything(60, 2)
    first = first_design(open_pairs, answers, costs, n=16, budget=budget, begun=0, in_one_round=False)
    left = budget - sum(costs[rung] for _, rung in first)
    for row, rung in first:
        open_pairs[row, rung] = False
    then = first_design(open_pairs, answers, costs, n=16, budget=left, begun=len(first), in_one_round=False)
    assert counts(first + then, 2) == [below, at_target]


@given(
    costs=st.lists(st.floats(0.001, 5), min_size=1, max_size=4).map(sorted),
    n=st.integers(1, 40),
    budget=st.floats(0, 100),
    begun=st.integers(0, 100),
    in_one_round=st.booleans(),
)
def test_it_is_paid_for_and_asks_nothing_twice(
    costs: list[float], n: int, budget: float, begun: int, in_one_round: bool
) -> None:
    open_pairs, answers = everything(100, len(costs))
    open_pairs[::3] = False
    pairs = first_design(open_pairs, answers, costs, n, budget, begun, in_one_round)
    assert len(set(pairs)) == len(pairs)
    assert all(open_pairs[pair] for pair in pairs)
    assert sum(costs[rung] for _, rung in pairs) <= budget + 1e-6
    if sum(costs) * 2 ** len(costs) <= budget / 2:
        assert pairs
        assert sum(costs[rung] for _, rung in pairs) <= budget / 2 + 1e-6
