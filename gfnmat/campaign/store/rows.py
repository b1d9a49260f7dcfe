"""Between the values that a campaign keeps and the rows of its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, select

from gfnmat.campaign.records import Answer, Choice, RoundRecord, Suggestion, Trust
from gfnmat.campaign.store.schema import candidates, measurements, suggestions

if TYPE_CHECKING:
    from pymatgen.core import Structure

FORMULA_LENGTH = 200


def key_hash(key: str) -> str:
    """What is unique of a candidate's key, however long that is."""
    return sha256(key.encode()).hexdigest()


def candidate_row(campaign: int, choice: Choice) -> dict[str, Any]:
    """The row of a choice's candidate."""
    return {
        "campaign_id": campaign,
        "key_hash": key_hash(choice.key),
        "key": choice.key,
        "formula": choice.formula[:FORMULA_LENGTH],
        "space_group": choice.space_group,
        "structure": _as_dict(choice.structure),
    }


def suggestion_row(choice: Choice) -> dict[str, Any]:
    """What the row of a suggestion says of its choice."""
    return {
        "rung": choice.rung,
        "replicate": choice.replicate,
        "cost": choice.cost,
        "means": dict(choice.means),
        "sds": dict(choice.sds),
        "why": _clean(choice.why),
    }


def select_suggestions(campaign: int, after: int = 0) -> Select[Any]:
    """What `suggestion` reads, in the order of the numbers, of those above `after`."""
    issued = suggestions.c
    design = candidates.c
    # with `+ 0` what is new is found by its number, not by the index of campaigns, which holds all that is old
    mine = (issued.campaign_id + 0 == campaign) & (issued.id > after) if after else issued.campaign_id == campaign
    columns = (
        issued.id,
        issued.round,
        issued.origin,
        issued.attempts,
        issued.batch,
        issued.rung,
        issued.replicate,
        issued.cost,
        issued.means,
        issued.sds,
        issued.why,
        design.key,
        design.formula,
        design.space_group,
    )
    return select(*columns).join(candidates, issued.candidate_id == design.id).where(mine).order_by(issued.id)


def suggestion(row: Row[Any]) -> Suggestion:
    """What a row of `select_suggestions` issued, without the structure."""
    choice = Choice(
        row.key,
        row.formula,
        row.rung,
        row.cost,
        row.means,
        row.sds,
        row.why,
        row.space_group,
        replicate=row.replicate,
    )
    return Suggestion(row.id, choice, row.round, row.origin, row.attempts, row.batch)


def answer_row(answer: Answer) -> dict[str, Any]:
    """What the row of a measurement says of an answer."""
    return {
        "status": answer.status,
        "values": dict(answer.values),
        "errors": dict(answer.errors),
        "structure": _as_dict(answer.structure),
        "seconds": answer.seconds,
        "error": _clean(answer.error),
        "duplicate_of": answer.duplicate_of,
        "provenance": {_clean(name): _clean(text) for name, text in answer.provenance.items()},
    }


def select_answers(campaign: int) -> Select[Any]:
    """What `answer` reads, in the order in which it was told."""
    told = measurements.c
    columns = (
        told.id,
        told.suggestion_id,
        told.status,
        told["values"],
        told.errors,
        told.seconds,
        told.error,
        told.duplicate_of,
        told.provenance,
    )
    return select(*columns).where(told.campaign_id == campaign).order_by(told.id)


def answer(row: Any) -> Answer:
    """What a row of `select_answers` answers, without the structure."""
    _, _, status, values, errors, seconds, error, duplicate_of, provenance = row
    return Answer(
        status=status,
        values=values,
        errors=errors,
        seconds=seconds,
        error=error,
        duplicate_of=duplicate_of,
        provenance=provenance,
    )


def record_row(record: RoundRecord, number: int) -> dict[str, Any]:
    """A round's record as plain values; JSON has no infinity and no NaN."""
    return _finite(asdict(replace(record, round=number)))


def round_record(kept: Mapping[str, Any]) -> RoundRecord:
    """A round's record; those of earlier versions have no `trust`."""
    trust = tuple(Trust(**entry) for entry in kept.get("trust", ()))
    return RoundRecord(**{**kept, "trust": trust})


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _clean(told: str | None) -> Any:
    """A text that every database takes: PostgreSQL has no zero byte, and no half of a character."""
    return None if told is None else str(told).replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _as_dict(structure: Structure | None) -> dict[str, Any] | None:
    return None if structure is None else structure.as_dict()
