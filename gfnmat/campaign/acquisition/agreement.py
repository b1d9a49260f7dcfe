"""How far a lower rung has been seen to agree with the target.

A surrogate begins with the belief that rungs correlate, and keeps it until measurements at the target say otherwise;
but a selection that follows the belief buys the cheap rung and no such measurements. So a rung is believed no further
than the candidates that were measured at both rungs bear out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_SHARED = 4  # candidates below which nothing can be said


@dataclass(frozen=True)
class Agreement:
    """What candidates measured at a lower rung and at the target say of each lower rung.

    Attributes:
        shared: candidates measured at both, `rungs` integers; those of the target for the target itself.
        trust: what a rung's correlation with the target is multiplied by, `rungs x properties`, between 0 and 1: the
            rank correlation on the shared candidates less one standard error; 1 for the target.
    """

    shared: tuple[int, ...]
    trust: Tensor

    @classmethod
    def of(cls, candidates: list[str], rungs: Tensor, values: Tensor, n_rungs: int) -> Agreement:
        """From everything measured.

        Args:
            candidates: identity of what was measured, `n`; of replicates the mean counts.
            rungs: at which rung, `n`.
            values: `n x properties`; NaN where a measurement does not answer.
            n_rungs: rungs of the ladder.
        """
        answers: list[dict[str, list[Tensor]]] = [{} for _ in range(n_rungs)]
        for name, rung, row in zip(candidates, rungs.tolist(), values, strict=True):
            answers[rung].setdefault(name, []).append(row)
        tables = [{name: torch.stack(rows).nanmean(0) for name, rows in table.items()} for table in answers]
        target = tables[-1]
        shared, trust = [], []
        for table in tables[:-1]:
            both = [name for name in table if name in target]
            shared.append(len(both))
            here, there = (
                torch.stack([rows[name] for name in both]) if both else values[:0] for rows in (table, target)
            )
            trust.append(torch.stack([_trust(here[:, i], there[:, i]) for i in range(values.shape[1])]))
        return cls((*shared, len(target)), torch.stack([*trust, torch.ones_like(values[0])]))


def _trust(here: Tensor, there: Tensor) -> Tensor:
    """Rank correlation less one standard error, after R. A. Fisher's transformation; 0 where there is too little."""
    known = here.isfinite() & there.isfinite()
    n = int(known.sum())
    if n < LEAST_SHARED:
        return here.new_tensor(0.0)
    ranks = torch.stack([_ranks(here[known]), _ranks(there[known])])
    if bool((ranks.std(dim=1) == 0).any()):
        return here.new_tensor(0.0)
    correlation = torch.corrcoef(ranks)[0, 1].abs().clamp(max=0.999)
    return torch.tanh((torch.atanh(correlation) - 1 / math.sqrt(n - 3)).clamp(min=0))


def _ranks(values: Tensor) -> Tensor:
    """Ranks, equal values sharing their mean rank."""
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)
    return below + (equal - 1) / 2
