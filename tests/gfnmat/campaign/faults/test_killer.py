"""Deaths at commits, by what the database then holds."""

import time
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.gfnmat.campaign.faults.driver import CHECKOUT, STORE_ALONE, Driver, DriverError, When, run_driver
from tests.gfnmat.campaign.faults.killer import kill_at_random_times
from tests.servers.postgresql import PostgresCluster

# Four commits that count (the table, and a word each); reading, locking, failing and rolling back count nothing.
WRITER = """
import sys
from sqlalchemy import create_engine, event, text
engine = create_engine(sys.argv[1])
postgresql = engine.dialect.name == "postgresql"
if not postgresql:  # as the store does: by itself, sqlite3 commits a CREATE TABLE at once
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
with engine.begin() as c:
    c.execute(text("CREATE TABLE words (word VARCHAR(20) PRIMARY KEY)"))
for word in ("one", "two", "three"):
    with engine.begin() as c:
        c.execute(text("SELECT * FROM words" + (" FOR UPDATE" if postgresql else "")))
    with engine.connect() as c:
        c.execute(text("INSERT INTO words VALUES ('rolled back')"))
        c.rollback()
        c.execute(text("SELECT count(*) FROM words"))
        c.commit()
    with engine.connect() as c:
        c.execute(text("INSERT INTO words VALUES ('never committed')"))
    with engine.begin() as c:
        with c.begin_nested():
            c.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
    print(word, flush=True)
"""


def words(database: str) -> list[str] | None:
    """What the writer has left; None if not even the table."""
    engine = create_engine(database, poolclass=NullPool)
    if not inspect(engine).has_table("words"):
        return None
    with engine.connect() as connection:
        return sorted(connection.scalars(text("SELECT word FROM words")))


def test_only_transactions_that_wrote_are_counted(database: str) -> None:
    result = run_driver(WRITER, database)
    assert (result.returncode, result.commits, result.killed) == (0, 4, False)
    assert result.stdout.split() == ["one", "two", "three"]
    assert words(database) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("kill_at", "kept", "printed"),
    [
        ((1, "before"), None, []),
        ((1, "after"), [], []),
        ((3, "before"), ["one"], ["one"]),
        ((3, "after"), ["one", "two"], ["one"]),
    ],
)
def test_a_driver_dies_at_the_commit_it_is_told(
    database: str, kill_at: tuple[int, When], kept: list[str] | None, printed: list[str]
) -> None:
    result = run_driver(WRITER, database, kill_at=kill_at)
    assert result.killed
    assert result.commits == kill_at[0] - (kill_at[1] == "before")
    assert result.stdout.split() == printed
    assert words(database) == kept


def test_a_driver_of_fewer_commits_ends_by_itself(database: str) -> None:
    result = run_driver(WRITER, database, kill_at=(5, "before"))
    assert (result.killed, result.commits) == (False, 4)


def test_commits_are_counted_from_one() -> None:
    with pytest.raises(DriverError, match="n is 0; commits are counted from 1"):
        run_driver("", kill_at=(0, "before"))


def test_the_store_is_killed_as_any_other_program(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'campaign.db'}"
    program = """
import sys
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.store.sql_store import SqlStore
store = SqlStore(sys.argv[1])
store.open("mine", {}, {})
choice = Choice("MgO", "MgO", 0, cost=1.0, means={}, sds={}, why="")
(issued,) = store.issue([choice], ["real"], None, None, 0, asked=True)
store.tell({issued.id: Answer("done", {"density": 3.58})})
"""
    commits = run_driver(program, url, prelude=STORE_ALONE).commits
    assert commits >= 2
    (tmp_path / "campaign.db").unlink()
    result = run_driver(program, url, prelude=STORE_ALONE, kill_at=(commits, "before"))
    assert (result.killed, result.commits) == (True, commits - 1)


def test_the_server_may_die_under_a_driver_that_counts(own_postgres: PostgresCluster) -> None:
    program = """
import sys, time
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
engine = create_engine(sys.argv[1])
try:
    with engine.begin() as c:
        c.execute(text("CREATE TABLE words (word VARCHAR(20))"))
        print("ready", flush=True)
        time.sleep(1)
        c.execute(text("INSERT INTO words VALUES ('one')"))
except OperationalError:
    print("gone", flush=True)
"""
    database = own_postgres.new_database()
    with Driver(program, database) as driver:
        assert driver.wait_for("ready")
        own_postgres.kill()
        result = driver.wait()
    own_postgres.restart()
    assert result.stdout.split() == ["ready", "gone"]
    assert result.commits == 0
    assert words(database) is None


COUNTER = """
import sys, time
from pathlib import Path
from sqlalchemy import create_engine, text
engine = create_engine(sys.argv[1])
with engine.begin() as c:
    c.execute(text("CREATE TABLE IF NOT EXISTS words (word VARCHAR(20))"))
print("ready", flush=True)
for n in range(int(sys.argv[2])):
    with engine.begin() as c:
        c.execute(text("INSERT INTO words VALUES ('again')"))
    time.sleep(0.005)
"""


def test_drivers_are_killed_at_random_times_until_one_ends(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'campaign.db'}"
    seen: list[int] = []
    killed = kill_at_random_times(
        lambda: Driver(COUNTER, database, 10_000),
        Random(0),
        longest=0.3,
        times=3,
        after_each=lambda: seen.append(len(words(database) or [])),
    )
    assert killed == len(seen) == 3
    assert 0 < seen[0] <= seen[1] <= seen[2]
    assert kill_at_random_times(lambda: Driver(COUNTER, database, 1), Random(0), longest=1e3, times=3) == 0


def test_what_fails_by_itself_is_no_death() -> None:
    with pytest.raises(DriverError, match="the disc is on fire"):
        kill_at_random_times(lambda: Driver("raise OSError('the disc is on fire')"), Random(0), longest=9, times=1)


def test_a_driver_takes_its_own_processes_with_it(tmp_path: Path) -> None:
    child = "import time; from pathlib import Path; time.sleep(1.5); Path(sys_argv).touch()"
    program = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {child!r}.replace("sys_argv", repr(sys.argv[1]))])
print("ready", flush=True)
time.sleep(60)
"""
    with Driver(program, tmp_path / "touched") as driver:
        assert driver.wait_for("ready")
        assert driver.kill()
        assert not driver.kill()
        assert driver.wait().killed
    time.sleep(2)
    assert not (tmp_path / "touched").exists()


def test_a_driver_that_does_not_end_is_ended() -> None:
    with pytest.raises(DriverError, match=r"did not end within 0\.5 s"):
        run_driver("import time; time.sleep(60)", timeout=0.5)


def test_a_driver_hears_its_arguments_and_imports_this_checkout() -> None:
    program = "import gfnmat, os, sys; print(sys.argv[1:], os.environ['NAME'], gfnmat.__file__)"
    result = run_driver(program, "a b", 3, environment={"NAME": "value"})
    assert result.stdout == f"['a b', '3'] value {CHECKOUT / 'gfnmat' / '__init__.py'}\n"
