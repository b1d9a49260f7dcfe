"""Where a campaign stands, for a person."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a running campaign stands.

    Attributes:
        round, rounds: the present round from 0, and the most there may be.
        phase: `learn`, `propose`, `select` or `evaluate`.
        spent, budget: cost.
        evaluations: answers so far, over all rounds.
        planned, done: evaluations of this round.
        best: the best so far, for a person.
    """

    round: int
    rounds: int | None
    phase: str
    spent: float
    budget: float
    evaluations: int
    planned: int
    done: int
    best: str


@dataclass(frozen=True)
class Status:
    """Where a campaign stands.

    Attributes:
        rounds_done, rounds: rounds planned so far, and the most there may be.
        spent, budget: cost.
        outstanding: suggestions whose results are awaited.
        counts: by fidelity, how many measurements have each status.
        finished: whether the loop has nothing left to do.
        store: its URL.
        best: properties of the best feasible measurement by the first objective; None while there is none.
    """

    name: str
    rounds_done: int
    rounds: int | None
    spent: float
    budget: float
    outstanding: int
    counts: dict[str, dict[str, int]]
    finished: bool
    store: str
    best: dict[str, float] | None
