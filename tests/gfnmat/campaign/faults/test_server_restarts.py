"""A PostgreSQL server that goes away and comes back: nothing is lost, nothing is issued twice, the run goes on."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from psycopg import OperationalError
from sqlalchemy.exc import OperationalError as DatabaseError

from gfnmat import Campaign
from gfnmat.campaign.records import Answer, Choice, RoundRecord
from gfnmat.campaign.store import UnreachableError
from gfnmat.campaign.store.errors import in_words, is_passing
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.promises import require_whole
from tests.servers.postgresql import PostgresCluster


def opened(url: str) -> SqlStore:
    store = SqlStore(url)
    store.open("mine", {"seed": 1}, {})
    return store


def choice(key: str, cost: float = 1.0) -> Choice:
    return Choice(key, key, 0, cost, {}, {}, why="")


def crash(cluster: PostgresCluster) -> None:
    cluster.kill()
    cluster.start()


RESTARTS: list[Callable[[PostgresCluster], None]] = [
    lambda cluster: cluster.restart("fast"),
    lambda cluster: cluster.restart("immediate"),
    crash,
]


@contextmanager
def restarted_meanwhile(cluster: PostgresCluster, pause: float = 0.15) -> Iterator[Counter[str]]:
    """Within it, the server is restarted in each way by turns, with pauses; counts how often."""
    end, done = threading.Event(), Counter[str]()

    def work() -> None:
        while not end.is_set() or done["restarts"] < len(RESTARTS):
            time.sleep(pause)
            RESTARTS[done["restarts"] % len(RESTARTS)](cluster)
            done["restarts"] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        end.set()
        thread.join()


@pytest.mark.slow
def test_threads_that_issue_and_tell_outlive_restarts(own_postgres: PostgresCluster) -> None:
    url = own_postgres.new_database()
    opened(url).issue([choice("first")], ["real"], None, None, 0, asked=True)
    stores = [opened(url) for _ in range(4)]  # each has had an answer: to a new one, the server is not there
    returned: list[list[tuple[int, str]]] = [[] for _ in range(4)]

    def work(thread: int) -> None:
        store, n = stores[thread], 0
        while n < 8 or not is_over.is_set():
            record = RoundRecord(round=0, seconds=0, pool=1, distinct=1)
            chosen = [choice(f"K{n}"), choice(f"K{n}T{thread}")]
            state = b"%d" % n
            for issued in store.issue(chosen, ["real"], record, state, 0, asked=False):
                assert store.tell({issued.id: Answer("done", {"x": float(n)})}) in (0, 1)
                returned[thread].append((issued.id, issued.choice.key))
            n += 1

    is_over = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        with restarted_meanwhile(own_postgres) as done:
            futures = [pool.submit(work, thread) for thread in range(4)]
            while done["restarts"] < 4 and not any(future.done() for future in futures):
                time.sleep(0.05)
            is_over.set()
        for future in futures:
            future.result()
    told = [pair for pairs in returned for pair in pairs]
    assert done["restarts"] >= 4
    assert len({number for number, _ in told}) == len({key for _, key in told}) == len(told), "issued twice"
    tables = require_whole(url)
    assert {row["suggestion_id"] for row in tables["measurements"]} >= {number for number, _ in told}
    assert len(tables["measurements"]) == len(told), "each answer is there once"
    assert len(tables["suggestions"]) == len(told) + 1


@pytest.mark.slow
def test_a_run_goes_on_through_restarts_and_ends_as_one_without(
    own_postgres: PostgresCluster, content: dict[str, Any], tmp_path: Path
) -> None:
    small = {**content, "proposer": {"pool": 50, "trajectories": 64}, "budget": {"cost": 12, "rounds": 3}}
    whole = Campaign.open(small, store=f"sqlite:///{tmp_path / 'whole.db'}")
    reason = whole.run()
    url = own_postgres.new_database()
    campaign = Campaign.open(small, store=url)
    with restarted_meanwhile(own_postgres, pause=0.3) as done:
        assert campaign.run() == reason
    assert done["restarts"] >= 3
    require_whole(url)
    pd.testing.assert_frame_equal(kept(campaign), kept(whole))
    pd.testing.assert_frame_equal(campaign.rounds().drop(columns="seconds"), whole.rounds().drop(columns="seconds"))


def kept(campaign: Campaign) -> pd.DataFrame:
    """Every measurement, without what depends on time and on the numbers that broken transactions used up."""
    return campaign.measurements().drop(columns=["seconds", "id"])


@pytest.mark.slow
def test_a_server_that_stays_away_is_said_to_and_the_store_goes_on_when_it_is_back(
    own_postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(own_postgres.new_database())
    (first,) = store.issue([choice("MgO")], ["real"], None, None, 0, asked=True)
    monkeypatch.setattr("gfnmat.campaign.store.database.PATIENCE", 0.5)
    own_postgres.stop()
    start = time.monotonic()
    for call in (
        lambda: store.tell({first.id: Answer("done", {"x": 1.0})}),
        lambda: store.issue([choice("Li2O")], ["real"], None, None, 0, asked=True),
        lambda: store.measurements(),
    ):
        with pytest.raises(UnreachableError, match=r"does not answer: nothing listens at that host and port\.$"):
            call()
    assert time.monotonic() - start < 10
    own_postgres.start()
    assert store.measurements() == []
    assert store.tell({first.id: Answer("done", {"x": 1.0})}) == 1
    assert len(store.issue([choice("Li2O")], ["real"], None, None, 0, asked=True)) == 1
    assert [s.choice.key for s in store.suggestions()] == ["MgO", "Li2O"]


@pytest.mark.slow
def test_a_run_that_a_server_left_for_long_is_gone_on_with_by_the_same_object(
    own_postgres: PostgresCluster, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = {"proposer": {"kind": "random"}, "acquisition": {"kind": "random", "batch_size": 5}}
    asked, went_away = Counter[str](), list[int]()

    def weigh(materials: list[Any]) -> list[dict[str, float]]:
        asked.update(m.reduced_formula for m in materials)
        if not went_away and asked.total() > 8:
            own_postgres.stop("immediate")
            went_away.append(len(materials))
        return [{"density": m.weight / 10, "bulk_modulus": 1.0} for m in materials]

    rung = {"name": "mine", "oracle": "python", "function": weigh, "cost": 1}
    url = own_postgres.new_database()
    campaign = Campaign.open({**content, **random, "fidelities": [rung]}, store=url)
    monkeypatch.setattr("gfnmat.campaign.store.database.PATIENCE", 0.5)
    with pytest.raises(UnreachableError, match="does not answer"):
        campaign.run()
    own_postgres.start()
    campaign.run()
    assert campaign.status().spent == 20
    assert campaign.status().outstanding == 0
    assert asked.total() - 20 in (0, *went_away), "at most what could not be told was evaluated again"
    require_whole(url)


@pytest.mark.parametrize(
    ("message", "passes"),
    [
        ("connection failed: FATAL:  the database system is starting up", True),
        ("connection failed: FATAL:  the database system is not yet accepting connections", True),
        ("connection failed: server closed the connection unexpectedly", True),
        ("connection failed: could not receive data from server: Connection reset by peer", True),
        ("connection failed: Connection refused\n\tIs the server running on that host", True),
        ("connection timeout expired", True),
        ("connection failed: FATAL:  terminating connection due to administrator command", True),
        ("connection failed: FATAL:  das Datenbanksystem startet", True),
        ("FATAL:  sorry, too many clients already", True),
        ('FATAL:  password authentication failed for user "me"', False),
        ('FATAL:  database "none" does not exist', False),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(message: str, passes: bool) -> None:
    assert is_passing(DatabaseError("SELECT 1", {}, OperationalError(message))) is passes


@pytest.mark.parametrize(
    "message",
    [
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is not yet accepting connections",
        "FATAL:  terminating connection due to administrator command",
        "FATAL:  the database system is shutting down",
    ],
)
def test_who_comes_while_a_server_restarts_is_told_to_come_again(message: str) -> None:
    error = DatabaseError("SELECT 1", {}, OperationalError(f"connection failed: {message}"))
    assert in_words(error, "URL") == "URL is being restarted, or shut down; try again in a moment."
