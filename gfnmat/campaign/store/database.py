"""A database by its URL: connections that keep what they promise, transactions that outlive a restart of the server."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from json import JSONDecodeError
from pathlib import Path
from threading import RLock
from time import monotonic, sleep
from typing import Any, TypeVar

import psutil
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from gfnmat.campaign.store.errors import StoreError, UnreachableError, in_words, is_passing
from gfnmat.campaign.store.json_text import parsed

PATIENCE = 600.0
"""Seconds for which a server that answered before may be away: what was computed is lost if it is given up."""

LOCKED = 60.0
"""Seconds for which others may keep a SQLite file locked."""

LONGEST_WAIT = 2.0
# fmt: off
NETWORK_FILE_SYSTEMS = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "davfs", "ceph", "glusterfs", "orangefs", "pvfs2",
    "lustre", "gpfs", "beegfs", "wekafs", "panfs",
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs2",
})
# fmt: on

Result = TypeVar("Result")


class Database:
    """Runs work in transactions, and tells what goes wrong in sentences.

    Args:
        url: a database URL; `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`.

    Raises:
        StoreError: the URL is none, or no driver is installed for it.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.url = _shown(self.engine.url)
        self.file = _sqlite_file(self.engine.url)
        self._answered = False
        is_in_memory = self.file is None and self.engine.dialect.name == "sqlite"
        self._alone: AbstractContextManager[Any] = RLock() if is_in_memory else nullcontext()

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """What work reads; in SQLite of one moment, on a server each statement of its own."""
        return self._run(work, writes=False)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """What work returns, after the commit. It is done again where a server went away, so it must bear that."""
        return self._run(work, writes=True)

    def _run(self, work: Callable[[Connection], Result], writes: bool) -> Result:
        until, wait = monotonic() + PATIENCE, 0.1
        while True:
            try:
                with self._alone, self._connected(writes) as connection, connection.begin():
                    result = work(connection)
                self._answered = True
                return result
            except DBAPIError as error:
                if not is_passing(error):
                    raise StoreError(in_words(error, self.url)) from None
                if not self._answered or monotonic() > until:
                    raise UnreachableError(in_words(error, self.url)) from None
            except (OSError, PoolTimeout) as error:
                raise StoreError(in_words(error, self.url)) from None
            except (NoResultFound, KeyError, JSONDecodeError, UnicodeDecodeError) as error:
                raise StoreError(
                    f"{self.url} is damaged: what it holds contradicts itself ({error}); restore it from a copy."
                ) from None
            sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _connected(self, writes: bool) -> Connection:
        return self.engine.connect().execution_options(gfnmat_writes=writes)

    def require_local(self) -> None:
        """Raise StoreError where SQLite's file would lie on a network file system, whose locks nobody can rely on."""
        if self.file is not None and (kind := file_system(self.file)) in NETWORK_FILE_SYSTEMS:
            raise StoreError(
                f"{self.url} lies on a network file system ({kind}), on which SQLite can lose what it promised to "
                "keep; give a path on a local disk, or a PostgreSQL database (store: postgresql://...)."
            )


def keep_others_out(connection: Connection, lock: int) -> None:
    """Waits until no other transaction of a server holds the lock of this number; SQLite has one writer as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock)))


def file_system(path: Path) -> str:
    """The kind of file system that a path is on, or will be."""
    folder = path.absolute()
    while not folder.exists():
        folder = folder.parent
    parts = psutil.disk_partitions(all=True)
    on = [part for part in parts if folder.resolve().is_relative_to(part.mountpoint)]
    # of what is mounted on one point the last is seen: what automounters mount lies on their own
    return max(enumerate(on), key=lambda at: (len(at[1].mountpoint), at[0]))[1].fstype if on else ""


def _engine(given: str) -> Engine:
    shown = re.sub(r"(//[^:/@]*):.*@", r"\1:***@", given)
    try:
        url = make_url(given)
        shown = _shown(url)
        if (kind := url.get_dialect().name) not in ("sqlite", "postgresql"):
            raise StoreError(f"store is {shown!r}; a store is kept in SQLite or PostgreSQL, not in {kind}.")
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url, json_deserializer=parsed, **_settings(url))
    except StoreError:
        raise
    except ImportError as error:
        if url.drivername.startswith("postgresql+psycopg"):
            raise StoreError(f"store is {shown!r}, which needs: pip install 'gfnmat[postgresql]'.") from None
        raise StoreError(
            f"store is {shown!r}, whose driver is not installed ({error}); name none, as in "
            "postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:///campaign.db."
        ) from None
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise _no_url(shown, error) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    return engine


def _shown(url: URL) -> str:
    """A URL without any password, which may also stand among its options."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def _no_url(shown: str, error: Exception) -> StoreError:
    return StoreError(f"store is {shown!r}, which is no database URL ({error}); try sqlite:///campaign.db.")


def _settings(url: URL) -> dict[str, Any]:
    if url.get_backend_name() != "sqlite":
        timeouts = {"connect_timeout": 10} if url.get_driver_name() == "psycopg" else {}
        return {"pool_pre_ping": True, "connect_args": timeouts, "isolation_level": "READ COMMITTED"}
    if url.query or str(url.database).startswith("file:"):
        raise ValueError("of SQLite it is a path alone, without options")
    if _sqlite_file(url) is None:  # one database, and not one for each thread
        return {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    return {"connect_args": {"timeout": LOCKED}}


def _durable(connection: Any, _: Any) -> None:
    """What a commit promises survives a crash of the program and of the machine; transactions begin in `_begin`."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Takes SQLite's write lock at once: to read first and write later would let two processes issue the same."""
    writes = connection.get_execution_options().get("gfnmat_writes", True)
    if writes and not connection.info.get("gfnmat_wal"):  # not in a file that is only read: it may be another program's
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.info["gfnmat_wal"] = True
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite store; None for a store in memory or on a server."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))
