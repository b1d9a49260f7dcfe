"""What is read of long campaigns in parts is what the whole history says."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfnmat.campaign import standing
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.memory import Memory
from gfnmat.campaign.progress import leader
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.standing import best_of
from gfnmat.campaign.store.sql_store import SqlStore
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

LADDER = ["low", "high"]
NUMBERS = st.integers(-3, 3).map(float)
TOLD = st.tuples(
    st.integers(0, 5),  # candidate
    st.integers(0, 1),  # rung
    st.integers(0, 2),  # replicate
    st.sampled_from(["done", "done", "done", "infeasible", "withdrawn"]),
    st.dictionaries(st.sampled_from(["x", "y", "z"]), NUMBERS, min_size=1),
    st.booleans(),  # whether it is a duplicate of what came first
)


def goals(several: bool, bounded: bool) -> Goals:
    objectives = [Objective(property="x", goal="maximize"), Objective(property="y", goal="minimize")]
    return Goals(
        Problem(
            objectives=tuple(objectives[: 1 + several]),
            constraints=(Constraint(property="z", max=1),) if bounded else (),
            fidelities=tuple(Fidelity(name=name, oracle="table", cost=1) for name in LADDER),
            budget=Budget(cost=100),
        )
    )


def filled(told: Sequence[tuple]) -> SqlStore:
    store = SqlStore("sqlite://")
    store.open("mine", {}, {})
    first = None
    for candidate, rung, replicate, status, values, is_duplicate in told:
        key = f"candidate {candidate}"
        choice = Choice(key, key, rung, 1.0, {}, {}, "", replicate=replicate)
        (issued, *_) = store.issue([choice], LADDER, None, None, 0, asked=False) or [None]
        if issued is not None:
            duplicate_of = first if is_duplicate and rung == 1 else None
            store.tell({issued.id: Answer(status, values if status == "done" else {}, duplicate_of=duplicate_of)})
            first = issued.id if first is None and rung == 1 and status == "done" else first
    return store


@settings(max_examples=60, deadline=None)
@given(st.lists(TOLD, max_size=25), st.booleans(), st.booleans())
def test_the_best_is_the_leader_of_the_whole_history(told: list[tuple], several: bool, bounded: bool) -> None:
    store = filled(told)
    expected = leader(Memory(goals(several, bounded), store).history())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing, "FIRST", 1)  # so that it looks again, and again
        found = best_of(store, goals(several, bounded))
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.answer.values["x"] == expected.answer.values["x"]
        assert found.suggestion.id == expected.suggestion.id or several


@settings(max_examples=30, deadline=None)
@given(st.lists(TOLD, max_size=25), st.data())
def test_what_was_read_by_and_by_is_what_is_there(told: list[tuple], data: st.DataObject) -> None:
    store = SqlStore("sqlite://")
    store.open("mine", {}, {})
    memory = Memory(goals(True, True), store)
    numbers: list[int] = []
    for candidate, rung, replicate, status, values, _ in told:
        key = f"candidate {candidate}"
        choice = Choice(key, key, rung, 1.0, {}, {}, "", replicate=replicate)
        numbers += [s.id for s in store.issue([choice], LADDER, None, None, 0, asked=False)]
        if numbers and data.draw(st.booleans()):
            number = data.draw(st.sampled_from(numbers))
            store.tell({number: Answer(status, values if status == "done" else {})}, correct=True)
        if data.draw(st.booleans()):
            memory.history()
    history = memory.history()
    assert list(history.suggestions) == store.suggestions()
    assert list(history.measurements) == store.measurements()
    assert history.spent == pytest.approx(store.balance().committed)
    assert memory.history() is history, "nothing new, nothing done"
