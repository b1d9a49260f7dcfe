"""Telling: answers are added and never changed; what they settle of the budget is settled with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from gfnmat.campaign.records import Answer, Choice, Replicate
from gfnmat.campaign.store.errors import AlreadyToldError, StoreError
from gfnmat.campaign.store.issuing import count_rounds, insert_suggestions, known_candidate
from gfnmat.campaign.store.ledger import enter, settled
from gfnmat.campaign.store.rows import answer_row
from gfnmat.campaign.store.schema import campaigns, candidates, measurements, suggestions

# made once: to make statements anew for each answer takes longer than the database does
_SUGGESTION = select(suggestions).where(suggestions.c.id == bindparam("number"))
_LATEST = (
    select(measurements)
    .where(measurements.c.suggestion_id == bindparam("number"))
    .order_by(measurements.c.revision.desc())
    .limit(1)
)
_KEEP = insert(measurements)
_SETTLE = (
    update(suggestions)
    .where(suggestions.c.id == bindparam("number"))
    .values(state=bindparam("status"), live=bindparam("is_live"), lease_owner=None, lease_until=None)
)


def tell(
    connection: Connection, campaign: int, answers: Mapping[int | Replicate, Answer], correct: bool, token: str
) -> int:
    """Keeps answers by the suggestion's number; how many were new."""
    return sum(
        _tell_one(connection, campaign, _suggested(connection, campaign, place, token), answer, correct)
        for place, answer in answers.items()
    )


def add(
    connection: Connection,
    campaign: int,
    found: Sequence[tuple[Choice, Answer]],
    fidelities: Sequence[str],
    correct: bool,
    token: str,
) -> int:
    """Keeps answers that nobody asked for, each issued with its answer unless it was before; how many were new."""
    new = 0
    number = count_rounds(connection, campaign)
    for choice, answer in found:
        known = known_candidate(connection, campaign, choice.key)
        row = _live(connection, known.get(choice.key), choice.rung, choice.replicate)
        if row is None:
            (issued,) = insert_suggestions(connection, campaign, [choice], fidelities, "imported", number, token, known)
            row = _row(connection, issued.id)
        assert row is not None
        new += _tell_one(connection, campaign, row, answer, correct)
    return new


def _row(connection: Connection, number: int) -> Row[Any] | None:
    return connection.execute(_SUGGESTION, {"number": number}).first()


def _live(connection: Connection, candidate: int | None, rung: int, replicate: int) -> Row[Any] | None:
    if candidate is None:
        return None
    row = suggestions.c
    same = (row.candidate_id == candidate) & (row.rung == rung) & (row.replicate == replicate)
    return connection.execute(select(suggestions).where(same).order_by(row.live.desc(), row.id.desc())).first()


def _suggested(connection: Connection, campaign: int, place: int | Replicate, token: str) -> Row[Any]:
    """The suggestion that an answer belongs to; a replicate that was not issued is issued here."""
    number = place.of if isinstance(place, Replicate) else place
    row = _row(connection, number)
    if row is None:
        raise StoreError(f"id {number} was never suggested; nothing was written.")
    if row.campaign_id != campaign:
        other = connection.execute(select(campaigns.c.name).where(campaigns.c.id == row.campaign_id)).scalar_one()
        raise StoreError(f"id {number} is of the campaign {other!r}, and this is another; nothing was written.")
    if not isinstance(place, Replicate) or place.number == row.replicate:
        return row
    if (found := _live(connection, row.candidate_id, row.rung, place.number)) is not None:
        return found
    design = connection.execute(select(candidates).where(candidates.c.id == row.candidate_id)).one()
    choice = Choice(
        design.key,
        design.formula,
        row.rung,
        row.cost,
        means={},
        sds={},
        why=f"told as replicate {place.number} of id {number}",
        replicate=place.number,
    )
    known, names = {design.key: design.id}, {row.rung: row.fidelity}
    (further,) = insert_suggestions(
        connection, campaign, [choice], names, "asked", count_rounds(connection, campaign), token, known
    )
    issued = _row(connection, further.id)
    assert issued is not None
    return issued


def _tell_one(connection: Connection, campaign: int, row: Row[Any], answer: Answer, correct: bool) -> int:
    """Keeps one answer; 1 if it says anything new, else 0."""
    kept = connection.execute(_LATEST, {"number": row.id}).first()
    written = answer_row(answer)
    if kept is not None:
        if _says_nothing_new(written, kept, correct):
            return 0
        if not (correct or kept.status in ("withdrawn", "retryable") or _agrees(written, kept)):
            raise AlreadyToldError(
                f"id {row.id} has been told already: {kept.status} {kept._mapping['values']}; the new answer "
                f"{answer.status} {dict(answer.values)} contradicts it, and nothing was written. Tell it as a "
                "correction (`--correct`), or another measurement of the same in a row of its own, with a `replicate`."
            )
        written = _completed(written, kept, correct)
    revision = 0 if kept is None else kept.revision + 1
    connection.execute(_KEEP, {"campaign_id": campaign, "suggestion_id": row.id, "revision": revision, **written})
    is_live = _stays_live(connection, row, answer.status)
    connection.execute(_SETTLE, {"number": row.id, "status": answer.status, "is_live": is_live})
    enter(connection, campaign, row.id, answer.status, *settled(row.state, answer.status, row.cost))
    return 1


def _stays_live(connection: Connection, row: Row[Any], status: str) -> bool:
    """Whether the same must not be issued again: not where a person gave it up, or could not do it."""
    if status == "withdrawn" or (status == "retryable" and row.origin != "loop"):
        return False
    if row.live:
        return True
    other = suggestions.c
    same = (other.candidate_id == row.candidate_id) & (other.rung == row.rung) & (other.replicate == row.replicate)
    return connection.execute(select(other.id).where(same, other.live)).first() is None


def _agrees(written: Mapping[str, Any], kept: Row[Any]) -> bool:
    """Whether both are values, and the same of what both tell."""
    return (
        kept.status == written["status"] == "done"
        and _are_equal_where_both(written["values"], kept._mapping["values"])
        and _are_equal_where_both(written["errors"], kept.errors)
    )


def _are_equal_where_both(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _says_nothing_new(written: Mapping[str, Any], kept: Row[Any], correct: bool) -> bool:
    """Whether all of an answer is kept already; of a correction also why there are no values, and by what."""
    if kept.status != written["status"]:
        return False
    if not (written["values"].items() <= kept._mapping["values"].items()):
        return False
    if not correct:
        return written["errors"].items() <= kept.errors.items()
    stated = {name: error for name, error in kept.errors.items() if name in written["values"]}
    return (
        written["errors"] == stated
        and written["error"] in (None, kept.error)
        and written["provenance"].items() <= kept.provenance.items()
    )


def _completed(written: dict[str, Any], kept: Row[Any], correct: bool) -> dict[str, Any]:
    """An answer, with what was told of other properties; where it contradicts nothing, with the structure, too."""
    if not kept.status == written["status"] == "done":
        return written
    values, errors = kept._mapping["values"], kept.errors
    if correct:  # it tells all of what it names
        errors = {name: error for name, error in errors.items() if name not in written["values"]}
    whole = {
        **written,
        "values": {**values, **written["values"]},
        "errors": {**errors, **written["errors"]},
        "provenance": {**kept.provenance, **written["provenance"]},
    }
    if written["structure"] is None and _are_equal_where_both(written["values"], values):
        whole |= {"structure": kept.structure, "duplicate_of": kept.duplicate_of}
    return whole
