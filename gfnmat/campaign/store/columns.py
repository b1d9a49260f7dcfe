"""The numbers of very many measurements as columns: the database strings them together, and no row is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, String, Text, cast, func, select

from gfnmat.campaign.store.json_text import parsed
from gfnmat.campaign.store.schema import measurements, suggestions


@dataclass(frozen=True)
class Told:
    """What is done at a rung, one row a suggestion.

    Attributes:
        suggestions, candidates: their numbers, `n`.
        values: `n x properties` in the properties' units; NaN where a property is not answered.
    """

    suggestions: NDArray[np.int64]
    candidates: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def nothing(cls, properties: Sequence[str]) -> Told:
        """No suggestion."""
        return cls(_integers(""), _integers(""), np.empty((0, len(properties))))


def read_told(connection: Connection, campaign: int, rung: int, properties: Sequence[str]) -> Told:
    """What counts of what was told."""
    row, told = suggestions.c, measurements.c
    columns = (cast(told.id, String), cast(told.suggestion_id, String), cast(row.candidate_id, String))
    query = (
        select(*(func.aggregate_strings(column, ",") for column in (*columns, cast(told["values"], Text))))
        .join_from(measurements, suggestions, told.suggestion_id == row.id)
        .where(row.campaign_id == campaign, row.state == "done", row.rung == rung)
    )
    *numbers, said = connection.execute(query).one()
    if said is None:
        return Told.nothing(properties)
    place, number, candidate = map(_integers, numbers)
    values = _table(parsed(f"[{said}]"), properties)
    order = place.argsort()
    last = order[::-1][np.unique(number[order[::-1]], return_index=True)[1]]
    return Told(number[last], candidate[last], values[last])


def _table(rows: Sequence[Mapping[str, float]], properties: Sequence[str]) -> NDArray[np.float64]:
    """`rows x properties`; most often every row has them all."""
    shape = len(rows), len(properties)
    try:
        found = [row[name] for name in properties for row in rows]
    except KeyError:
        nan = float("nan")
        found = [row.get(name, nan) for name in properties for row in rows]
    return np.fromiter(found, np.float64, shape[0] * shape[1]).reshape(shape[::-1]).T


def _integers(joined: str) -> NDArray[np.int64]:
    return np.fromstring(joined, dtype=np.int64, sep=",") if joined else np.empty(0, dtype=np.int64)
