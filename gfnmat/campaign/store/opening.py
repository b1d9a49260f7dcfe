"""Whether a database holds a store, of which schema, and how it becomes one of the present schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from gfnmat.campaign.store.database import Database, keep_others_out
from gfnmat.campaign.store.errors import StoreError
from gfnmat.campaign.store.schema import REVISION, metadata

if TYPE_CHECKING:
    from alembic.config import Config

LEGACY_TABLE = "campaign"
OLDEST = 2
"""The first schema that can be upgraded."""

VERSION_TABLE = "gfnmat_schema"
"""Where Alembic keeps which schema this is; of a name that no other program has, which may share a database."""

MAGIC = b"SQLite format 3\0"
CREATING = 0x67666E6C  # any number that is always the same


def revision_of(connection: Connection) -> str | None:
    """The schema of the store in a database, such as `0005`; None where there is none."""
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE in tables:
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    if {LEGACY_TABLE, "suggestions", "measurements"} <= set(tables):
        version = connection.execute(text(f"SELECT schema_version FROM {LEGACY_TABLE}")).scalar()
        return None if version is None else f"{version:04d}"
    if tables and connection.dialect.name == "sqlite":
        raise StoreError(
            f"{connection.engine.url.render_as_string(hide_password=True)} is not a store: it holds "
            f"{', '.join(tables[:3])} of another program; give another path."
        )
    return None


def require_readable(database: Database) -> bool:
    """Whether there is a store; raises StoreError where there is one that this version cannot read."""
    if not _is_there(database):
        return False
    found = database.read(revision_of)
    if found is None:
        return False
    if found == REVISION:
        return True
    if not f"{OLDEST:04d}" <= found <= REVISION:
        older = found < REVISION
        raise StoreError(
            f"{database.url} has schema {found}, and this gfnmat reads {REVISION}: "
            + (
                "it is too old to be upgraded; use the version that wrote it, or give another store."
                if older
                else "a newer version wrote it; update gfnmat (pip install --upgrade gfnmat), or give another store."
            )
        )
    raise StoreError(
        f"{database.url} has schema {found}, and this gfnmat reads {REVISION}; make a copy of it, then upgrade it: "
        f"gfnmat upgrade {database.url}"
    )


def _is_there(database: Database) -> bool:
    """Whether there may be a store; raises StoreError for what SQLite would take for a new one, or call missing."""
    if database.file is None:
        return True
    try:
        if database.file.is_dir():
            raise StoreError(f"{database.url} is a folder; give the path of a file.")
        with database.file.open("rb") as file:
            header = file.read(100)
        size = database.file.stat().st_size
        has_log = database.file.with_name(f"{database.file.name}-wal").exists()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(
            f"{database.url} cannot be opened: {error.strerror}; change the rights, or give another path."
        ) from None
    if header and not header.startswith(MAGIC):
        raise StoreError(f"{database.url} is not a store: the file is no SQLite database; give another path.")
    if 0 < size < _least_size(header, has_log):
        raise StoreError(f"{database.url} is damaged: its file ends too early; restore it from a copy.")
    return True


def _least_size(header: bytes, has_log: bool) -> int:
    """Bytes that SQLite's file of this header has at least: all its pages, unless some are in the log beside it.

    See https://www.sqlite.org/fileformat.html, section 1.3.
    """
    page = int.from_bytes(header[16:18], "big")
    page = max(512, 65536 if page == 1 else page)
    is_counted = len(header) == 100 and header[24:28] == header[92:96] and not has_log
    return page * int.from_bytes(header[28:32], "big") if is_counted else page


def create_tables(database: Database) -> None:
    """Makes an empty database a store; does nothing to one that is."""
    database.require_local()
    if database.file is not None:
        try:
            database.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{database.file.parent} cannot be made: {error.strerror}; give another path.") from None

    def work(connection: Connection) -> None:
        keep_others_out(connection, CREATING)
        if revision_of(connection) is None:
            if others := sorted(metadata.tables.keys() & set(inspect(connection).get_table_names())):
                raise StoreError(
                    f"{database.url} holds {', '.join(others)} of another program, names that a store needs; give "
                    "another database."
                )
            metadata.create_all(connection)
            connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES ('{REVISION}')"))

    database.write(work)


def upgrade(url: str) -> tuple[str, str]:
    """Brings a store to the present schema, in one transaction; returns the schemas before and after.

    Raises:
        StoreError: no store, or one that cannot be upgraded; nothing is changed.
    """
    database = Database(url)
    if not _is_there(database):
        raise StoreError(f"{database.url} does not exist; give the store that is to be upgraded.")
    found = database.read(revision_of)
    if found is None:
        raise StoreError(f"{database.url} holds no store; give the one that is to be upgraded.")
    if found == REVISION:
        return found, REVISION
    if not f"{OLDEST:04d}" <= found < REVISION:
        require_readable(database)
    from alembic import command

    def work(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), REVISION)

    try:
        database.write(work)
    except (StoreError, SQLAlchemyError, ValueError) as error:
        reason = " ".join(str(error).split("[SQL")[0].split())
        raise StoreError(f"{database.url} cannot be upgraded, and was left as it is: {reason}") from None
    return found, REVISION


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings for migrations on a connection, in whose transaction they run."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
