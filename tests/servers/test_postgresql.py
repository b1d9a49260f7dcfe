"""The server that other tests rely on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.servers.postgresql import PostgresCluster, PostgresMissingError, postgres_binaries


@pytest.fixture(scope="module")
def cluster(postgres: PostgresCluster) -> Iterator[PostgresCluster]:
    """One that may be crashed; the session's is only asked for its skip."""
    with PostgresCluster() as own:
        yield own


def execute(url: str, *statements: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    rows: list[tuple[object, ...]] = []
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


def test_each_database_is_new_and_its_owner_may_write(cluster: PostgresCluster) -> None:
    first, second = cluster.new_database(), cluster.new_database()
    for url in (first, second):
        execute(url, "CREATE TABLE notes (word text)", "INSERT INTO notes VALUES ('kept')")
    assert execute(first, "SELECT * FROM notes") == [("kept",)]


def test_it_is_durable(cluster: PostgresCluster) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        assert cluster.administer(f"SHOW {setting}") == [("on",)]


def test_a_stranger_logs_in_and_may_not_write_or_read(cluster: PostgresCluster) -> None:
    execute(cluster.new_database(), "CREATE TABLE notes (word text)")
    strangers = cluster.url(f"store_{cluster._databases}", "stranger")
    assert execute(strangers, "SELECT 1") == [(1,)]
    for forbidden in ("SELECT * FROM notes", "CREATE TABLE others (word text)"):
        with pytest.raises(DBAPIError, match="permission denied"):
            execute(strangers, forbidden)


@pytest.mark.parametrize("role", ["gfnmat", "nobody_knows"])
def test_a_wrong_password_is_refused(cluster: PostgresCluster, role: str) -> None:
    with pytest.raises(DBAPIError, match="password authentication failed"):
        execute(cluster.url("postgres", role, "wrong"), "SELECT 1")


def test_what_was_committed_survives_a_crash_and_nothing_else_does(cluster: PostgresCluster) -> None:
    url = cluster.new_database()
    execute(url, "CREATE TABLE notes (word text)", "INSERT INTO notes VALUES ('kept')")
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('lost')"))
        before = psutil.Process(cluster._process.pid).children() if cluster._process else []
        cluster.kill()
        assert before
        assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in before)
        assert not cluster.running
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1"))
    engine.dispose()
    with pytest.raises(DBAPIError, match="refused"):
        execute(url, "SELECT 1")
    cluster.restart()
    assert execute(url, "SELECT * FROM notes") == [("kept",)]


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_it_stops_and_starts_at_the_same_address(cluster: PostgresCluster, mode: str) -> None:
    url = cluster.new_database()
    cluster.stop(mode)
    assert not cluster.running
    cluster.stop()
    cluster.start()
    cluster.start()
    assert execute(url, "SELECT 1") == [(1,)]


def test_closing_leaves_nothing(postgres: PostgresCluster) -> None:
    cluster = PostgresCluster()
    cluster.start()
    cluster.kill()
    cluster.close()
    cluster.close()
    assert not cluster.folder.exists()


def test_it_starts_as_a_user_who_is_not_root(postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test is this one")
    with PostgresCluster() as cluster:
        assert cluster._process is not None
        assert psutil.Process(cluster._process.pid).uids().real != 0


def test_a_start_that_fails_leaves_nothing(postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.postgresql._CONFIGURATION", "no_such_setting = 1\n")
    cluster = PostgresCluster()
    with pytest.raises(RuntimeError, match="no_such_setting"):
        cluster.start()
    assert not cluster.folder.exists()


@pytest.mark.parametrize("end", ["raise SystemExit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_nothing_is_left_of_a_process_that_did_not_close_it(postgres: PostgresCluster, end: str) -> None:
    program = (
        "import os, signal\n"
        "from tests.servers.postgresql import PostgresCluster\n"
        "c = PostgresCluster(); c.start(); print(c.folder, c._process.pid, flush=True)\n" + end
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode in (0, -signal.SIGKILL)
    folder, pid = done.stdout.split()
    deadline = time.monotonic() + 20
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


def test_where_there_is_no_postgresql_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    with pytest.raises(PostgresMissingError, match="apt-get install postgresql"):
        postgres_binaries()
