"""Energies of competing phases that were computed before, by any campaign on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from oracles.evaluation import UnavailableError

PATIENCE = 60.0
"""Seconds to wait for another process that writes."""


class PhaseCache:
    """Formation energies by level of theory and formula, in a SQLite file that several processes may share.

    file: is made when there is something to keep.
    level: whatever the energies depend on besides the formula, in words.
    """

    def __init__(self, file: Path, level: str) -> None:
        self.file = file
        self.level = level

    def read(self) -> dict[str, float | None]:
        """Return formula to formation energy (eV/atom) of all that is known; None where a formula has no phase."""
        if not self.file.exists():
            return {}
        with self._connection() as connection:
            query = "SELECT formula, formation_energy FROM phase WHERE level = ?"
            return dict(connection.execute(query, (self.level,)).fetchall())

    def keep(self, energies: Mapping[str, float | None]) -> None:
        """Keep these too; what another process kept in the meantime stands."""
        rows = [(self.level, formula, energy) for formula, energy in energies.items()]
        with self._connection() as connection:
            connection.executemany("INSERT OR IGNORE INTO phase VALUES (?, ?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as connection, connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS phase"
                    " (level TEXT, formula TEXT, formation_energy REAL, PRIMARY KEY (level, formula))"
                )
                yield connection
        except (sqlite3.Error, OSError) as reason:
            raise UnavailableError(
                f"the cache of competing phases {self.file} does not work ({reason}); delete it, or set GFNMAT_CACHE "
                "to another folder"
            ) from reason
