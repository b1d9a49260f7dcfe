"""Any sequence of what may happen to a store, against a model of it that is a dictionary."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gfnmat.campaign.records import Answer, Choice, Limits, RoundRecord, Status
from gfnmat.campaign.store import AlreadyToldError, owner
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.clock import JumpingClock
from tests.gfnmat.campaign.faults.promises import require_whole
from tests.servers.postgresql import PostgresCluster

LEASE, BUDGET = 300.0, 3.0
KEYS = st.sampled_from("AB")
STATUSES: st.SearchStrategy[Status] = st.sampled_from(["done", "infeasible", "retryable", "withdrawn"])


@dataclass
class Entry:
    """What the model knows of a suggestion.

    Attributes:
        place: its key and replicate.
        origin: see `Suggestion`.
        cost: of it.
        told: its answers, in order.
        live: whether the same is not issued again.
        holder: who leased it.
        until: the time until which.
        attempts: how often it was claimed.
    """

    place: tuple[str, int]
    origin: str
    cost: float
    told: list[tuple[Status, dict[str, float]]] = field(default_factory=list)
    live: bool = True
    holder: str | None = None
    until: float = 0.0
    attempts: int = 0

    @property
    def state(self) -> str:
        return self.told[-1][0] if self.told else "open"

    @property
    def committed(self) -> float:
        return 0.0 if self.state in ("withdrawn", "retryable") else self.cost


class StoreMachine(RuleBasedStateMachine):
    """One store, opened by several processes that are owners here; a subclass says where."""

    new_database: Callable[[], str]

    @initialize()
    def begin(self) -> None:
        self.clock = JumpingClock()
        self.patched = patch("gfnmat.campaign.store.clock.now", lambda connection: self.clock.timestamp())
        self.patched.start()
        self.url = type(self).new_database()
        self.model: dict[int, Entry] = {}
        self.states: list[bytes] = []
        self.owners = [owner.take_up(), owner.take_up()]
        self.store = self.opened()

    def opened(self) -> SqlStore:
        store = SqlStore(self.url)
        store.open("mine", {"seed": 1}, {})
        return store

    def teardown(self) -> None:
        self.require_as_modelled()
        self.patched.stop()
        self.store._database.engine.dispose()
        for one in self.owners:
            owner.retire(one)

    def require_as_modelled(self) -> None:
        """Looks at the tables themselves: nothing is half there, and what is live and leased is so in the model."""
        rows = {row["id"]: row for row in require_whole(self.url)["suggestions"]}
        assert {n: bool(row["live"]) for n, row in rows.items()} == {n: e.live for n, e in self.model.items()}
        assert {n: row["lease_owner"] for n, row in rows.items()} == {n: e.holder for n, e in self.model.items()}

    def live(self, place: tuple[str, int]) -> int | None:
        return next((n for n, entry in self.model.items() if entry.place == place and entry.live), None)

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3), asked=st.booleans(), replicate=st.integers(0, 1))
    def issue(self, keys: list[str], asked: bool, replicate: int) -> None:
        left = BUDGET - sum(entry.committed for entry in self.model.values())
        wanted = []
        for key in dict.fromkeys(keys):
            if self.live((key, replicate)) is None and left >= 1:
                wanted.append(key)
                left -= 1
        record = None if asked else RoundRecord(round=0, seconds=0, pool=1, distinct=1)
        state = None if asked else b"state %d" % len(self.states)
        chosen = [choice(key, replicate) for key in keys]
        issued = self.store.issue(chosen, ["real"], record, state, 0, asked=asked, limits=Limits(cost=BUDGET))
        assert [s.choice.key for s in issued] == wanted
        for one in issued:
            assert one.id > max(self.model, default=0)
            self.model[one.id] = Entry((one.choice.key, replicate), "asked" if asked else "loop", 1.0)
        if issued and state is not None:
            self.states.append(state)

    @precondition(lambda self: any(entry.state == "open" and entry.origin == "loop" for entry in self.model.values()))
    @rule(which=st.integers(0, 1), most=st.integers(1, 3))
    def claim(self, which: int, most: int) -> None:
        who, at = self.owners[which], self.clock.timestamp()
        for entry in self.model.values():
            if entry.state == "open" and entry.holder:
                entry.until = min(entry.until, at + LEASE)
        open_ones = {
            number: entry for number, entry in self.model.items() if entry.state == "open" and entry.origin == "loop"
        }
        claimed = [s.id for s in self.store.claim(who, 0, most, LEASE)]
        if held := [number for number, entry in open_ones.items() if entry.holder == who]:
            assert claimed == held, "what it holds already"
            return
        free = [
            number
            for number, entry in open_ones.items()
            if entry.holder is None or entry.until < at or entry.holder not in self.owners
        ][:most]
        untried = list(takewhile(lambda number: not self.model[number].attempts, free))
        wanted = untried or free[:1]
        assert claimed == wanted
        for number in wanted:
            entry = self.model[number]
            entry.holder, entry.until, entry.attempts = who, at + LEASE, entry.attempts + 1

    @rule(which=st.integers(0, 1))
    def renew(self, which: int) -> None:
        self.store.renew(self.owners[which], LEASE)
        for entry in self.model.values():
            if entry.state == "open" and entry.holder == self.owners[which]:
                entry.until = self.clock.timestamp() + LEASE

    @rule(which=st.integers(0, 1), counted=st.booleans())
    def release(self, which: int, counted: bool) -> None:
        self.store.release(self.owners[which], list(self.model), counted=counted)
        for entry in self.model.values():
            if entry.state == "open" and entry.holder == self.owners[which]:
                entry.holder, entry.attempts = None, entry.attempts - (not counted)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), status=STATUSES, x=st.integers(0, 2), y=st.none() | st.integers(0, 1), correct=st.booleans())
    def tell(self, data: st.DataObject, status: Status, x: int, y: int | None, correct: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        values = {"x": float(x)} | ({} if y is None else {"y": float(y)}) if status == "done" else {}
        self.expect(number, status, values, correct, lambda answer: self.store.tell({number: answer}, correct=correct))

    @rule(key=KEYS, status=STATUSES, x=st.integers(0, 2), cost=st.sampled_from([0.0, 2.0]), correct=st.booleans())
    def add(self, key: str, status: Status, x: int, cost: float, correct: bool) -> None:
        values = {"x": float(x)} if status == "done" else {}
        same = [n for n, entry in self.model.items() if entry.place == (key, 0)]
        number = self.live((key, 0)) or max(same, default=None)
        if number is None:
            number = -1
            self.model[number] = Entry((key, 0), "imported", cost)
        found = choice(key, 0, cost)
        self.expect(number, status, values, correct, lambda a: self.store.add([(found, a)], ["real"], correct=correct))
        if number == -1:
            self.model[max(s.id for s in self.store.suggestions())] = self.model.pop(-1)

    def expect(
        self, number: int, status: Status, values: dict[str, float], correct: bool, call: Callable[[Answer], int]
    ) -> None:
        """Tells, and holds the store to what telling means: no change, one more answer, or a refusal."""
        entry, answer = self.model[number], Answer(status, values)
        before = entry.told[-1][1] if entry.told else {}
        if entry.state == status and values.items() <= before.items():
            assert call(answer) == 0
            return
        agrees = entry.state == status == "done" and all(values.get(name, x) == x for name, x in before.items())
        if not (entry.state in ("open", "retryable", "withdrawn") or agrees or correct):
            with pytest.raises(AlreadyToldError, match="nothing was written"):
                call(answer)
            return
        if entry.state == status == "done":
            values = {**before, **values}
        assert call(answer) == 1
        entry.told.append((status, values))
        entry.holder = None
        if status == "withdrawn" or (status == "retryable" and entry.origin != "loop"):
            entry.live = False
        elif not entry.live:
            entry.live = self.live(entry.place) is None

    @rule(seconds=st.sampled_from([LEASE / 2, LEASE / 2, 2 * LEASE, -3e8]))
    def jump(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        """A process ends without a word, and another comes."""
        owner.retire(self.owners[which])
        self.owners[which] = owner.take_up()

    @rule()
    def resume(self) -> None:
        self.store._database.engine.dispose()
        self.require_as_modelled()
        self.store = self.opened()

    @invariant()
    def what_is_kept_is_what_was_promised(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {m.suggestion.id: (m.answer.status, dict(m.answer.values)) for m in self.store.measurements()} == {
            number: entry.told[-1] for number, entry in self.model.items() if entry.told
        }
        issued = {s.id: ((s.choice.key, s.choice.replicate), s.origin, s.attempts) for s in self.store.suggestions()}
        assert issued == {n: (entry.place, entry.origin, entry.attempts) for n, entry in self.model.items()}
        told = [number for _, number, _ in self.store.answers()]
        assert sorted(told) == sorted(number for number, entry in self.model.items() for _ in entry.told)
        balance = self.store.balance()
        reserved = sum(entry.cost for entry in self.model.values() if entry.state == "open")
        assert balance.reserved == pytest.approx(reserved)
        assert balance.committed == pytest.approx(sum(entry.committed for entry in self.model.values()))
        assert self.store.count_rounds() == len(self.states)
        assert self.store.proposer_state() == (self.states[-1] if self.states else None)


def choice(key: str, replicate: int, cost: float = 1.0) -> Choice:
    return Choice(key, key, 0, cost, {}, {}, why="", replicate=replicate)


def run(new_database: Callable[[], str], **given: Any) -> None:
    machine = type("Machine", (StoreMachine,), {"new_database": staticmethod(new_database)})
    suppressed = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(deadline=None, derandomize=True, database=None, suppress_health_check=suppressed, **given),
    )


def test_whatever_happens_to_a_file_it_keeps_its_promises(tmp_path: Path) -> None:
    run(
        lambda: f"sqlite:///{tempfile.mkdtemp(dir=tmp_path)}/campaign.db",
        max_examples=20,
        stateful_step_count=25,
    )


@pytest.mark.slow
def test_whatever_happens_to_many_files_they_keep_their_promises(tmp_path: Path) -> None:
    run(
        lambda: f"sqlite:///{tempfile.mkdtemp(dir=tmp_path)}/campaign.db",
        max_examples=30,
        stateful_step_count=50,
    )


@pytest.mark.slow
def test_whatever_happens_to_a_database_on_a_server_it_keeps_its_promises(postgres: PostgresCluster) -> None:
    run(postgres.new_database, max_examples=6, stateful_step_count=25)
