"""The reward that the sampler is trained on: what the surrogate promises, scalarised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.goals import Goals
from gfnmat.space.candidates import Candidates
from surrogates import Surrogate

OPTIMISM = 1.0  # standard deviations added to a prediction: what is uncertain may be better than it seems
N_PREFERENCES = 8
LEAST_LOG_PROBABILITY = -6.0  # a constraint that surely fails is no worse than this, so that log R stays bounded
REFUSED = -6.0  # added where the target oracle cannot answer at all


@dataclass(frozen=True)
class Scale:
    """The range of the utilities measured so far: 0 is the median, 1 the best of each objective.

    Not the worst: a single bad crystal would make all others alike.

    Attributes:
        low, high: `objectives`.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, utilities: Tensor) -> Scale:
        """The range of `n x objectives` utilities, n at least 1; an objective without spread gets width 1."""
        low, high = utilities.quantile(0.5, dim=0), utilities.amax(0)
        flat = (high - low) < 1e-9
        return cls(low, torch.where(flat, low + 1.0, high))

    def normalised(self, utilities: Tensor) -> Tensor:
        """Utilities on the scale from 0 to 1; better than the best is above 1."""
        return (utilities - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class SurrogateReward:
    """Log reward of candidates by what the surrogate predicts at the target fidelity.

    Each objective's optimistic prediction (up to `OPTIMISM` standard deviations nearer to its goal) is put on the
    scale of what was measured; the weighted Chebyshev distance to the ideal point scalarises the objectives
    (Knowles, IEEE Trans. Evol. Comput. 10, 50, 2006), and the best over this round's preferences counts, so that
    one sampler covers the front. The probabilities that the constraints are met, and that the oracle answers at all,
    multiply the reward.

    Attributes:
        surrogate: predicts `problem.properties`.
        features: maps candidates to the surrogate's features.
        goals: the problem's objectives and constraints.
        scale: of the utilities measured so far.
        preferences: `preferences x objectives` weights, each row summing to 1.
        sharpness: what the scalarised unit range adds to the log reward.
        screen: says which candidates the target oracle can answer at all, `n` booleans.
        feasibility: how likely it is to answer the others.
    """

    surrogate: Surrogate
    features: Callable[[Candidates], Tensor]
    goals: Goals
    scale: Scale
    preferences: Tensor
    sharpness: float
    screen: Callable[[Candidates], Tensor]
    feasibility: Feasibility

    def __call__(self, candidates: Candidates) -> Tensor:
        """Log reward, `n`."""
        features = self.features(candidates)
        prediction = self.surrogate.predict(features)
        mean, sd = prediction.mean, prediction.sd
        score = self._scalarised(self.scale.normalised(self.goals.optimistic(mean, OPTIMISM * sd)))
        feasible = self.goals.log_probability_of_meeting(mean, sd).clamp(min=LEAST_LOG_PROBABILITY)
        refused = (~self.screen(candidates)).to(score) * REFUSED
        answered = self.feasibility.log_probability(features)
        return self.sharpness * score + feasible + answered + refused

    def _scalarised(self, normalised: Tensor) -> Tensor:
        n_objectives = normalised.shape[-1]
        missed = (1 - normalised)[:, None, :] * self.preferences[None] * n_objectives
        return (1 - missed.amax(-1)).amax(-1).clamp(-0.5, 1.5)


def draw_preferences(n_objectives: int, seed: int) -> Tensor:
    """Random weights, `preferences x objectives`, uniform over the simplex; all 1 for one objective."""
    generator = torch.Generator().manual_seed(seed)
    exponential = torch.empty(N_PREFERENCES, n_objectives, dtype=torch.float64).exponential_(generator=generator)
    return exponential / exponential.sum(-1, keepdim=True)
