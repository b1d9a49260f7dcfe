"""Death at a commit, or at any time.

What counts as a commit: a transaction of any SQLAlchemy engine of the process, in any of its threads, that executed
at least one statement that may write, and whose COMMIT SQLAlchemy sends. Writes are known by the statement's text: it
holds INSERT, UPDATE, DELETE, REPLACE, MERGE, CREATE, ALTER, DROP, TRUNCATE or COPY as a word (`SELECT ... FOR UPDATE`
locks and is none), whether or not it changed a row. Not counted: transactions that only read, rollbacks, releases of
savepoints, what commits by itself (AUTOCOMMIT; with sqlite3, CREATE and ALTER before which no BEGIN was sent), and
statements that bypass SQLAlchemy. A COMMIT that the database refuses is not counted by `count_commits`; for
`kill_at_commit`, it was due.

The program's own processes do not share the count: each that is forked goes on from where its parent was.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from tests.gfnmat.campaign.faults.driver import Driver, When

_WRITES = re.compile(
    r"(?<!FOR )(?<!FOR NO KEY )\b(INSERT|UPDATE|DELETE|REPLACE|MERGE|CREATE|ALTER|DROP|TRUNCATE|COPY)\b", re.IGNORECASE
)
_NOTE = "tests.wrote"


class _Commits:
    """The commits of this process, and what is to happen at them."""

    def __init__(self) -> None:
        self.due = 0
        self.counted_in: int | None = None
        self.fatal: tuple[int, When] | None = None
        self.lock = threading.Lock()
        self.real = DefaultDialect.do_commit

    def install(self) -> None:
        if DefaultDialect.do_commit is self.real:
            DefaultDialect.do_commit = self._do_commit()  # type: ignore[method-assign]
            event.listen(Engine, "before_cursor_execute", _note_writes)
            event.listen(Engine, "rollback", _forget_writes)

    def _do_commit(self) -> Callable[[DefaultDialect, Any], None]:
        def do_commit(dialect: DefaultDialect, connection: Any) -> None:
            if not connection.info.pop(_NOTE, False):
                return self.real(dialect, connection)
            with self.lock:
                self.due += 1
                this = self.due
            if self.fatal == (this, "before"):
                _die()
            self.real(dialect, connection)
            if self.counted_in is not None:
                os.write(self.counted_in, b".")  # so that a killed process has counted, too
            if self.fatal == (this, "after"):
                _die()
            return None

        return do_commit


_commits = _Commits()


def kill_at_commit(n: int, when: When) -> None:
    """From now on, this process sends SIGKILL to itself at its n-th commit, counted from 1 and from now.

    Call it in the driver before an engine is used; `run_driver(..., kill_at=(n, when))` does.

    Args:
        n: which commit, as this module counts them.
        when: `before` the COMMIT is sent, so that the database never sees it; or `after` the database has confirmed
            it, so that the caller never learns of it.
    """
    if n < 1:
        raise ValueError(f"n is {n}; commits are counted from 1.")
    _commits.install()
    _commits.fatal = (_commits.due + n, when)


def count_commits(file: str) -> None:
    """From now on, this process appends a byte to the file for each commit that the database has confirmed."""
    _commits.install()
    _commits.counted_in = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def kill_at_random_time(driver: Driver, rng: Random, longest: float, ready: str | None = "ready") -> bool:
    """Kills a driver, and the processes that it started, at a time that is uniform in its first `longest` seconds.

    Args:
        driver: it runs.
        rng: draws the time; seed it, and say the seed when the test fails.
        longest: in seconds.
        ready: the line that a driver prints when the time counts from there, so that imports (seconds) are not all
            that is killed; None counts from now.

    Returns:
        Whether it was killed; False if it ended earlier. Then `driver.wait()` says how.
    """
    delay = rng.uniform(0, longest)
    if ready is not None and not driver.wait_for(ready):
        return False
    deadline = time.monotonic() + delay
    while driver.running and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.01))
    return driver.kill()


def kill_at_random_times(
    start: Callable[[], Driver],
    rng: Random,
    longest: float,
    times: int,
    after_each: Callable[[], None] = lambda: None,
    ready: str | None = "ready",
) -> int:
    """Starts a driver and kills it at a random time, again and again, until one ends by itself.

    Args:
        start: starts the driver anew on what the last one left.
        rng: as for `kill_at_random_time`, as are `longest` and `ready`.
        longest: in seconds.
        times: at most so many are killed.
        after_each: called after each death, for what must hold at all times.
        ready: the line from which the time counts.

    Returns:
        How many were killed.

    Raises:
        DriverError: a driver that ended by itself did not end well.
    """
    for killed in range(times):
        with start() as driver:
            if not kill_at_random_time(driver, rng, longest, ready):
                driver.wait()
                return killed
        after_each()
    return times


def _note_writes(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    if _WRITES.search(statement):
        connection.connection.info[_NOTE] = True


def _forget_writes(connection: Any) -> None:
    if not connection.invalidated:  # one that the server has dropped would connect anew to be asked
        connection.connection.info.pop(_NOTE, None)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal is on its way; nothing more is to be done meanwhile
