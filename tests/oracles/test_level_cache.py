import multiprocessing
import sqlite3

import pytest

from oracles.evaluation import UnavailableError
from oracles.level_cache import LevelCache


def test_another_level_of_theory_has_phases_of_its_own(tmp_path):
    file = tmp_path / "phases.db"
    LevelCache(file, "one").keep({"Na1Cl1": -2.0, "Na2Cl1": None})
    LevelCache(file, "one").keep({"Na1Cl1": -1.0})
    assert LevelCache(file, "one").read() == {"Na1Cl1": -2.0, "Na2Cl1": None}  # what is kept stands
    assert LevelCache(file, "other").read() == {}


def _keep(file, start):
    for k in range(start, start + 20):
        LevelCache(file, "one").keep({f"Na{k}Cl1": -float(k)})


def test_processes_share_a_cache(tmp_path):
    file = tmp_path / "phases.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_keep, args=(file, start)) for start in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(LevelCache(file, "one").read()) == 40


def test_a_cache_that_is_none_is_the_machines_fault(tmp_path):
    file = tmp_path / "phases.db"
    file.write_text("this is no database, whatever its name says" * 50)
    with pytest.raises(UnavailableError, match=r"phases\.db does not work .*; delete it, or set GFNMAT_CACHE"):
        LevelCache(file, "one").read()
    with pytest.raises(sqlite3.DatabaseError):  # as SQLite sees it
        sqlite3.connect(file).execute("SELECT * FROM phase")
