"""Rows of results as answers: status, values, standard errors, and who says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gfnmat.campaign.people.cells import number_of, whole_number_of
from gfnmat.campaign.people.table import PROVENANCE, Row, Table, error_of
from gfnmat.campaign.records import STATUSES, Answer
from oracles import property_named

SLIP = 1000.0  # between a unit and the one that it is most often mistaken for: MPa and GPa, kg/m3 and g/cm3


@dataclass(frozen=True)
class Told:
    """What one row tells.

    Attributes:
        answer: None where it tells nothing, or is at fault.
        faults: what is wrong with it, a sentence each.
    """

    answer: Answer | None
    faults: tuple[str, ...] = ()


MOST_REPLICATES = 1_000_000


def told_by(table: Table, subjects: Sequence[str], properties: Sequence[str]) -> tuple[list[Told], list[str]]:
    """What each row tells, and what is wrong with whole columns.

    Args:
        table: the rows.
        subjects: what each row is about, for a person, such as `id 3`.
        properties: those of the campaign.
    """
    slips = {name: fault for name in properties if (fault := _wrong_unit(table, name)) is not None}
    told = [
        _told(table, row, subject, properties, frozenset(slips))
        for row, subject in zip(table.rows, subjects, strict=True)
    ]
    return told, list(slips.values())


def replicate_of(row: Row, subject: str) -> int | None:
    """Which measurement of its pair a row is, from 0; None where it does not say.

    Raises:
        ValueError: it says something else.
    """
    if "replicate" not in row.cells:
        return None
    try:
        replicate = whole_number_of(row.cells["replicate"])
    except ValueError:
        replicate = -1
    if not 0 <= replicate < MOST_REPLICATES:
        given = row.cells["replicate"]
        raise ValueError(f"{subject}: replicate is {given!r}; number the measurements of one pair 0, 1, 2 ...")
    return replicate


def _told(table: Table, row: Row, subject: str, properties: Sequence[str], unbound: frozenset[str]) -> Told:
    """What a row tells; values of the `unbound` properties are refused by another sentence."""
    measured = [name for name in properties if name in row.cells]
    doubted = [name for name in properties if error_of(name) in row.cells]
    said = row.text("error")
    given = row.text("status")
    if given is None and not measured and not doubted:
        if said is None:
            return Told(None)
        return Told(None, (f"{subject} has an error and no status; say infeasible, retryable or withdrawn.",))
    status = next((known for known in STATUSES if known == (given or "done").casefold()), None)
    if status is None:
        return Told(None, (f"{subject}: status is {given!r}; allowed are {', '.join(STATUSES)}.",))
    provenance = {name: text for name in PROVENANCE if (text := row.text(name)) is not None}
    if status != "done":
        if measured or doubted:
            filled = ", ".join([*measured, *(error_of(name) for name in doubted)])
            return Told(
                None,
                (f"{subject} is {status} and has a value ({filled}); leave the value out, or make the status done.",),
            )
        return Told(Answer(status=status, error=said or f"told as {status}", provenance=provenance))
    values, faults = _values(table, row, subject, measured, unbound)
    errors, faults_of_errors = _errors(table, row, subject, measured, doubted)
    faults += faults_of_errors
    if not measured and not faults:
        faults.append(f"{subject} is done and has no value; give one, or a status such as infeasible.")
    if faults:
        return Told(None, tuple(faults))
    return Told(Answer(status="done", values=values, errors=errors, error=said, provenance=provenance))


def _values(
    table: Table, row: Row, subject: str, measured: Sequence[str], unbound: frozenset[str]
) -> tuple[dict[str, float], list[str]]:
    values, faults = {}, []
    for name in measured:
        try:
            values[name] = number_of(row.cells[name], table.units[name])
        except ValueError as fault:
            faults.append(f"{subject}: {name} {fault}.")
            continue
        if name not in unbound and (fault_of_bounds := _out_of_bounds(name, values[name])):
            faults.append(f"{subject}: {fault_of_bounds}")
    return values, faults


def _errors(
    table: Table, row: Row, subject: str, measured: Sequence[str], doubted: Sequence[str]
) -> tuple[dict[str, float], list[str]]:
    errors, faults = {}, []
    for name in doubted:
        try:
            errors[name] = number_of(row.cells[error_of(name)], table.units[name])
        except ValueError as fault:
            faults.append(f"{subject}: {error_of(name)} {fault}.")
            continue
        if not (math.isfinite(errors[name]) and errors[name] >= 0):
            faults.append(f"{subject}: {error_of(name)} is {errors[name]:g}; a standard error is a number from 0.")
        elif name not in measured:
            faults.append(f"{subject} has {error_of(name)} and no {name}; give the value too.")
    return errors, faults


def _out_of_bounds(name: str, value: float) -> str | None:
    known = property_named(name)
    if math.isfinite(value) and known.lower <= value <= known.upper:
        return None
    unit = f" {known.unit}" if known.unit not in ("", "1") else ""
    return f"{name} is {value:g}{unit}; allowed is {known.lower:g} to {known.upper:g}{unit}."


def _wrong_unit(table: Table, name: str) -> str | None:
    """Why the unit of a column looks wrong: most values are out of bounds, and a factor brings most into them."""
    known = property_named(name)
    values = []
    for row in table.rows:
        try:
            values.append(number_of(row.cells[name], table.units[name]))
        except (KeyError, ValueError):
            continue  # empty, or told of by itself
    outside = [value for value in values if not known.lower <= value <= known.upper]
    if 2 * len(outside) <= len(values):
        return None
    for factor, words in ((1 / SLIP, "divided"), (SLIP, "multiplied")):
        if 2 * sum(known.lower <= value * factor <= known.upper for value in values) > len(values):
            return (
                f"{name}: {len(outside)} of {len(values)} values, such as {outside[0]:g}, are out of bounds; allowed "
                f"is {known.lower:g} to {known.upper:g} {known.unit}, and {words} by {SLIP:g} they fit, so the unit "
                f"looks wrong: give {known.unit}."
            )
    return None
