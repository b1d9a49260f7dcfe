"""Results that were computed before, by any campaign on this machine, by level of theory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from oracles.evaluation import UnavailableError

PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

AT_ONCE = 500
"""Names in one query: SQLite takes no more than a thousand."""


class LevelCache:
    """Results by level of theory and name, in a SQLite file that several processes may share.

    file: is made when there is something to keep.
    level: whatever the results depend on besides the name, in words.
    """

    def __init__(self, file: Path, level: str) -> None:
        self.file = file
        self.level = level

    def read(self) -> dict[str, Any]:
        """Return name to result of all that is known at this level."""
        if not self.file.exists():
            return {}
        with self._connection() as connection:
            rows = connection.execute("SELECT name, result FROM computed WHERE level = ?", (self.level,)).fetchall()
            return {name: json.loads(result) for name, result in rows}

    def get(self, names: Sequence[str]) -> dict[str, Any]:
        """Return name to result of those of these that are known at this level."""
        if not self.file.exists():
            return {}
        found: dict[str, Any] = {}
        with self._connection() as connection:
            for start in range(0, len(names), AT_ONCE):
                some = names[start : start + AT_ONCE]
                marks = ", ".join("?" * len(some))
                query = f"SELECT name, result FROM computed WHERE level = ? AND name IN ({marks})"
                rows = connection.execute(query, (self.level, *some)).fetchall()
                found |= {name: json.loads(result) for name, result in rows}
        return found

    def keep(self, results: Mapping[str, Any]) -> None:
        """Keep these too, which are to be JSON; what another process kept in the meantime stands."""
        rows = [(self.level, name, json.dumps(result)) for name, result in results.items()]
        with self._connection() as connection:
            connection.executemany("INSERT OR IGNORE INTO computed VALUES (?, ?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as connection, connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS computed"
                    " (level TEXT, name TEXT, result TEXT, PRIMARY KEY (level, name))"
                )
                yield connection
        except (sqlite3.Error, OSError) as reason:
            raise UnavailableError(
                f"the cache {self.file} does not work ({reason}); delete it, or set GFNMAT_CACHE to another folder"
            ) from reason
