"""What every kind of acquisition keeps to, and what costs, fidelities, deadlines and pending pairs change."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from botorch.acquisition.multi_objective import logei
from torch import Tensor

from gfnmat.campaign.acquisition import improvement, selection
from gfnmat.campaign.acquisition.selection import SCORERS, Policy, select
from gfnmat.problem import Constraint, Objective

KINDS = list(SCORERS)
TWO = (Objective(property="a", goal="maximize"), Objective(property="b", goal="minimize"))
WINDOW = (Objective(property="a", goal="target", window=(0.5, 0.6)),)


@pytest.mark.parametrize("kind", KINDS)
def test_picks_are_distinct_open_and_within_budget(setting: Any, kind: str) -> None:
    open_pairs = torch.rand(60, 2, generator=torch.Generator().manual_seed(1)) < 0.3
    picks = setting.select(setting.offer((0.2, 1.0), budget=4.5, open_pairs=open_pairs), kind, n=10)
    assert 1 <= len(picks) <= 10
    assert len({pick.index for pick in picks}) == len(picks)
    assert all(bool(open_pairs[pick.index, pick.rung]) for pick in picks)
    assert sum((0.2, 1.0)[pick.rung] for pick in picks) <= 4.5
    assert all(0 <= pick.share <= 1 and pick.price >= (0.2, 1.0)[pick.rung] for pick in picks)


@pytest.mark.parametrize("objectives", [TWO, WINDOW], ids=["two", "window"])
def test_several_objectives_and_windows_keep_to_the_same(make_setting: Callable[..., Any], objectives: Any) -> None:
    setting = make_setting(objectives=objectives)
    picks = setting.select(setting.offer((0.2, 1.0), budget=3.0), n=6)
    assert 1 <= len(picks) <= 6
    assert sum((0.2, 1.0)[pick.rung] for pick in picks) <= 3.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_declared_cost_changes_the_choice(setting: Any, kind: str) -> None:
    cheap = [pick.rung for pick in setting.select(setting.offer((0.01, 1.0)), kind)]
    dear = [pick.rung for pick in setting.select(setting.offer((0.99, 1.0)), kind)]
    assert cheap.count(0) > dear.count(0)
    assert dear.count(1) > cheap.count(1)


@pytest.mark.parametrize("kind", KINDS)
def test_where_rounds_are_few_a_place_is_not_spent_on_what_is_cheap(setting: Any, kind: str) -> None:
    offer = setting.offer((0.01, 1.0))
    many = [pick.rung for pick in setting.select(offer, kind)]
    few = [pick.rung for pick in setting.select(replace(offer, place=1.0), kind)]
    assert few.count(1) > many.count(1)
    assert offer.prices == (0.01, 1.0)
    assert replace(offer, place=0.3).prices == (0.3, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lower_rung_that_tells_nothing_is_not_asked_however_cheap(
    make_setting: Callable[..., Any], kind: str
) -> None:
    setting = make_setting(lower_is_related=False)
    assert all(pick.rung == 1 for pick in setting.select(setting.offer((0.001, 1.0)), kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_known_direction_is_followed(setting: Any, value: Callable[[Tensor], Tensor], kind: str) -> None:
    best = setting.pool[[pick.index for pick in setting.select(setting.offer((1.0, 1.0)), kind, n=3)]]
    assert value(best).mean() > value(setting.pool).quantile(0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_gives_one_choice_whatever_torch_drew_before(setting: Any, kind: str) -> None:
    torch.manual_seed(1)
    first = setting.select(kind=kind)
    torch.rand(100)
    assert setting.select(kind=kind) == first


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_of_what_is_awaited_is_not_picked(setting: Any, kind: str) -> None:
    only_target = torch.tensor([False, True]).expand(60, 2)
    (first,) = setting.select(setting.offer((1.0, 1.0), open_pairs=only_target), kind, n=1)
    awaited = replace(
        setting.situation, pending=setting.pool[[first.index]], pending_rungs=torch.tensor([1], dtype=torch.long)
    )
    (second,) = select(awaited, setting.offer((1.0, 1.0), open_pairs=only_target), Policy(kind), 1, seed=0)
    assert second.index != first.index


@pytest.mark.parametrize("kind", KINDS)
def test_near_identical_candidates_are_not_picked_together(setting: Any, kind: str) -> None:
    pool = torch.cat([setting.pool, setting.pool + 1e-4])
    offer = replace(setting.offer((1.0, 1.0)), pool=pool, open_pairs=torch.tensor([False, True]).expand(120, 2))
    picked = [pick.index % 60 for pick in setting.select(offer, kind, n=4)]
    assert len(set(picked)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_of_a_batch_are_chosen_too(setting: Any, value: Callable[[Tensor], Tensor], kind: str) -> None:
    only_target = torch.tensor([False, True]).expand(60, 2)
    picks = setting.select(setting.offer((1.0, 1.0), open_pairs=only_target), kind, n=8)
    last = setting.pool[[pick.index for pick in picks[4:]]]
    assert value(last).mean() > value(setting.pool).quantile(0.6), "not the first of the pool, for want of a reason"


@pytest.mark.parametrize("kind", KINDS)
def test_a_constraint_is_kept_to(make_setting: Callable[..., Any], kind: str) -> None:
    setting = make_setting(constraints=(Constraint(property="b", min=0.5),))
    free = [float(setting.pool[pick.index, 2]) for pick in make_setting().select(kind=kind, n=1)]
    bound = [float(setting.pool[pick.index, 2]) for pick in setting.select(kind=kind, n=1)]
    assert min(free) < 0.4
    assert min(bound) > 0.45


@pytest.mark.parametrize("kind", KINDS)
def test_what_will_hardly_be_answered_gives_way(setting: Any, kind: str) -> None:
    (best,) = setting.select(setting.offer((1.0, 1.0)), kind, n=1)
    doubt = torch.zeros(60, dtype=torch.float64)
    doubt[best.index] = -12.0
    (other,) = setting.select(setting.offer((1.0, 1.0), log_feasibility=doubt), kind, n=1)
    assert other.index != best.index


def test_nothing_below_is_bought_once_the_target_cannot_be_paid(setting: Any) -> None:
    only_lower = torch.tensor([[True, False]]).expand(60, 2)
    assert len(setting.select(setting.offer((0.2, 1.0), 1.5, only_lower, reserve=1.0), n=10)) == 2
    assert setting.select(setting.offer((0.2, 1.0), 0.9, reserve=1.0), n=10) == []
    assert len(setting.select(setting.offer((0.2, 1.0), 0.9, only_lower), n=10)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_deadline_that_is_over_leaves_one_pick(setting: Any, kind: str) -> None:
    assert len(select(setting.situation, setting.offer(), Policy(kind, deadline=1e-9), 6, seed=0)) == 1


def test_after_the_deadline_no_further_candidates_are_looked_at(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "AT_ONCE", 8)
    (hurried,) = select(setting.situation, setting.offer(), Policy(deadline=1e-9), 6, seed=0)
    assert hurried.index < 8


def test_the_fidelity_can_be_left_to_the_target_or_to_chance(setting: Any) -> None:
    only_target = select(setting.situation, setting.offer(), Policy(fidelity="target"), 6, seed=0)
    assert {pick.rung for pick in only_target} == {1}
    at_random = select(setting.situation, setting.offer((0.999, 1.0)), Policy(fidelity="random"), 20, seed=0)
    assert 4 <= sum(pick.rung for pick in at_random) <= 16


def test_a_rung_that_is_not_known_yet_is_asked_beside_the_target(make_setting: Callable[..., Any]) -> None:
    setting = make_setting()
    unknown = replace(setting.situation.agreement, shared=(0, 12), trust=torch.tensor([[0.0], [1.0]]).double())
    picks = select(replace(setting.situation, agreement=unknown), setting.offer(), Policy(), 6, seed=0)
    assert [(pick.rung, pick.compares) for pick in picks] == [(1, False), (0, True)] * 3
    assert [pick.index for pick in picks[::2]] == [pick.index for pick in picks[1::2]]
    dear = select(replace(setting.situation, agreement=unknown), setting.offer((0.5, 1.0)), Policy(), 6, seed=0)
    assert not any(pick.compares for pick in dear)


def test_closed_leaders_do_not_hide_what_is_open(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "SHORTLIST", 8)
    first = [pick.index for pick in setting.select(setting.offer((1.0, 1.0)), n=50)]
    still_open = torch.ones(60, 2, dtype=torch.bool)
    still_open[first] = False
    rest = setting.select(setting.offer((1.0, 1.0), open_pairs=still_open), n=10)
    assert {pick.index for pick in rest} == set(range(60)) - set(first)


def test_nothing_is_compiled_on_the_way(make_setting: Callable[..., Any]) -> None:
    assert logei._load_attempted is not None  # the name is BoTorch's own
    make_setting(objectives=TWO).select(n=1)
    assert logei._C is None


def test_a_part_of_the_pool_without_any_chance_is_passed_over(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    best = setting.select(n=1)[0].index
    monkeypatch.setattr(selection, "AT_ONCE", 8)
    monkeypatch.setattr(improvement, "WORKED_OUT", 4)
    assert setting.select(n=1)[0].index == best
