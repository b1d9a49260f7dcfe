"""Eight processes that issue and tell at once: nothing is issued twice, and everything is there."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.gfnmat.campaign.faults.driver import STORE_ALONE, run_driver
from tests.gfnmat.campaign.faults.promises import require_whole

PROCESSES, ROUNDS, BUDGET = 8, 20, 150

WORK = f"""
import os, sys
from random import Random
from gfnmat.campaign.records import Answer, Choice, Limits, RoundRecord
from gfnmat.campaign.store import owner
from gfnmat.campaign.store.sql_store import SqlStore

def work(me):
    store = SqlStore(sys.argv[1])
    store.open("mine", {{"seed": 1}}, {{}})
    who, rng = owner.take_up(), Random(me)
    said = open(sys.argv[2] + f"/said by {{me}}", "w")
    for n in range({ROUNDS}):
        keys = [f"shared {{n}}", f"shared {{rng.randrange({ROUNDS})}}", f"own {{n}} of {{me}}"]
        chosen = [Choice(key, key, 0, 1.0, {{}}, {{}}, why="") for key in keys]
        record = RoundRecord(round=n, seconds=0, pool=1, distinct=1)
        issued = store.issue(chosen, ["real"], record, b"%d" % rng.randrange(9), n, asked=False,
                             limits=Limits(cost={BUDGET}))
        print(*(f"issued {{s.id}}" for s in issued), sep="\\n", file=said, flush=True)
        batch = store.claim(who, 0, 3, 600.0)
        store.tell({{s.id: Answer("done", {{"x": float(s.id)}}) for s in batch}})
        print(*(f"told {{s.id}}" for s in batch), sep="\\n", file=said, flush=True)
    while batch := store.claim(who, 0, 3, 600.0):
        store.tell({{s.id: Answer("done", {{"x": float(s.id)}}) for s in batch}})
        print(*(f"told {{s.id}}" for s in batch), sep="\\n", file=said, flush=True)

children = []
for me in range({PROCESSES}):
    if (child := os.fork()) == 0:
        try:
            work(me)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@pytest.mark.slow
def test_many_processes_issue_each_once_and_keep_every_answer(database: str, tmp_path: Path) -> None:
    result = run_driver(WORK, database, tmp_path, prelude=STORE_ALONE)
    assert result.stdout.strip() == str([0] * PROCESSES), result.stderr
    said = [file.read_text().split("\n") for file in tmp_path.glob("said by *")]
    issued, told = numbers_of("issued", said), numbers_of("told", said)
    tables = require_whole(database)
    assert set(issued) == {row["id"] for row in tables["suggestions"]}
    assert max(issued.values()) == 1, "issued to two"
    assert max(told.values()) == 1, "evaluated by two"
    assert set(told) == set(issued) == {row["suggestion_id"] for row in tables["measurements"]}
    assert len(tables["measurements"]) == len(told)
    assert len(told) == BUDGET < PROCESSES * ROUNDS, "the budget is spent, and once"
    assert len(tables["rounds"]) > ROUNDS


def numbers_of(what: str, said: Sequence[Sequence[str]]) -> Counter[int]:
    return Counter(int(line.split()[1]) for lines in said for line in lines if line.startswith(what))
