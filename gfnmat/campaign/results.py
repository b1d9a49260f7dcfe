"""What a person tells: a table of results, checked row by row before any of it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from gfnmat.campaign.records import Answer, Replicate, Status, Suggestion
from oracles import PROPERTIES

if TYPE_CHECKING:
    import pandas as pd


def answers_from(
    results: pd.DataFrame | Sequence[Mapping[str, Any]],
    suggestions: Mapping[int, Suggestion],
    properties: Sequence[str],
) -> dict[int | Replicate, Answer]:
    """Answers by suggestion number, or as replicates of one.

    Args:
        results: one row a result: `id`, a column for each property that was measured, optionally `status` (done,
            infeasible, retryable, withdrawn) and `error`, the standard error of a property as `PROPERTY_error`, and
            `replicate`: which measurement of that candidate at that fidelity it is, from 0; without it the one that
            was suggested. Other columns, and rows with neither a value nor a status, are left aside, so that a table
            of suggestions can be told half filled in.
        suggestions: what was issued, by number.
        properties: the properties of the campaign.

    Raises:
        ValueError: a missing column, an unknown or repeated id, or a value that is none; every fault is one
            sentence.
    """
    import pandas as pd

    table = results if isinstance(results, pd.DataFrame) else pd.DataFrame(list(results))
    if table.empty:
        raise ValueError("the results hold no row; tell at least one.")
    columns = [str(column) for column in table.columns]
    if "id" not in columns:
        raise ValueError(f"the results have no column 'id'; they have {', '.join(columns)}. Keep the id of each ask.")
    measured = [name for name in properties if name in columns]
    absent = [name for name in properties if name not in columns]
    errors = [f"{name}_error" for name in properties]
    for column in columns:
        if column not in [*measured, *errors] and (meant := get_close_matches(column, absent, n=1, cutoff=0.85)):
            raise ValueError(f"the results have a column {column!r}, which is no property; did you mean {meant[0]}?")
    if not measured and "status" not in columns:
        raise ValueError(
            f"the results have no column of a property; they have {', '.join(columns)}, and one of "
            f"{', '.join(properties)} is needed."
        )
    answers: dict[int | Replicate, Answer] = {}
    seen: set[int | Replicate] = set()
    for row in table.to_dict("records"):
        number = _number(row["id"])
        if number not in suggestions:
            raise ValueError(f"id {row['id']} was never suggested; nothing was written.")
        cells = {str(column): value for column, value in row.items() if not _is_missing(value)}
        place = _place(number, suggestions[number].choice.replicate, cells.get("replicate"))
        if place in seen:
            raise ValueError(
                f"id {number} stands twice in the results; tell each result once, and number several measurements of "
                "the same by a column `replicate`."
            )
        seen.add(place)
        if "status" in cells or any(name in cells for name in [*measured, *errors]):
            answers[place] = _answer(number, cells, measured)
    if not answers:
        raise ValueError("no row of the results holds a value or a status; fill in at least one.")
    return answers


def _number(given: Any) -> int:
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"id {given!r} is not a number; keep the id of each ask.") from None
    if number != float(given):
        raise ValueError(f"id {given!r} is not a whole number; keep the id of each ask.")
    return number


def _place(number: int, suggested: int, given: Any) -> int | Replicate:
    """What a row is about: what was suggested under a number, or another replicate of it."""
    if given is None:
        return number
    try:
        replicate = int(given)
        is_whole = replicate == float(given) and replicate >= 0
    except (TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        raise ValueError(f"id {number}: replicate is {given!r}; number the measurements of one pair 0, 1, 2 ...")
    return number if replicate == suggested else Replicate(number, replicate)


def _answer(number: int, row: Mapping[str, Any], measured: Sequence[str]) -> Answer:
    status = str(row.get("status", "done")).strip()
    if status not in get_args(Status):
        raise ValueError(f"id {number}: status is {status!r}; allowed are {', '.join(get_args(Status))}.")
    told = str(row["error"]) if "error" in row else None
    values = {name: _value(number, name, row[name]) for name in measured if name in row}
    if status != "done":
        return Answer(status=status, error=told or f"told as {status}")  # type: ignore[arg-type]
    if not values:
        raise ValueError(f"id {number} is done and has no value; give one, or a status such as infeasible.")
    errors = {name: _error(number, name, row[f"{name}_error"]) for name in values if f"{name}_error" in row}
    return Answer(status="done", values=values, errors=errors, error=told)


def _error(number: int, name: str, given: Any) -> float:
    try:
        error = float(given)
    except (TypeError, ValueError):
        error = -1.0
    if not (math.isfinite(error) and error >= 0):
        raise ValueError(f"id {number}: {name}_error is {given!r}; a standard error is a number from 0.")
    return error


def _value(number: int, name: str, given: Any) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise ValueError(f"id {number}: {name} is {given!r}, which is not a number.") from None
    known = PROPERTIES.get(name)
    low, high = (known.lower, known.upper) if known else (-math.inf, math.inf)
    if not math.isfinite(value) or not low <= value <= high:
        unit = f" {known.unit}" if known else ""
        raise ValueError(f"id {number}: {name} is {value:g}{unit}; allowed is {low:g} to {high:g}{unit}.")
    return value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value == ""
