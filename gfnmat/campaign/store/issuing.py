"""Issuing: numbers, reservations, leases. All of it runs in transactions that exclude other writers of the campaign."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from gfnmat.campaign.records import Choice, Limits, Origin, RoundRecord, Suggestion
from gfnmat.campaign.store import clock, owner
from gfnmat.campaign.store.checkpoints import Checkpoints
from gfnmat.campaign.store.ledger import RunningBalance, reserve
from gfnmat.campaign.store.rows import (
    candidate_row,
    key_hash,
    record_row,
    select_suggestions,
    suggestion,
    suggestion_row,
)
from gfnmat.campaign.store.schema import candidates, rounds, suggestions

ROUNDING = 1e-9
LEAST_CUT = 120.0  # seconds that a lease is left: owners renew theirs every half minute, whatever others have set
KEPT_CHECKPOINTS = 2  # of the latest rounds: the last is resumed from


@dataclass(frozen=True)
class Issue:
    """What is to be issued in one transaction.

    Attributes:
        choices: what was picked, of most worth first.
        fidelities: names of the rungs.
        by_hand: those at which a person answers what the loop issues.
        origin: see `Suggestion`.
        token: names this issue, so that one whose end a broken connection left open is not done twice.
        round: number of the round that it belongs to, where there is no record.
        record, proposer_state: of the round that was planned, where the loop issues.
        limits: what the campaign may spend.
    """

    choices: Sequence[Choice]
    fidelities: Sequence[str]
    by_hand: Collection[int]
    origin: Origin
    token: str
    round: int
    record: RoundRecord | None
    proposer_state: bytes | None
    limits: Limits


def issue(
    connection: Connection, campaign: int, order: Issue, checkpoints: Checkpoints, balance: RunningBalance
) -> list[Suggestion]:
    """Gives numbers to what may be issued and was not issued before; nothing, if that is nothing."""
    same = select_suggestions(campaign).where(suggestions.c.token == order.token)
    if done := connection.execute(same).all():
        return [suggestion(row) for row in done]
    number = count_rounds(connection, campaign)
    if order.record is not None and order.limits.rounds is not None and number >= order.limits.rounds:
        return []
    known = _known_candidates(connection, campaign, [choice.key for choice in order.choices])
    chosen = _unissued(connection, known, order.choices)
    if order.limits.cost is not None:
        chosen = _payable(chosen, order.limits.cost - balance.read(connection, campaign).committed)
    if not chosen:
        return []
    round_number = order.round if order.record is None else number
    issued = insert_suggestions(
        connection, campaign, chosen, order.fidelities, order.origin, round_number, order.token, known, order.by_hand
    )
    if order.record is not None:
        _keep_round(connection, campaign, order, number, checkpoints)
    return issued


def insert_suggestions(
    connection: Connection,
    campaign: int,
    chosen: Sequence[Choice],
    fidelities: Sequence[str] | Mapping[int, str],
    origin: Origin,
    round_number: int,
    token: str,
    known: dict[str, int],
    by_hand: Collection[int] = (),
) -> list[Suggestion]:
    """Writes suggestions and reserves their cost; candidates that are not `known`, by their key, become so."""
    new = {choice.key: choice for choice in chosen if choice.key not in known}
    if new:
        rows = [candidate_row(campaign, choice) for choice in new.values()]
        numbers = connection.execute(
            insert(candidates).returning(candidates.c.id, sort_by_parameter_order=True), rows
        ).scalars()
        known.update(zip(new, numbers, strict=True))
    row = suggestions.c
    # batches ascend; with `+ 0` no index is used, by which all of the campaign's would be read and not only the last
    last = select(row.batch).where(row.campaign_id + 0 == campaign).order_by(row.id.desc()).limit(1)
    batch = (connection.execute(last).scalar() or 0) + 1
    origins: list[Origin] = ["laboratory" if origin == "loop" and c.rung in by_hand else origin for c in chosen]
    common = {"campaign_id": campaign, "batch": batch, "round": round_number, "token": token}
    rows = [
        {
            **common,
            **suggestion_row(choice),
            "candidate_id": known[choice.key],
            "fidelity": fidelities[choice.rung],
            "origin": of_choice,
        }
        for choice, of_choice in zip(chosen, origins, strict=True)
    ]
    numbers = connection.execute(
        insert(suggestions).returning(suggestions.c.id, sort_by_parameter_order=True), rows
    ).scalars()
    issued = [
        Suggestion(number, replace(choice, structure=None), round_number, of_choice, 0, batch)
        for number, choice, of_choice in zip(numbers, chosen, origins, strict=True)
    ]
    reserve(connection, campaign, {suggestion.id: suggestion.choice.cost for suggestion in issued})
    return issued


def count_rounds(connection: Connection, campaign: int) -> int:
    """How many rounds were planned."""
    count = select(func.count()).select_from(rounds).where(rounds.c.campaign_id == campaign)
    return connection.execute(count).scalar_one()


def _known_candidates(connection: Connection, campaign: int, keys: Sequence[str]) -> dict[str, int]:
    """The numbers of candidates that have one, by their key."""
    hashes = {key_hash(key): key for key in keys}
    query = select(candidates.c.key_hash, candidates.c.id).where(
        candidates.c.campaign_id == campaign, candidates.c.key_hash.in_(hashes)
    )
    return {hashes[digest]: number for digest, number in connection.execute(query)}


def known_candidate(connection: Connection, campaign: int, key: str) -> dict[str, int]:
    """The same of one candidate."""
    return _known_candidates(connection, campaign, [key])


def _unissued(connection: Connection, known: dict[str, int], choices: Sequence[Choice]) -> list[Choice]:
    """What is not live already; of the same choice given twice the first."""
    row = suggestions.c
    live = select(row.candidate_id, row.rung, row.replicate).where(row.candidate_id.in_(known.values()), row.live)
    taken = {tuple(place) for place in connection.execute(live)} if known else set()
    left: dict[tuple[str, int, int], Choice] = {}
    for choice in choices:
        if (known.get(choice.key), choice.rung, choice.replicate) not in taken:
            left.setdefault((choice.key, choice.rung, choice.replicate), choice)
    return list(left.values())


def _payable(choices: Sequence[Choice], left: float) -> list[Choice]:
    """What the budget pays for, whoever else issued meanwhile."""
    payable = []
    for choice in choices:
        if choice.cost <= left + ROUNDING:
            payable.append(choice)
            left -= choice.cost
    return payable


def _keep_round(connection: Connection, campaign: int, order: Issue, number: int, checkpoints: Checkpoints) -> None:
    assert order.record is not None
    mine = rounds.c.campaign_id == campaign
    digest = None if order.proposer_state is None else checkpoints.keep(connection, order.proposer_state)
    old = connection.execute(
        select(rounds.c.checkpoint).where(mine, rounds.c.number <= number - KEPT_CHECKPOINTS)
    ).scalars()
    forgotten = {kept for kept in old if kept is not None} - {digest}
    is_old = mine & (rounds.c.number <= number - KEPT_CHECKPOINTS)
    used = select(rounds.c.checkpoint).where(rounds.c.checkpoint.in_(forgotten), ~is_old)  # by other campaigns, too
    superseded = forgotten - set(connection.execute(used).scalars()) if forgotten else set()
    connection.execute(
        insert(rounds).values(
            campaign_id=campaign,
            number=number,
            record=record_row(order.record, number),
            checkpoint=digest,
            token=order.token,
        )
    )
    checkpoints.drop(connection, superseded)
    if superseded:
        connection.execute(update(rounds).where(mine, rounds.c.checkpoint.in_(superseded)).values(checkpoint=None))


def claim(
    connection: Connection, campaign: int, who: str, rung: int, most: int, lease: float, but_not: Collection[int]
) -> list[Suggestion]:
    """Leases the first free suggestion of the loop, with others that like it were never tried; counts the attempt."""
    row = suggestions.c
    is_open = (row.campaign_id == campaign) & (row.state == "open") & (row.origin == "loop") & (row.rung == rung)
    if but_not:
        is_open &= row.id.not_in(but_not)
    read = select_suggestions(campaign)
    if held := connection.execute(read.where(is_open, row.lease_owner == who)).all():
        return [suggestion(line) for line in held]  # by a claim whose commit was not known to be one
    holders = connection.execute(select(row.lease_owner).where(is_open, row.lease_owner.is_not(None)).distinct())
    gone = [holder for holder in holders.scalars() if owner.is_gone(holder)]
    at = clock.now(connection)
    # a lease from before the clock was set back would hold for as long as that; who is alive renews it in time
    longest = at + max(lease, LEAST_CUT)
    connection.execute(update(suggestions).where(is_open, row.lease_until > longest).values(lease_until=longest))
    free: ColumnElement[bool] = or_(row.lease_owner.is_(None), row.lease_until < at, row.lease_owner.in_(gone))
    order = select(row.id, row.attempts).where(is_open, free).order_by(row.id)
    found = connection.execute(order.limit(most).with_for_update(skip_locked=True)).all()
    untried = [line.id for line in takewhile(lambda line: line.attempts == 0, found)]
    numbers = untried or [line.id for line in found[:1]]
    if not numbers:
        return []
    connection.execute(
        update(suggestions)
        .where(row.id.in_(numbers))
        .values(lease_owner=who, lease_until=at + lease, attempts=row.attempts + 1)
    )
    return [suggestion(line) for line in connection.execute(read.where(row.id.in_(numbers)))]


def renew(connection: Connection, campaign: int, who: str, lease: float) -> None:
    """Extends all leases of an owner."""
    row = suggestions.c
    until = clock.now(connection) + lease
    held = (row.campaign_id == campaign) & (row.state == "open") & (row.lease_owner == who)
    connection.execute(update(suggestions).where(held).values(lease_until=until))


def release(connection: Connection, campaign: int, who: str, numbers: Collection[int], counted: bool) -> None:
    """Ends leases of an owner; an attempt that was none is not counted."""
    row = suggestions.c
    held = (row.campaign_id == campaign) & row.id.in_(numbers) & (row.lease_owner == who)
    connection.execute(
        update(suggestions)
        .where(held)
        .values(lease_owner=None, lease_until=None, attempts=row.attempts - (0 if counted else 1))
    )
