"""What a person tells: a table of results, checked row by row before any of it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.people.cells import whole_number_of
from gfnmat.campaign.people.faults import refuse_if_any
from gfnmat.campaign.people.table import Row, Table
from gfnmat.campaign.people.told import replicate_of, told_by
from gfnmat.campaign.records import Answer, Choice, Replicate, Suggestion
from gfnmat.space.candidates import Candidates

if TYPE_CHECKING:
    import pandas as pd

Elsewhere = Callable[[Sequence[int]], Mapping[int, str]]
"""Says of numbers that were not issued in a campaign which other one they are of."""


def answers_from(
    results: pd.DataFrame | Sequence[Mapping[str, Any]],
    suggestions: Mapping[int, Suggestion],
    properties: Sequence[str],
    *,
    campaign: str | None = None,
    fidelities: Sequence[str] = (),
    elsewhere: Elsewhere = lambda numbers: {},
) -> dict[int | Replicate, Answer]:
    """Answers by suggestion number, or as replicates of one.

    Args:
        results: one row a result: `id`, a column for each property that was measured (`bulk_modulus`, or with its unit
            as `bulk_modulus [GPa]`), optionally `status` (done, infeasible, retryable, withdrawn) and `error`, the
            standard error of a property as `PROPERTY_error`, and `replicate`: which measurement of that candidate at
            that fidelity it is, from 0; without it the one that was suggested. `note`, `measured_by`, `measured_at` and
            `source` become the answer's provenance. `campaign`, `formula`, `key` and `fidelity` must agree with what
            was suggested. Other columns, and rows with neither a value nor a status, are left aside, so that a table of
            suggestions can be told half filled in.
        suggestions: what was issued, by number.
        properties: the properties of the campaign.
        campaign: its name; None accepts any.
        fidelities: the names of its rungs; without them those of the results are not looked at.
        elsewhere: says of numbers that were not issued here which other campaign they are of.

    Raises:
        ValueError: a missing column, an unknown or repeated id, a row about something else than was suggested, or a
            value that is none; every fault is one sentence, and all are told.
    """
    table = Table.of(results, properties)
    table.require("id", "Keep the id of each ask.", properties)
    faults = _of_other_campaigns(table, campaign)
    places, subjects, own_faults = _places(table, suggestions, fidelities, elsewhere)
    told, faults_of_columns = told_by(table, subjects, properties)
    faults += faults_of_columns
    answers: dict[int | Replicate, Answer] = {}
    for place, own, row in zip(places, own_faults, told, strict=True):
        faults += [*own, *row.faults]
        if place is not None and row.answer is not None:
            answers[place] = row.answer
    refuse_if_any(faults)
    if not answers:
        raise ValueError("no row of the results holds a value or a status; fill in at least one.")
    return answers


def _of_other_campaigns(table: Table, campaign: str | None) -> list[str]:
    others = {name for row in table.rows if (name := row.text("campaign")) is not None} - {campaign}
    if campaign is None or not others:
        return []
    return [f"the results are of the campaign {', '.join(sorted(others))}, and this is {campaign}; tell them there."]


def _places(
    table: Table, suggestions: Mapping[int, Suggestion], fidelities: Sequence[str], elsewhere: Elsewhere
) -> tuple[list[int | Replicate | None], list[str], list[list[str]]]:
    """Of each row the place that it answers, None where there is none; what it is about, in words; and its faults."""
    places: list[int | Replicate | None] = []
    subjects, faults = [], []
    seen: set[int | Replicate] = set()
    for row in table.rows:
        place: int | Replicate | None = None
        subject, own = row.subject, []
        try:
            number = _number(row)
            subject = f"id {number}"
            if number not in suggestions:
                others = elsewhere([number])
                raise ValueError(
                    f"id {number} is of the campaign {others[number]!r}; tell it there."
                    if number in others
                    else f"id {number} was never suggested; keep the id of each ask."
                )
            choice = suggestions[number].choice
            own += _contradictions(row, number, choice, fidelities)
            place = _place(number, choice.replicate, row)
            if place in seen:
                raise ValueError(
                    f"id {number} stands twice in the results; tell each result once, and number several measurements "
                    "of the same by a column `replicate`."
                )
            seen.add(place)
        except ValueError as fault:
            own.append(str(fault))
        places.append(place)
        subjects.append(subject)
        faults.append(own)
    return places, subjects, faults


def _number(row: Row) -> int:
    if "id" not in row.cells:
        raise ValueError(f"{row.subject} has no id; keep the id of each ask.")
    try:
        return whole_number_of(row.cells["id"])
    except ValueError:
        raise ValueError(f"id {row.cells['id']!r} is not a whole number; keep the id of each ask.") from None


def _place(number: int, suggested: int, row: Row) -> int | Replicate:
    """What a row is about: what was suggested under a number, or another replicate of it."""
    replicate = replicate_of(row, f"id {number}")
    return number if replicate is None or replicate == suggested else Replicate(number, replicate)


def _contradictions(row: Row, number: int, choice: Choice, fidelities: Sequence[str]) -> list[str]:
    """Where a row names something else than was suggested under its number, as ids of another store do."""
    suggested = {"formula": choice.formula, "key": choice.key}
    if fidelities:
        suggested["fidelity"] = fidelities[choice.rung]
    said = {column: text for column in suggested if (text := row.text(column)) is not None}
    differing = {
        column: text
        for column, text in said.items()
        if text != suggested[column] and not (column == "formula" and _same_formula(text, choice.formula))
    }
    if not differing:
        return []
    where = f" at {fidelities[choice.rung]}" if fidelities else ""
    key = f", key {choice.key}" if "key" in differing else ""
    row_says = ", ".join(f"{column} {text}" if column == "key" else text for column, text in differing.items())
    return [
        f"id {number} is {choice.material}{where}{key}, and the row says {row_says}; tell results to the campaign and "
        "store that asked for them."
    ]


def _same_formula(given: str, formula: str) -> bool:
    try:
        return Candidates.of([given]).formulas[0] == formula
    except ValueError:
        return False
