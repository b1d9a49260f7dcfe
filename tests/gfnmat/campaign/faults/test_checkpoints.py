"""Checkpoints that several campaigns of one database have in common."""

from concurrent.futures import ThreadPoolExecutor

from gfnmat.campaign.records import Choice, RoundRecord
from gfnmat.campaign.store.sql_store import SqlStore


def open_store(database: str, name: str) -> SqlStore:
    store = SqlStore(database)
    store.open(name, {"name": name}, {})
    return store


def plan(store: SqlStore, number: int, state: bytes) -> None:
    """Issues a round of one suggestion, with a checkpoint."""
    choice = Choice(f"Li{number + 2}O", f"Li{number + 2}O", 0, cost=1.0, means={}, sds={}, why="")
    record = RoundRecord(round=number, seconds=0, pool=1, distinct=1)
    assert store.issue([choice], ["real"], record, state, number, asked=False)


def test_what_another_campaign_resumes_from_is_not_forgotten(database: str) -> None:
    ahead, behind = open_store(database, "ahead"), open_store(database, "behind")
    plan(behind, 0, b"as both began")
    for number in range(5):
        plan(ahead, number, b"as both began" if number == 0 else b"trained %d" % number)
    assert open_store(database, "behind").proposer_state() == b"as both began"
    assert open_store(database, "ahead").proposer_state() == b"trained 4"
    for number in range(1, 4):
        plan(behind, number, b"trained otherwise %d" % number)
    assert open_store(database, "behind").proposer_state() == b"trained otherwise 3"


def test_a_state_that_comes_again_is_kept(database: str) -> None:
    store = open_store(database, "mine")
    for number, state in enumerate([b"a", b"b", b"c", b"a", b"d", b"a", b"a", b"a", b"d"]):
        plan(store, number, state)
        assert open_store(database, "mine").proposer_state() == state


def test_campaigns_that_plan_the_same_at_once_keep_what_each_resumes_from(database: str) -> None:
    open_store(database, "first").issue([], ["real"], None, None, 0, asked=True)  # makes the tables
    names = [f"campaign {n}" for n in range(4)]

    def run(name: str) -> None:
        store = open_store(database, name)
        for number in range(12):
            plan(store, number, b"state %d" % (number // 2))
            assert store.proposer_state() == b"state %d" % (number // 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, names))
    assert [open_store(database, name).proposer_state() for name in names] == [b"state 5"] * 4
