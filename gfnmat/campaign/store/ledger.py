"""The budget's ledger: every issue reserves, every answer settles, in the transaction in which it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from gfnmat.campaign.store.schema import ledger

FREE = ("withdrawn", "retryable")
"""Statuses of what costs nothing: it was not done, or no machine could."""

_ENTER = insert(ledger)


@dataclass(frozen=True)
class Balance:
    """Where the budget stands, in its unit.

    Attributes:
        reserved: of what was issued and is not told.
        spent: of what was told.
    """

    reserved: float
    spent: float

    @property
    def committed(self) -> float:
        """What is no longer there to be issued."""
        return self.reserved + self.spent


class RunningBalance:
    """The sum of a campaign's ledger, of which only the lines that are new since the last time are read.

    Lines are never changed, and their numbers ascend in the order of the commits, since writers of them exclude each
    other. Ask for it before a transaction writes: what is rolled back must not be counted.
    """

    def __init__(self) -> None:
        self._upto = (0, 0, 0.0, 0.0)  # campaign, number of the last line, reserved, spent

    def read(self, connection: Connection, campaign: int) -> Balance:
        """The balance as this transaction sees it."""
        known, last, reserved, spent = self._upto
        if known != campaign:
            last, reserved, spent = 0, 0.0, 0.0
        row = ledger.c
        new = select(func.max(row.id), func.sum(row.reserved), func.sum(row.spent))
        number, more_reserved, more_spent = connection.execute(
            new.where(row.campaign_id == campaign, row.id > last)
        ).one()
        if number is not None:
            last, reserved, spent = number, reserved + more_reserved, spent + more_spent
        self._upto = (campaign, last, reserved, spent)
        return Balance(reserved, spent)


def settled(before: str, after: str, cost: float) -> tuple[float, float]:
    """By how much reserved and spent change where a suggestion's state does: `open`, or a status."""

    def place(state: str) -> tuple[float, float]:
        if state == "open":
            return cost, 0.0
        return (0.0, 0.0) if state in FREE else (0.0, cost)

    (reserved, spent), (reserved_after, spent_after) = place(before), place(after)
    return reserved_after - reserved, spent_after - spent


def reserve(connection: Connection, campaign: int, costs: Mapping[int, float]) -> None:
    """Writes one line a suggestion that was issued, unless it costs nothing."""
    common = {"campaign_id": campaign, "entry": "reserved", "spent": 0.0}
    if lines := [{**common, "suggestion_id": number, "reserved": cost} for number, cost in costs.items() if cost]:
        connection.execute(_ENTER, lines)


def enter(connection: Connection, campaign: int, suggestion: int, entry: str, reserved: float, spent: float) -> None:
    """Writes one line, unless it changes nothing."""
    if reserved or spent:
        line = {"campaign_id": campaign, "suggestion_id": suggestion, "entry": entry}
        connection.execute(_ENTER, {**line, "reserved": reserved, "spent": spent})
