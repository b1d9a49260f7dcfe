"""The databases that a benchmark of stores compares: SQLite in a folder, and a PostgreSQL server of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from time import perf_counter

sys.path.append(str(Path(__file__).parents[2]))  # for the server, which the tests use too

from tests.servers.postgresql import PostgresCluster

ENGINES = ("sqlite", "postgresql")


@contextmanager
def databases(engines: Sequence[str]) -> Iterator[dict[str, Callable[[], str]]]:
    """By engine, what gives the URL of an empty database; all are removed at the end."""
    with ExitStack() as stack:
        makers: dict[str, Callable[[], str]] = {}
        if "sqlite" in engines:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gfnmat-benchmark-")))
            numbers = count()
            makers["sqlite"] = lambda: f"sqlite:///{folder / f'store_{next(numbers)}.db'}"
        if "postgresql" in engines:
            makers["postgresql"] = stack.enter_context(PostgresCluster()).new_database
        yield makers


def conditions() -> str:
    """One line: versions of what stores, the load of the machine, and how long its disk takes to keep 4 KiB."""
    import sqlite3

    with tempfile.NamedTemporaryFile() as file:
        start = perf_counter()
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        each = (perf_counter() - start) / 100
    return (
        f"sqlalchemy {version('sqlalchemy')}, SQLite {sqlite3.sqlite_version}, psycopg {version('psycopg')}; "
        f"load {os.getloadavg()[0]:.1f}; an fsync of 4 KiB takes {1000 * each:.2f} ms"
    )
