"""Checkpoints by the SHA-256 of their content, beside the database.

They are kept and forgotten inside the transaction of the round that names them, while no other process can do either,
for this campaign or for another one: so none is forgotten that another one is about to name.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from gfnmat.campaign.store.database import Database, keep_others_out
from gfnmat.campaign.store.errors import StoreError
from gfnmat.campaign.store.schema import checkpoints

KEEPING = 0x67666E63  # any number that is always the same


class Checkpoints(Protocol):
    """Where checkpoints are."""

    def keep(self, connection: Connection, content: bytes) -> str:
        """Keeps it, at the latest by the commit; returns its hash."""

    def read(self, connection: Connection, digest: str) -> bytes:
        """What was kept under a hash; raises StoreError where it is missing or damaged."""

    def drop(self, connection: Connection, digests: Collection[str]) -> None:
        """Forgets these."""


def checkpoints_of(database: Database) -> Checkpoints:
    """A folder beside SQLite's file; on a server, whose processes may have no folder in common, a table."""
    return TableCheckpoints() if database.file is None else FolderCheckpoints(folder_beside(database.file))


def folder_beside(file: Path) -> Path:
    """The folder of SQLite's file; of all of its name, so that a copy with another ending has one of its own."""
    return file.with_name(f"{file.name}.checkpoints")


class FolderCheckpoints:
    """A folder with one file a checkpoint, named by its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, connection: Connection, content: bytes) -> str:
        """Writes a file beside and renames it, so that under a hash there is all of it or nothing."""
        digest = sha256(content).hexdigest()
        path, unfinished = self.folder / digest, self.folder / f"{digest}.part"
        try:
            if path.exists() and sha256(path.read_bytes()).hexdigest() == digest:
                return digest
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync(self.folder)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            raise StoreError(f"{self.folder} cannot be written: {error.strerror}; nothing of this was kept.") from None
        return digest

    def read(self, connection: Connection, digest: str) -> bytes:
        """What was kept under a hash; raises StoreError where it is missing or damaged."""
        path = self.folder / digest
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"{path} cannot be read ({error.strerror}): the sampler of the last round is kept there, beside the "
                "database; bring that folder along with the database's file."
            ) from None
        if sha256(content).hexdigest() != digest:
            raise StoreError(f"{path} is damaged: it is not what was kept; restore it from a copy.")
        return content

    def drop(self, connection: Connection, digests: Collection[str]) -> None:
        """Forgets these."""
        for digest in digests:
            with suppress(OSError):
                (self.folder / digest).unlink()


class TableCheckpoints:
    """A table of the database."""

    def keep(self, connection: Connection, content: bytes) -> str:
        """Keeps it with the transaction, one after another; returns its hash."""
        keep_others_out(connection, KEEPING)
        digest = sha256(content).hexdigest()
        if connection.execute(select(checkpoints.c.hash).where(checkpoints.c.hash == digest)).first() is None:
            connection.execute(insert(checkpoints).values(hash=digest, content=content))
        return digest

    def read(self, connection: Connection, digest: str) -> bytes:
        """What was kept under a hash; raises StoreError where it is missing or damaged."""
        content = connection.execute(select(checkpoints.c.content).where(checkpoints.c.hash == digest)).scalar()
        if content is None or sha256(content).hexdigest() != digest:
            raise StoreError(f"the store's checkpoint {digest} is missing or damaged; restore the table from a copy.")
        return bytes(content)

    def drop(self, connection: Connection, digests: Collection[str]) -> None:
        """Forgets these."""
        if digests:
            connection.execute(delete(checkpoints).where(checkpoints.c.hash.in_(digests)))


def _sync(folder: Path) -> None:
    """Makes a rename in a folder last; not every system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
