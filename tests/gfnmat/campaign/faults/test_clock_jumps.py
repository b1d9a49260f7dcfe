"""A clock that is set, by ten years forwards or back: no work is done twice by one run, and none is blocked or lost."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gfnmat import Campaign
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.store import AlreadyToldError, owner
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.clock import JumpingClock
from tests.gfnmat.campaign.faults.promises import require_whole

TEN_YEARS = 10 * 365.25 * 86400
LEASE = 300.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    clock = JumpingClock()
    monkeypatch.setattr("gfnmat.campaign.store.clock.now", lambda connection: clock.timestamp())
    return clock


@pytest.fixture
def owners() -> Iterator[list[str]]:
    """Two that live in this process."""
    both = [owner.take_up(), owner.take_up()]
    yield both
    for one in both:
        owner.retire(one)


def of_another_machine(one: str) -> str:
    """An owner of whom nobody here can tell whether it lives."""
    return "elsewhere/" + one.split("/", 1)[1]


@pytest.fixture
def store(database: str) -> SqlStore:
    """With three suggestions of the loop."""
    opened = SqlStore(database)
    opened.open("mine", {}, {})
    chosen = [Choice(key, key, 0, 1.0, {}, {}, why="") for key in ("A", "B", "C")]
    opened.issue(chosen, ["real"], None, None, 0, asked=False)
    return opened


@pytest.mark.parametrize("jump", [TEN_YEARS, -TEN_YEARS])
def test_what_a_run_holds_it_does_not_get_again(
    store: SqlStore, owners: list[str], clock: JumpingClock, jump: float
) -> None:
    held = [s.id for s in store.claim(owners[0], 0, 2, LEASE)]
    clock.jump(jump)
    assert [s.choice.key for s in store.claim(owners[0], 0, 8, LEASE, but_not=held)] == ["C"]
    store.renew(owners[0], LEASE)
    clock.jump(LEASE / 2)
    assert store.claim(owners[1], 0, 8, LEASE) == [], "it is renewed by the clock as it is now"


def test_after_a_jump_forwards_others_take_over_and_the_same_answer_is_no_change(
    store: SqlStore, owners: list[str], clock: JumpingClock
) -> None:
    (held,) = store.claim(owners[0], 0, 1, LEASE)
    clock.jump(TEN_YEARS)
    (taken,) = store.claim(owners[1], 0, 8, LEASE)
    assert [s.choice.key for s in store.claim(owners[1], 0, 8, LEASE, but_not=[taken.id])] == ["B", "C"]
    assert (taken.id, taken.attempts) == (held.id, 2)
    answer = Answer("done", {"x": 1.0})
    assert store.tell({held.id: answer}) == 1, "the late answer, of who lost it"
    assert store.tell({taken.id: answer}) == 0
    with pytest.raises(AlreadyToldError, match="contradicts it, and nothing was written"):
        store.tell({taken.id: Answer("done", {"x": 2.0})})
    assert [m.answer.values for m in store.measurements()] == [{"x": 1.0}]
    store.release(owners[0], [held.id], counted=False)
    require_whole(store._database.engine.url.render_as_string(hide_password=False))


def test_a_jump_back_does_not_keep_the_work_of_an_owner_that_is_gone(
    store: SqlStore, owners: list[str], clock: JumpingClock
) -> None:
    store.claim(owners[0], 0, 3, LEASE)
    clock.jump(-TEN_YEARS)
    assert store.claim(owners[1], 0, 8, LEASE) == []
    owner.retire(owners[0])
    assert len(store.claim(owners[1], 0, 1, LEASE)) == 1


def test_a_jump_back_does_not_keep_the_work_of_another_machine_for_longer_than_a_lease(
    store: SqlStore, owners: list[str], clock: JumpingClock
) -> None:
    held = store.claim(of_another_machine(owners[0]), 0, 3, LEASE)
    clock.jump(-TEN_YEARS)
    assert store.claim(owners[1], 0, 8, LEASE) == [], "it may live"
    clock.jump(LEASE * 0.9)
    assert store.claim(owners[1], 0, 8, LEASE) == []
    clock.jump(LEASE * 0.2)
    assert [s.id for s in store.claim(owners[1], 0, 8, LEASE)] == [held[0].id]


def test_after_a_jump_back_another_machine_that_lives_keeps_its_work(
    store: SqlStore, owners: list[str], clock: JumpingClock
) -> None:
    away = of_another_machine(owners[0])
    store.claim(away, 0, 3, LEASE)
    clock.jump(-TEN_YEARS)
    for _ in range(5):  # as a heartbeat does
        assert store.claim(owners[1], 0, 8, LEASE) == []
        clock.jump(LEASE / 3)
        store.renew(away, LEASE)
    clock.jump(LEASE * 0.9)
    assert store.claim(owners[1], 0, 8, LEASE) == []


@pytest.mark.parametrize("jump", [TEN_YEARS, -TEN_YEARS])
@pytest.mark.slow
def test_a_run_whose_clock_jumps_evaluates_everything_once(
    open_campaign: Callable[..., Campaign], clock: JumpingClock, jump: float
) -> None:
    asked: list[str] = []

    def weigh(materials: list[Any]) -> list[dict[str, float]]:
        asked.extend(m.reduced_formula for m in materials)
        clock.jump(jump)
        return [{"density": m.weight / 10, "bulk_modulus": 1.0} for m in materials]

    campaign = open_campaign(
        fidelities=[{"name": "mine", "oracle": "python", "function": weigh, "cost": 1}],
        proposer={"kind": "random"},
        acquisition={"kind": "random", "batch_size": 5},
    )
    campaign.run()
    assert sorted(asked) == sorted(campaign.measurements().formula)
    assert len(set(asked)) == len(asked) == 20
