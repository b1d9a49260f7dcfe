"""What a selection starts from: what is known, and what may be picked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from surrogates import Surrogate


@dataclass(frozen=True)
class Situation:
    """What is known of the problem.

    Attributes:
        surrogate: fitted to `problem.properties`.
        goals: objectives and constraints.
        scale: of the utilities measured so far; improvement counts in its units.
        measured: features of the candidates that improvement is measured against, `k x d`, k at least 1.
        pending: features of the candidates whose results are awaited, `p x d`.
        pending_rungs: where they are awaited from, `p` integers.
        agreement: how far the lower rungs have been seen to agree with the target.
    """

    surrogate: Surrogate
    goals: Goals
    scale: Scale
    measured: Tensor
    pending: Tensor
    pending_rungs: Tensor
    agreement: Agreement

    @property
    def n_rungs(self) -> int:
        """Rungs of the ladder."""
        return len(self.goals.problem.fidelities)


@dataclass(frozen=True)
class Offer:
    """What may be picked, and for how much.

    Attributes:
        pool: features of the candidates, `pool x d`.
        open_pairs: which pairs may be picked, `pool x rungs` booleans.
        costs: declared cost of each rung.
        budget: what the picks may cost together.
        reserve: what a pick below the target must leave of the budget; a promise that cannot be confirmed any more
            is of no use.
        log_feasibility: log-probability that the target oracle answers each candidate, `pool`; None if it surely does.
        place: what a place in the batch is worth. Where rounds are limited that is what is left of the budget for each
            evaluation that they still allow: what costs less leaves the rest of it unspent at the end.
        answered: which pairs were measured already, `pool x rungs` booleans; None where none of them is open.
        untried: rungs at which at most one pick measures again, because one tells whether there is noise at all.
    """

    pool: Tensor
    open_pairs: Tensor
    costs: tuple[float, ...]
    budget: float
    reserve: float = 0.0
    log_feasibility: Tensor | None = None
    place: float = 0.0
    answered: Tensor | None = None
    untried: frozenset[int] = frozenset()

    @property
    def repeats(self) -> Tensor:
        """Which pairs would be measured again, `pool x rungs` booleans."""
        return torch.zeros_like(self.open_pairs) if self.answered is None else self.open_pairs & self.answered

    @property
    def prices(self) -> tuple[float, ...]:
        """What picking each rung takes: its cost, or its place in the batch where that is worth more."""
        return tuple(max(cost, self.place) for cost in self.costs)

    def log_answered(self, rows: Tensor) -> Tensor:
        """Log-probability that the target oracle answers these rows of the pool, `n`."""
        if self.log_feasibility is None:
            return torch.zeros(len(rows), dtype=self.pool.dtype, device=self.pool.device)
        return self.log_feasibility.to(self.pool)[rows]
