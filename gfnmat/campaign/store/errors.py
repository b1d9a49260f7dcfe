"""What a store says when it cannot be used, in the words of a person."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError


class StoreError(ValueError):
    """A store that cannot be used, or an answer that it must not take; the message is for the user."""


class AlreadyToldError(StoreError):
    """An answer that contradicts the one that is kept."""


class UnreachableError(StoreError):
    """A database that does not answer now, and did not for as long as was waited."""


_SENTENCES = (
    ("file is not a database", "is not a store: the file is no SQLite database; give another path"),
    ("malformed", "is damaged: SQLite finds its file malformed; restore it from a copy, nothing was written"),
    (
        "readonly database",
        "cannot be written: the file or its folder is read-only, and SQLite needs to write in both; change the rights, "
        "or copy the file elsewhere",
    ),
    (
        "unable to open database file",
        "cannot be opened: its folder is missing or must not be written by you, and SQLite needs to write there even "
        "to read; change the rights, or give another path",
    ),
    (
        "disk is full",
        "cannot be written: the disk is full; nothing of this was kept, all from before is; free some space, and the "
        "same command goes on",
    ),
    ("disk I/O error", "cannot be read or written: the disk reports an error, or is full"),
    ("is locked", "is locked by another program for longer than was waited; end that program, or try again"),
    ("password authentication failed", "refuses the password, or the user's name; both stand in the URL"),
    ("no password supplied", "asks for a password; it stands in the URL, postgresql://USER:PASSWORD@HOST/DATABASE"),
    ("does not exist", "does not have what the URL names"),
    ("permission denied", "does not let this user do what a store needs (create and write tables)"),
    ("Connection refused", "does not answer: nothing listens at that host and port"),
    ("could not translate host name", "does not answer: there is no such host"),
    ("failed to resolve host", "does not answer: there is no such host"),
    ("Name or service not known", "does not answer: there is no such host"),
    *(
        (part, "is being restarted, or shut down; try again in a moment")
        for part in ("starting up", "accepting connections", "shutting down", "recovery mode", "terminating connection")
    ),
    ("timeout expired", "does not answer: the connection timed out"),
)

_SHOWN = ("does not have", "does not let", "cannot be read or written")
"""Sentences to which the database's own words add something."""


def in_words(error: Exception, url: str) -> str:
    """What went wrong with the store at a URL, as a sentence."""
    reason = str(getattr(error, "orig", None) or error).strip()
    first = " ".join(reason.split("\n")[0].split())
    for part, sentence in _SENTENCES:
        if part.lower() in reason.lower():
            detail = f" ({first})" if sentence.startswith(_SHOWN) else ""
            return f"{url} {sentence}{detail}."
    return f"{url} cannot be used: {first}."


_LASTING = ("authentication failed", "does not exist", "no password", "permission denied", "pg_hba.conf", "invalid")
"""Parts of messages of a connection that fails, and will fail again."""


def is_passing(error: DBAPIError) -> bool:
    """Whether the same may succeed in a moment: the connection broke, or the server is restarting.

    A connection that cannot be made has no code to tell why, and its message may be in any language: it is taken to
    pass unless it surely does not.
    """
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
    if state[:2] in ("08", "57") or state in ("40001", "40P01", "53300"):  # connection, operator; conflicts; too many
        return True
    if error.connection_invalidated:
        return True
    is_of_postgresql = type(error.orig).__module__.startswith("psycopg") and isinstance(error, OperationalError)
    return is_of_postgresql and not state and not any(part in str(error.orig) for part in _LASTING)
