"""The reward that the sampler is trained on: what the surrogate promises, on a scale that keeps its meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Score
from gfnmat.space.candidates import Candidates
from surrogates import Surrogate

LEAST_LOG_PROBABILITY = -6.0  # a constraint that surely fails is no worse than this, so that log R stays bounded
REFUSED = -6.0  # added where the target oracle cannot answer at all
LEAST, MOST = -0.5, 1.5  # of a score, in spans


@dataclass(frozen=True)
class Span:
    """The range of a score: a sampler of any round prefers what is at `high` to what is at `low` by the sharpness.

    Attributes:
        low, high: scores; high is above low.
    """

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, scores: Tensor) -> Span:
        """From the median to the best of `n` scores, n at least 1; width 1 where they do not differ."""
        low, high = float(scores.median()), float(scores.max())
        return cls(low, high if high - low > 1e-9 else low + 1.0)

    def normalised(self, scores: Tensor) -> Tensor:
        """Scores with the span as their unit, from `LEAST` to `MOST`."""
        return ((scores - self.low) / (self.high - self.low)).clamp(LEAST, MOST)


@dataclass(frozen=True)
class SurrogateReward:
    """Log reward of candidates by what the surrogate predicts at the target fidelity.

    The score of the prediction in units of its span, times the sharpness. The probabilities that the constraints are
    met, and that the oracle answers at all, multiply the reward.

    Attributes:
        surrogate: predicts `problem.properties`.
        features: maps candidates to the surrogate's features.
        goals: the problem's objectives and constraints.
        score: what a prediction is worth.
        span: the range of the score.
        sharpness: what the span adds to the log reward.
        screen: says which candidates the target oracle can answer at all, `n` booleans.
        feasibility: how likely it is to answer the others.
    """

    surrogate: Surrogate
    features: Callable[[Candidates], Tensor]
    goals: Goals
    score: Score
    span: Span
    sharpness: float
    screen: Callable[[Candidates], Tensor]
    feasibility: Feasibility

    def __call__(self, candidates: Candidates) -> Tensor:
        """Log reward, `n`."""
        features = self.features(candidates)
        prediction = self.surrogate.predict(features)
        mean, sd = prediction.mean, prediction.sd
        score = self.span.normalised(self.score(mean, sd))
        feasible = self.goals.log_probability_of_meeting(mean, sd).clamp(min=LEAST_LOG_PROBABILITY)
        refused = (~self.screen(candidates)).to(score) * REFUSED
        answered = self.feasibility.log_probability(features)
        return self.sharpness * score + feasible + answered + refused
