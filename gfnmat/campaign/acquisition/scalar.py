"""What the acquisitions of one objective share: values of the objective, the higher the better, at pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.confirmation import expected_excess
from gfnmat.campaign.acquisition.information import rung_noise
from gfnmat.campaign.acquisition.joint import Joint
from gfnmat.campaign.acquisition.situation import Offer, Situation
from surrogates import Prediction

LEADERS = 256  # candidates among which the best of all is looked for
LIKELY = 0.5  # probability of meeting the constraints from which a candidate counts as allowed


@dataclass(frozen=True)
class Clip:
    """What a floor makes of normal values to maximise: none is below it; minimised, none is above its negative.

    Attributes:
        bound: where values are clipped; infinite where they are not.
        is_ceiling: whether from above.
    """

    bound: float
    is_ceiling: bool

    @property
    def highest(self) -> float:
        """The value that none exceeds."""
        return self.bound if self.is_ceiling else math.inf

    def __call__(self, values: Tensor) -> Tensor:
        """Values as they count, elementwise."""
        return values.clamp(max=self.bound) if self.is_ceiling else values.clamp(min=self.bound)

    def expected(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Mean of clipped normal values of these means and deviations, elementwise."""
        if math.isinf(self.bound):
            return mean
        side = -1.0 if self.is_ceiling else 1.0
        sd = sd.clamp(min=1e-9)
        return self.bound + side * sd * expected_excess(side * (mean - self.bound) / sd)

    def expected_improvement(self, best: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
        """Mean of what clipped normal values exceed the best by, elementwise; the best is a clipped value."""
        above = sd * expected_excess((mean - best) / sd)
        if math.isinf(self.highest):
            return above
        return above - sd * expected_excess((mean - self.highest) / sd)


@dataclass(frozen=True)
class ScalarView:
    """One objective to minimize or maximize, as values to maximise.

    Attributes:
        situation: what is known.
        offer: what may be picked.
    """

    situation: Situation
    offer: Offer

    @cached_property
    def sign(self) -> float:
        """-1 where the objective is to be minimized."""
        return 1.0 if self.situation.goals.problem.objectives[0].goal == "maximize" else -1.0

    @cached_property
    def column(self) -> int:
        """Of the objective's property among all."""
        return self.situation.goals.problem.properties.index(self.situation.goals.problem.objectives[0].property)

    @cached_property
    def clip(self) -> Clip:
        """What the objective's floor, where it has one, makes of values to maximise."""
        objective = self.situation.goals.problem.objectives[0]
        return Clip(self.sign * self.situation.goals.floor(objective.property), is_ceiling=self.sign < 0)

    @cached_property
    def noise(self) -> Tensor:
        """Variance of the measurements at each rung, `rungs`."""
        return rung_noise(self.situation.surrogate, self.offer.pool[:1], self.situation.n_rungs)[:, self.column]

    @cached_property
    def _prediction(self) -> Prediction:
        return self.situation.surrogate.predict(self.offer.pool)

    @cached_property
    def mean(self) -> Tensor:
        """Of the values at the target, `pool`, before they are clipped."""
        return self.sign * self._prediction.mean[:, self.column]

    @cached_property
    def sd(self) -> Tensor:
        """Of the noise-free values at the target, `pool`."""
        return (self._prediction.sd[:, self.column].square() - self.noise[-1]).clamp(min=1e-18).sqrt()

    @cached_property
    def log_allowed(self) -> Tensor:
        """Log-probability that a candidate meets the constraints and is answered at all, `pool`."""
        meeting = self.situation.goals.log_probability_of_meeting(self._prediction.mean, self._prediction.sd)
        return meeting + self.offer.log_answered(torch.arange(len(meeting), device=meeting.device))

    @cached_property
    def leaders(self) -> Tensor:
        """Rows of the candidates that may be the best of all, at most `LEADERS`."""
        optimistic = self.mean + 2 * self.sd
        allowed = self.log_allowed.exp() >= LIKELY
        if bool(allowed.any()):
            optimistic = torch.where(allowed, optimistic, -torch.inf)
        return optimistic.topk(min(LEADERS, int(optimistic.isfinite().sum()))).indices

    def pairs(self, rows: Tensor, taken: Sequence[tuple[int, int]]) -> PairsAndLeaders:
        """The joint distribution of all pairs of these rows and of the leaders at the target.

        Args:
            rows: of the pool, `n`.
            taken: (row, rung) of what is about to be measured, beside what is pending.
        """
        situation, pool, n_rungs = self.situation, self.offer.pool, self.situation.n_rungs
        device = pool.device
        every_rung = torch.arange(n_rungs, device=device)
        taken_rows, taken_rungs = (
            torch.tensor([pair[part] for pair in taken], dtype=torch.long, device=device) for part in (0, 1)
        )
        leaders = self.leaders
        features = [pool[rows.repeat_interleave(n_rungs)], pool[leaders], situation.pending, pool[taken_rows]]
        rungs = [
            every_rung.repeat(len(rows)),
            torch.full_like(leaders, n_rungs - 1),
            situation.pending_rungs.to(device),
            taken_rungs,
        ]
        joint = Joint.of(situation.surrogate, self.column, torch.cat(features), torch.cat(rungs))
        joint = Joint(self.sign * joint.mean, joint.covariance)
        awaited = torch.arange(len(features[0]) + len(leaders), len(joint.mean), device=device)
        moved = joint.moved_by(awaited, self.noise[torch.cat(rungs[2:])])
        after = joint.after(moved)
        n_pairs = len(features[0])
        best = slice(n_pairs, n_pairs + len(leaders))
        return PairsAndLeaders(
            before=joint.covariance.diagonal()[:n_pairs].reshape(-1, n_rungs) + self.noise,
            after=after.covariance.diagonal()[:n_pairs].reshape(-1, n_rungs) + self.noise,
            leaders=joint.mean[best],
            leaders_moved=moved[:, best],
            leaders_after=after.covariance.diagonal()[best],
            reach=after.covariance[:n_pairs, best].reshape(-1, n_rungs, len(leaders)),
            leaders_covariance=joint.covariance[best, best],
        )


@dataclass(frozen=True)
class PairsAndLeaders:
    """What measurements of pairs are, and what they say of the leaders at the target.

    Attributes:
        before, after: variances of the measurements, `n x rungs`, before and after what is awaited has come.
        leaders: means of the leaders, `k`.
        leaders_moved: what comes of what is awaited moves these means by, `p x k`, times `p` standard normal draws.
        leaders_after: variances of the leaders after what is awaited has come, `k`.
        reach: covariance of each pair with each leader after what is awaited has come, `n x rungs x k`.
        leaders_covariance: `k x k`, before it has.
    """

    before: Tensor
    after: Tensor
    leaders: Tensor
    leaders_moved: Tensor
    leaders_after: Tensor
    reach: Tensor
    leaders_covariance: Tensor
