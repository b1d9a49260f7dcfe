"""Which candidates an oracle will be able to answer: learned from its failures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.campaign.features import features_of
from gfnmat.campaign.history import History
from gfnmat.space.candidates import Candidates
from surrogates import OutcomeGP

LEAST = 0.02  # probability that is granted to every candidate
NEEDED = 4  # failures and successes before anything is concluded


@dataclass(frozen=True)
class Feasibility:
    """The probability that the target oracle answers.

    Attributes:
        outcomes: learned from what failed and what did not, at all rungs; None while there is too little to learn from.
    """

    outcomes: OutcomeGP | None

    @classmethod
    def learned(cls, history: History, reference: Tensor) -> Feasibility:
        """What the failures so far teach.

        Args:
            history: everything known; what a machine could not answer or a person withdrew says nothing.
            reference: features of random candidates of the space.
        """
        judged = [m for m in history.measurements if m.answer.status in ("done", "infeasible")]
        succeeded = torch.tensor([m.answer.status == "done" for m in judged], dtype=torch.bool)
        if min(int(succeeded.sum()), int((~succeeded).sum())) < NEEDED:
            return cls(None)
        outcomes = OutcomeGP(len(history.goals.problem.fidelities), reference=reference)
        outcomes.fit(
            features_of(Candidates.of_keys([m.suggestion.choice.key for m in judged])),
            torch.tensor([m.suggestion.choice.rung for m in judged]),
            succeeded,
        )
        return cls(outcomes)

    def log_probability(self, features: Tensor) -> Tensor:
        """Log-probability that the target oracle answers candidates with these features, `n`."""
        if self.outcomes is None:
            return torch.zeros(len(features), dtype=features.dtype, device=features.device)
        return self.outcomes.probability(features).clamp(LEAST, 1.0).log()
