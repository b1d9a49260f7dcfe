"""A process that is killed at every commit of its life: what had returned is there, and nothing is half there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.driver import STORE_ALONE, When
from tests.gfnmat.campaign.faults.forks import Life, live
from tests.gfnmat.campaign.faults.promises import Fact, facts_of, lasting, require_whole

# Everything that a store is asked to do, such that doing it again after a death ends where one go would have ended.
PROGRAM = """
from contextlib import suppress
from gfnmat.campaign.records import Answer, Choice, Limits, Replicate, RoundRecord
from gfnmat.campaign.store import AlreadyToldError, owner
from gfnmat.campaign.store.sql_store import SqlStore

NAMES, LIMITS = ["cheap", "dear"], Limits(cost=100.0, rounds=9)

def choice(key, rung, replicate=0):
    return Choice(key, key, rung, cost=0.5 + rung, means={"x": 1.0}, sds={}, why="it may", replicate=replicate)

def answer(suggestion):
    key = suggestion.choice.key
    if key.startswith("S"):
        return Answer("infeasible", error="it melts")
    return Answer("done", {"x": float(len(key)) + suggestion.choice.rung}, {"x": 0.1}, seconds=1.0)

def evaluate(store, who, say):
    while batch := store.claim(who, 1, 3, 600.0):
        store.tell({s.id: answer(s) for s in batch})
        say(f"told {sorted(s.choice.key for s in batch)}")

def work(url, say):
    store = SqlStore(url)
    store.open("mine", {"seed": 1}, {"torch": "2"})
    who = owner.take_up()
    for number, keys in enumerate((["A", "BB", "S"], ["A", "CCC"], ["E"])):
        if store.count_rounds() <= number:
            record = RoundRecord(round=number, seconds=0.1, pool=9, distinct=1.0)
            chosen = [choice(key, 1) for key in keys]
            store.issue(chosen, NAMES, record, b"state of %d" % number * 1000, number, asked=False, limits=LIMITS)
        say(f"round {number}")
        if number == 0:  # one evaluation is begun and given back
            store.release(who, [s.id for s in store.claim(who, 1, 1, 600.0)], counted=False)
            store.renew(who, 900.0)
        evaluate(store, who, say)
        assert store.proposer_state() == b"state of %d" % (store.count_rounds() - 1) * 1000
    issued = {(s.choice.key, s.choice.rung, s.choice.replicate): s.id for s in store.suggestions()}
    store.tell({Replicate(issued["A", 1, 0], 1): Answer("done", {"x": 2.5}),
                Replicate(issued["E", 1, 0], 1): Answer("infeasible", error="broke")})
    say("replicates")
    store.tell({issued["A", 1, 0]: Answer("done", {"x": -1.0})}, correct=True)
    say("correction")
    store.add([(choice("F", 1), Answer("done", {"x": 6.0})), (choice("BB", 1), Answer("done", {"x": 3.0})),
               (choice("F", 0), Answer("infeasible"))], NAMES)
    say("imports")
    if ("G", 1, 0) not in issued:  # what was given up may be asked for anew
        store.issue([choice("G", 1), choice("H", 1)], NAMES, None, None, 4, asked=True, limits=LIMITS)
    say("asked")
    asked = {s.choice.key: s.id for s in store.suggestions() if s.origin == "asked" and s.choice.replicate == 0}
    with suppress(AlreadyToldError):
        store.tell({asked["G"]: Answer("retryable", error="the furnace broke")})
    say("given up")
    store.tell({asked["G"]: Answer("done", {"x": 7.0})})
    say("late")
"""


MOMENTS: tuple[When, ...] = ("before", "after")


def is_there(line: str, facts: set[Fact]) -> bool:
    """Whether what the program said had returned is among the facts."""
    revisions = {(fact[2], fact[4], fact[6], fact[7]) for fact in facts if fact[0] == "told"}
    issued = {(fact[2], fact[6]) for fact in facts if fact[0] == "issued"}
    if line.startswith("round"):
        return any(fact[0] == "round" and fact[2] == int(line.split()[1]) for fact in facts)
    if line.startswith("told"):
        return set(line.split("'")[1::2]) <= {key for key, *_ in revisions}
    wanted: dict[str, set[tuple[object, ...]]] = {
        "replicates": {("A", 1, 0, "done"), ("E", 1, 0, "infeasible")},
        "correction": {("A", 0, 1, "done")},
        "imports": {("F", 0, 0, "done"), ("F", 0, 0, "infeasible")},
        "given up": {("G", 0, 0, "retryable")},
        "late": {("G", 0, 1, "done")},
    }
    return {("G", "asked"), ("H", "asked")} <= issued if line == "asked" else wanted[line] <= revisions


@pytest.mark.slow
def test_at_every_commit_what_had_returned_is_there_and_nothing_is_half_there(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    whole = new_database()
    (lived,) = live(PROGRAM, [Life(whole)], tmp_path, STORE_ALONE)
    end = facts_of(require_whole(whole))
    assert lived.commits > 15
    numbers = range(1, lived.commits + 1)
    urls = {(n, when): new_database() for n in numbers for when in MOMENTS}
    deaths = dict(
        zip(urls, live(PROGRAM, [Life(url, at) for at, url in urls.items()], tmp_path, STORE_ALONE), strict=True)
    )
    found = {at: facts_of(require_whole(url)) for at, url in urls.items()}
    found[0, "after"] = set()
    for (n, when), death in deaths.items():
        assert death.killed
        assert found[n, when] == found[n if when == "after" else n - 1, "after"], f"half of commit {n} is there"
        assert lasting(found[n, when]) <= lasting(end)
        assert death.said == lived.said[: len(death.said)]
        for line in death.said:
            assert is_there(line, found[n, when]), f"{line}: that had returned, and is gone after {n}, {when}"
    # "after" one commit is the same as "before" the next; to go on is the same on a server, which takes twice as long
    some = numbers[::3] if whole.startswith("postgresql") else numbers
    resumed = live(PROGRAM, [Life(urls[n, "before"]) for n in some], tmp_path, STORE_ALONE)
    for n, life in zip(some, resumed, strict=True):
        assert not life.killed
        tables = require_whole(urls[n, "before"])
        assert facts_of(tables) == end, f"killed before commit {n}, and resumed"
        store = SqlStore(urls[n, "before"])
        store.open("mine", {"seed": 1}, {})
        assert store.proposer_state() == b"state of 2" * 1000
        assert max(row["attempts"] for row in tables["suggestions"]) <= 2
