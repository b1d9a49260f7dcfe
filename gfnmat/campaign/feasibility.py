"""Which candidates an oracle will be able to answer: learned from its failures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import surrogates
from gfnmat.campaign.features import features_of
from gfnmat.campaign.history import History
from gfnmat.space.candidates import Candidates
from surrogates import Surrogate

LEAST = 0.02  # probability that is granted to every candidate
NEEDED = 4  # failures and successes before anything is concluded


@dataclass(frozen=True)
class Feasibility:
    """The probability that the target oracle answers: a Gaussian process on what failed (0) and what did not (1).

    Attributes:
        surrogate: fitted to these numbers at all rungs; None while there is too little to learn from.
    """

    surrogate: Surrogate | None

    @classmethod
    def learned(cls, history: History, reference: Tensor) -> Feasibility:
        """What the failures so far teach.

        Args:
            history: everything known; what a machine could not answer or a person withdrew says nothing.
            reference: features of random candidates of the space.
        """
        judged = [m for m in history.measurements if m.answer.status in ("done", "infeasible")]
        succeeded = torch.tensor([m.answer.status == "done" for m in judged], dtype=torch.float64)
        if min(float(succeeded.sum()), float((1 - succeeded).sum())) < NEEDED:
            return cls(None)
        surrogate = surrogates.build(
            "multi_fidelity_gp",
            n_fidelities=len(history.goals.problem.fidelities),
            n_properties=1,
            reference=reference,
        )
        surrogate.fit(
            features_of(Candidates.of_keys([m.suggestion.choice.key for m in judged])),
            torch.tensor([m.suggestion.choice.rung for m in judged]),
            succeeded[:, None],
        )
        return cls(surrogate)

    def log_probability(self, features: Tensor) -> Tensor:
        """Log-probability that the target oracle answers candidates with these features, `n`."""
        if self.surrogate is None:
            return torch.zeros(len(features), dtype=features.dtype, device=features.device)
        return self.surrogate.predict(features).mean[:, 0].nan_to_num(1.0).clamp(LEAST, 1.0).log()
