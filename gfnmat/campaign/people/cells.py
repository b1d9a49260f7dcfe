"""Single cells of a table that a person filled in: what is empty, a text, a number with or without a unit."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np

from gfnmat.campaign.people.units import how_to_convert, is_same_unit

WORDS_FOR_NOTHING = frozenset({"", "nan", "NaN", "NA", "N/A", "n/a", "null", "None", "<NA>"})
_NUMBER = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>\s*[^\d\s.,±+-].*|\s+1(?:e-?|0\^-?|0-)\d.*)?"
)
_GROUPED = re.compile(r"[+-]?\d+(?:[., ']\d+)+(?:[eE][+-]?\d+)?")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:\D.*)?")


def is_empty(cell: Any) -> bool:
    """Whether a cell of names or free text holds nothing; `NaN` is sodium nitride there."""
    import pandas as pd

    if isinstance(cell, str):
        return not cell.strip()
    return (
        cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and math.isnan(cell))
    )


def is_missing(cell: Any) -> bool:
    """Whether a cell of numbers or of a status holds nothing, or one of the words that programs write for that."""
    return is_empty(cell) or (isinstance(cell, str) and cell.strip() in WORDS_FOR_NOTHING)


def text_of(cell: Any) -> str:
    """A cell as text: whole numbers without a decimal point, times in the form of ISO 8601."""
    if isinstance(cell, datetime) and cell.time() == time():
        cell = cell.date()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def number_of(cell: Any, unit: str | None = None) -> float:
    """A cell as a number.

    Args:
        cell: a number, or its text, which may name the unit: `120 GPa`.
        unit: the unit that is due; None where a number has none.

    Raises:
        ValueError: what is wrong with the cell, as the end of a sentence that begins with what the cell is of.
    """
    if isinstance(cell, date | time | timedelta):
        raise ValueError(
            f"is the date {text_of(cell)}, which is not a number; a spreadsheet makes dates of what looks like one: "
            "format the cell as a number and type the value again"
        )
    if isinstance(cell, bool | np.bool_):
        raise ValueError(f"is {cell}, which is not a number")
    if not isinstance(cell, str):
        try:
            return float(cell)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"is {cell!r}, which is not a number") from None
    text = cell.strip().replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
    found = _NUMBER.fullmatch(text)
    if found is None or "±" in text or "+/-" in text:
        raise ValueError(f"is {cell!r}, which is not a number{_advice(text)}")
    if (given := found["unit"]) is not None:
        require_unit(given.strip(), unit, f"is {cell!r}")
    return float(found["number"])


def whole_number_of(cell: Any) -> int:
    """A cell as a whole number; ValueError where it is none."""
    number = number_of(cell)
    if not (math.isfinite(number) and number.is_integer() and abs(number) < 2**53):
        raise ValueError(f"is {cell!r}, which is not a whole number")
    return int(number)


def require_unit(given: str, wanted: str | None, subject: str) -> None:
    """Raises ValueError, a sentence that begins with `subject`, where a unit is not the one that is due."""
    if not wanted:
        raise ValueError(f"{subject}, and has no unit here that is known; give the number alone")
    if is_same_unit(given, wanted):
        return
    due = "a pure number" if wanted == "1" else wanted
    conversion = how_to_convert(given, wanted)
    advice = f"{conversion} and give {due}" if conversion else f"convert it to {due}"
    raise ValueError(f"{subject}, and {due} is due; {advice}")


def _advice(text: str) -> str:
    if "±" in text or "+/-" in text or "+-" in text:
        return "; give the standard error in its own column, PROPERTY_error"
    if _DATE.fullmatch(text):
        return (
            "; it looks like a date, which spreadsheets make of numbers: format the cell as a number and type it again"
        )
    if _GROUPED.fullmatch(text):
        return "; write a decimal point and no marks between thousands, such as 1234.5"
    if text.startswith("#"):
        return "; it is an error of the spreadsheet's formula"
    if text[:1] in "<>~":
        return "; give one number, and what limits it as a note"
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        return "; allowed is what is finite"
    return ""
