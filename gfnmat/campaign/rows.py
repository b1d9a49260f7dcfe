"""Between the values that a campaign keeps and the rows of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.records import Answer, Choice, RoundRecord, Suggestion, Trust
from gfnmat.campaign.schema import MeasurementRow, SuggestionRow

if TYPE_CHECKING:
    from pymatgen.core import Structure


def round_record(kept: Mapping[str, Any]) -> RoundRecord:
    """A round's record; those of earlier versions have no `trust`."""
    trust = tuple(Trust(**entry) for entry in kept.get("trust", ()))
    return RoundRecord(**{**kept, "trust": trust})


def suggestion_row(choice: Choice, fidelity: str, round_number: int, asked: bool) -> SuggestionRow:
    """The row of a choice that is issued."""
    return SuggestionRow(
        round=round_number,
        key=choice.key,
        formula=choice.formula,
        space_group=choice.space_group,
        fidelity=fidelity,
        rung=choice.rung,
        cost=choice.cost,
        means=dict(choice.means),
        sds=dict(choice.sds),
        why=choice.why,
        structure=_as_dict(choice.structure),
        asked=asked,
        attempts=0,
        replicate=choice.replicate,
    )


def suggestion(row: SuggestionRow) -> Suggestion:
    """What a row issued, without the structure."""
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
    return Suggestion(id=row.id, choice=choice, round=row.round, asked=row.asked, attempts=row.attempts)


def measurement_row(number: int, revision: int, answer: Answer) -> MeasurementRow:
    """The row of an answer to the suggestion of this number."""
    return MeasurementRow(
        suggestion_id=number,
        revision=revision,
        status=answer.status,
        values=dict(answer.values),
        errors=dict(answer.errors),
        structure=_as_dict(answer.structure),
        seconds=answer.seconds,
        error=answer.error,
        duplicate_of=answer.duplicate_of,
        provenance=dict(answer.provenance),
    )


def answer_of(row: MeasurementRow) -> Answer:
    """What a row answers, without the structure."""
    return Answer(
        status=row.status,  # type: ignore[arg-type]
        values=row.values,
        errors=row.errors,
        seconds=row.seconds,
        error=row.error,
        duplicate_of=row.duplicate_of,
        provenance=row.provenance or {},
    )


def _as_dict(structure: Structure | None) -> dict[str, Any] | None:
    return None if structure is None else structure.as_dict()


def replicate_row(row: SuggestionRow, replicate: int, round_number: int) -> SuggestionRow:
    """The row of another measurement, which a person tells, of what a row issued."""
    return SuggestionRow(
        round=round_number,
        key=row.key,
        formula=row.formula,
        space_group=row.space_group,
        fidelity=row.fidelity,
        rung=row.rung,
        cost=row.cost,
        means={},
        sds={},
        why=f"told as replicate {replicate} of id {row.id}",
        structure=row.structure,
        asked=True,
        attempts=0,
        replicate=replicate,
    )
