"""Where a campaign stands, for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracles import PROPERTIES

if TYPE_CHECKING:
    from gfnmat.campaign.history import History
    from gfnmat.campaign.records import Measurement
    from gfnmat.config import CampaignConfig


@dataclass(frozen=True)
class Progress:
    """Where a running campaign stands.

    Attributes:
        round, rounds: the present round from 0, and the most there may be.
        phase: `learn`, `propose`, `select`, `evaluate`, or `drain`: what is running is waited for, and nothing begun.
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
        spent, budget: cost; what is reserved for awaited results is in `spent` too.
        reserved: the part of `spent` that is for awaited results.
        outstanding: suggestions whose results are awaited.
        counts: by fidelity, how many measurements have each status.
        finished: whether the loop has nothing left to do.
        store: its URL.
        best: properties of the best feasible measurement by the first objective; None while there is none.
        others: names of the other campaigns in the store.
    """

    name: str
    rounds_done: int
    rounds: int | None
    spent: float
    reserved: float
    budget: float
    outstanding: int
    counts: dict[str, dict[str, int]]
    finished: bool
    store: str
    best: dict[str, float] | None
    others: tuple[str, ...] = ()


def progress_of(config: CampaignConfig, history: History, round_number: int, phase: str) -> Progress:
    """Where a campaign stands in a round."""
    waiting = {suggestion.id for suggestion in history.outstanding}
    of_round = [s for s in history.suggestions if s.round == round_number and not s.asked]
    return Progress(
        round=round_number,
        rounds=config.budget.rounds,
        phase=phase,
        spent=history.spent,
        budget=config.budget.cost,
        evaluations=len(history.measurements),
        planned=len(of_round),
        done=sum(s.id not in waiting for s in of_round),
        best=_best_in_words(leader(history), config),
    )


def leader(history: History) -> Measurement | None:
    """The best feasible measurement by the first objective."""
    best = history.best()
    return best[int(history.goals.utilities(history.values(best))[:, 0].argmax())] if best else None


def _best_in_words(best: Measurement | None, config: CampaignConfig) -> str:
    if best is None:
        return "none yet"
    parts = []
    for objective in config.objectives:
        unit = PROPERTIES[objective.property].unit if objective.property in PROPERTIES else ""
        parts.append(f"{objective.property} {best.answer.values[objective.property]:.3g} {unit}".strip())
    return f"{', '.join(parts)} ({best.suggestion.choice.material})"
