"""When the next round is planned beside the evaluations of this one, and how much of it."""

from gfnmat.campaign.execution.pace import MOST, Pace


def paced(plan: float, evaluation: float, workers: int = 2) -> Pace:
    pace = Pace({0: workers, 1: 1}, batch_size=8)
    pace.planned(plan)
    pace.evaluated(0, evaluation)
    return pace


def test_a_plan_is_due_when_what_waits_is_done_before_it_would_be_ready() -> None:
    pace = paced(plan=3.0, evaluation=1.0)
    assert not pace.is_due({0: 10}, {0})
    assert pace.is_due({0: 5}, {0})
    assert pace.is_due({}, {0})


def test_nothing_is_known_of_a_rung_that_has_not_answered() -> None:
    assert not Pace({0: 2}, 8).is_due({0: 1}, {0})
    assert not paced(3.0, 1.0).is_due({1: 0}, {1})


def test_what_waits_is_bounded_however_slow_plans_are() -> None:
    assert not paced(plan=1e6, evaluation=0.1).is_due({0: MOST * 8}, {0})


def test_a_rung_that_is_used_up_is_reason_enough_while_another_has_work() -> None:
    pace = paced(plan=3.0, evaluation=1.0)
    pace.evaluated(1, 10.0)
    assert pace.is_due({0: 0, 1: 6}, {0, 1})


def test_batches_grow_where_workers_are_faster_than_plans_and_never_beyond_bounds() -> None:
    assert paced(plan=0.1, evaluation=1.0).amount({0}) == 8
    assert paced(plan=4.0, evaluation=1.0).amount({0}) == 12
    assert paced(plan=1e6, evaluation=1.0).amount({0}) == MOST * 8
    assert Pace({0: 2}, 8).amount(set()) == 8
