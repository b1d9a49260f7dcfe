"""What each column of a sheet to fill in means, a line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gfnmat.campaign.people.table import error_of, headed
from gfnmat.campaign.records import STATUSES
from oracles import property_named

IDENTIFYING = ("id", "formula", "space_group", "key", "fidelity", "replicate")
"""Columns that say what a row is about, in the order of a sheet; those of them that there are."""
_STATUS_MEANINGS = {
    "done": "it was measured: give a value",
    "infeasible": "the material cannot be made or measured; such materials are avoided from then on",
    "retryable": "the apparatus failed, and the material is not to blame; its cost is free again",
    "withdrawn": "nobody will measure it; its cost is free again",
}
_MEANINGS = {
    "id": ("number of the suggestion", "keep it"),
    "batch": ("suggestions that belong together", "keep it"),
    "formula": ("reduced formula of the material", "keep it"),
    "space_group": ("space group of the crystal", "keep it"),
    "key": ("tells the crystal from all others", "keep it"),
    "fidelity": ("how it is to be measured: the rung of the campaign's ladder", "keep it"),
    "replicate": ("which measurement of the same it is, from 0", "keep it, or count on in a row of your own"),
    "status": ("how it went; empty beside a value means done", ", ".join(STATUSES)),
    "error": ("what went wrong, in words", "text"),
    "note": ("anything to be kept beside the result", "text"),
    "cost": ("what the measurement is charged", "for information"),
    "why": ("why it was suggested", "for information"),
    "campaign": ("the campaign that asks", "keep it"),
}


@dataclass(frozen=True)
class Line:
    """What one column, or one word in it, means.

    Attributes:
        column: header, or header and word.
        meaning: in words.
        unit: of numbers; empty for texts and pure numbers.
        allowed: what may stand there.
    """

    column: str
    meaning: str
    unit: str
    allowed: str


def to_fill_in(properties: Sequence[str]) -> list[str]:
    """The columns that a person fills in: value and standard error of each property, status, error, note."""
    values = [header for name in properties for header in (headed(name), headed(name, error_of(name)))]
    return [*values, "status", "error", "note"]


def legend_of(columns: Sequence[str], properties: Sequence[str]) -> list[Line]:
    """A line for each column, each status, and for measuring the same several times."""
    of_quantities = {line.column: line for name in properties for line in _of_property(name)}
    lines = []
    for column in columns:
        meaning, allowed = _MEANINGS.get(column, ("as it was suggested", "for information"))
        lines.append(of_quantities.get(column) or Line(column, meaning, "", allowed))
    lines += [Line(f"status: {word}", meaning, "", word) for word, meaning in _STATUS_MEANINGS.items()]
    several = "a further row with the same id, and replicate 1, 2 ... where 0 was suggested"
    return [*lines, Line("several measurements", several, "", "as many as there were")]


def range_of(name: str) -> str:
    """The physical range of a property in words."""
    known = property_named(name)
    if math.isinf(known.lower) and math.isinf(known.upper):
        return "any number"
    return f"{known.lower:g} to {known.upper:g}"


def _of_property(name: str) -> list[Line]:
    known = property_named(name)
    unit = "" if known.unit == "1" else known.unit
    words = name.replace("_", " ")
    described = f"{words}: {known.description}" if known.description else words
    return [
        Line(headed(name), f"{described}, as it was measured", unit, range_of(name)),
        Line(headed(name, error_of(name)), f"standard error of that {words}, where it is known", unit, "0 and more"),
        Line(f"{name}_mean", f"{words} as it is predicted, at the target", unit, "for information"),
        Line(f"{name}_sd", f"standard deviation of that prediction of the {words}", unit, "for information"),
    ]
