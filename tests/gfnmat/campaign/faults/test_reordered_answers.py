"""Answers that come twice, late, in any order and from many at once: what counts in the end is the same."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from gfnmat.campaign.records import Answer, Choice, Replicate
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.driver import STORE_ALONE, Driver
from tests.gfnmat.campaign.faults.promises import require_whole

KEYS = [f"K{n}" for n in range(6)]


def opened(url: str) -> SqlStore:
    store = SqlStore(url)
    store.open("mine", {}, {})
    return store


def started(url: str) -> SqlStore:
    store = opened(url)
    store.issue([Choice(key, key, 0, 1.0, {}, {}, why="") for key in KEYS], ["real"], None, None, 0, asked=False)
    return store


def final(store: SqlStore) -> set[tuple[object, ...]]:
    return {
        (m.suggestion.choice.key, m.suggestion.choice.replicate, m.answer.status, *m.answer.values.items())
        for m in store.measurements()
    }


def answers() -> list[dict[int | Replicate, Answer]]:
    """What is told, in batches; by numbers as `started` gives them."""
    return [
        {1: Answer("done", {"x": 1.0}), 2: Answer("infeasible", error="it melts")},
        {3: Answer("done", {"x": 3.0}), Replicate(1, 1): Answer("done", {"x": 1.5})},
        {Replicate(3, 2): Answer("infeasible"), 4: Answer("done", {"x": 4.0}), 1: Answer("done", {"x": 1.0})},
        {5: Answer("done", {"x": 5.0}), 6: Answer("done", {"x": 6.0})},
    ]


WANTED = {
    *(("K0", 0, "done", ("x", 1.0)), ("K0", 1, "done", ("x", 1.5)), ("K1", 0, "infeasible")),
    *(("K2", 0, "done", ("x", 3.0)), ("K2", 2, "infeasible"), ("K3", 0, "done", ("x", 4.0))),
    *(("K4", 0, "done", ("x", 5.0)), ("K5", 0, "done", ("x", 6.0))),
}


def test_any_order_and_repetition_ends_the_same(new_database: Callable[[], str]) -> None:
    orders = list(permutations(range(4)))
    for seed, order in enumerate(Random(0).sample(orders, 6)):
        url = new_database()
        store, rng = started(url), Random(seed)
        new = sum(store.tell(answers()[n]) for n in [*order, *rng.choices(range(4), k=3)])
        assert new == len(WANTED)
        assert final(store) == WANTED, f"order {order}"
        require_whole(url)


def test_many_threads_that_tell_the_same_in_other_orders_end_the_same(database: str) -> None:
    started(database)

    def tell(seed: int) -> int:
        store, batches = opened(database), answers() * 2
        Random(seed).shuffle(batches)
        return sum(store.tell(batch) for batch in batches)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(tell, range(4))) == len(WANTED), "each was new once"
    assert final(opened(database)) == WANTED
    require_whole(database)


def test_a_person_and_the_loop_may_complete_and_supersede_in_either_order(new_database: Callable[[], str]) -> None:
    """A late answer supersedes that there was none, however often it comes; then that there was none contradicts it."""
    told = [Answer("retryable", error="power cut"), Answer("withdrawn"), Answer("done", {"x": 1.0})]
    for order in permutations(told[:2]):
        url = new_database()
        store = started(url)
        for answer in (*order, told[2], told[2]):
            store.tell({1: answer})
        assert final(store) == {("K0", 0, "done", ("x", 1.0))}
        require_whole(url)


TELL = """
import sys
from random import Random
from gfnmat.campaign.records import Answer
from gfnmat.campaign.store.sql_store import SqlStore
store = SqlStore(sys.argv[1])
store.open("mine", {}, {})
rng = Random(int(sys.argv[2]))
numbers = [s.id for s in store.suggestions()] * 2
rng.shuffle(numbers)
print(sum(store.tell({n: Answer("done", {"x": float(n)})}) for n in numbers))
"""


@pytest.mark.slow
def test_processes_that_tell_the_same_keep_it_once(database: str, tmp_path: Path) -> None:
    store = started(database)
    more = [Choice(f"L{n}", f"L{n}", 0, 1.0, {}, {}, why="") for n in range(60)]
    store.issue(more, ["real"], None, None, 0, asked=False)
    drivers = [Driver(TELL, database, seed, prelude=STORE_ALONE) for seed in range(4)]
    try:
        new = [int(driver.wait().stdout) for driver in drivers]
    finally:
        for driver in drivers:
            driver.__exit__()
    assert sum(new) == len(KEYS) + 60
    assert {m.suggestion.id: m.answer.values["x"] for m in store.measurements()} == {
        s.id: float(s.id) for s in store.suggestions()
    }
    assert len(store.answers()) == len(KEYS) + 60
    require_whole(database)
