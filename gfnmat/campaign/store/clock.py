"""The clock by which leases end: the database's, so that machines that disagree about the time agree on leases."""

from __future__ import annotations

from time import time

from sqlalchemy import Connection, text


def now(connection: Connection) -> float:
    """Seconds since 1970, by the server where there is one, else by this machine."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return time()
