"""What a prediction is worth: one number a candidate, from the means and deviations of its properties."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals

ScoreKind = Literal["upper_confidence_bound", "expected_improvement"]

N_PREFERENCES = 8
N_SAMPLES = 32  # of the properties of a candidate, for expectations
SMOOTH = 0.02  # in units of the scale: below this an improvement fades out, and never is nothing
REFERENCE = -0.1  # of the hypervolume: a tenth of the measured range below the worst of each objective


@dataclass(frozen=True)
class Scale:
    """The range of the utilities measured so far: 1 is the best of each objective, 0 the median or the front's end.

    The lower of these two, so that both ends of a front are on the scale, and what extends them counts. Not the worst:
    a single bad crystal would make all others alike.

    Attributes:
        low, high: `objectives`.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, utilities: Tensor) -> Scale:
        """The range of `n x objectives` utilities, n at least 1; an objective without spread gets width 1."""
        from botorch.utils.multi_objective.pareto import is_non_dominated

        front = utilities[is_non_dominated(utilities)]
        low, high = torch.minimum(utilities.quantile(0.5, dim=0), front.amin(0)), utilities.amax(0)
        flat = (high - low) < 1e-9
        return cls(low, torch.where(flat, low + 1.0, high))

    def normalised(self, utilities: Tensor) -> Tensor:
        """Utilities on the scale from 0 to 1; better than the best is above 1."""
        return (utilities - self.low) / (self.high - self.low)


class Score(Protocol):
    """Says what candidates are worth by what is predicted of them.

    Attributes:
        is_scaled: whether 0 is the median and 1 the best of what was measured; else the range is to be found.
    """

    is_scaled: ClassVar[bool]

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Of means and deviations `n x properties`, `n`."""


@dataclass(frozen=True)
class OptimisticScore:
    """The upper confidence bound, for several objectives scalarised.

    Each objective's optimistic prediction (up to `optimism` standard deviations nearer to its goal) is put on the
    scale of what was measured; the weighted Chebyshev distance to the ideal point scalarises the objectives
    (Knowles, IEEE Trans. Evol. Comput. 10, 50, 2006), and the best over the preferences counts, so that one sampler
    covers the front.

    Attributes:
        goals: the problem's objectives.
        scale: of the utilities measured so far.
        preferences: `preferences x objectives` weights, each row summing to 1.
        optimism: standard deviations added to a prediction; what is uncertain may be better than it seems.
    """

    is_scaled: ClassVar[bool] = True

    goals: Goals
    scale: Scale
    preferences: Tensor
    optimism: float

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Of means and deviations `n x properties`, `n`."""
        normalised = self.scale.normalised(self.goals.optimistic(mean, self.optimism * sd))
        preferences = self.preferences.to(normalised)
        missed = (1 - normalised)[:, None, :] * preferences[None] * normalised.shape[-1]
        return (1 - missed.amax(-1)).amax(-1)


@dataclass(frozen=True)
class ImprovementScore:
    """The log of the expected improvement on what was measured; for several objectives, of the hypervolume.

    The expectation is over quasi-random draws of independent normal properties. Improvements are smoothed with a fat
    tail, so that the log of one that is out of reach still tells far from near (Ament et al., arXiv:2310.20708).

    Attributes:
        goals: the problem's objectives.
        scale: of the utilities measured so far.
        front: utilities of the feasible measurements, `k x objectives`; k may be 0.
        seed: fixes the draws.
    """

    is_scaled: ClassVar[bool] = False

    goals: Goals
    scale: Scale
    front: Tensor
    seed: int

    @cached_property
    def _cells(self) -> tuple[Tensor, Tensor]:
        """Lower and upper corners of the boxes that no measurement dominates, `cells x objectives`, normalised."""
        return cells_above(self.scale.normalised(self.front))

    @cached_property
    def _normal(self) -> Tensor:
        """Standard normal draws, `N_SAMPLES x properties`."""
        from botorch.utils.sampling import draw_sobol_normal_samples

        n_properties = len(self.goals.problem.properties)
        return draw_sobol_normal_samples(n_properties, N_SAMPLES, dtype=torch.float64, seed=self.seed)

    def __call__(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Of means and deviations `n x properties`, `n`."""
        from botorch.utils.safe_math import fatplus

        drawn = mean + sd * self._normal.to(mean)[:, None]
        utilities = self.scale.normalised(self.goals.utilities(drawn))[:, :, None]
        lower, upper = (corner.to(mean) for corner in self._cells)
        gained = fatplus(torch.minimum(utilities, upper) - lower, tau=SMOOTH).prod(-1).sum(-1)
        return gained.mean(0).log()


def cells_above(known: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corners of the boxes above the reference that none of `k x objectives` dominates.

    Each `cells x objectives`, in normalised utilities; k may be 0.
    """
    from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning

    n_objectives = known.shape[1]
    if n_objectives == 1:
        lower = known.amax(0, keepdim=True) if len(known) else known.new_full((1, 1), REFERENCE)
        return lower, torch.full_like(lower, torch.inf)
    reference = known.new_full((n_objectives,), REFERENCE)
    lower, upper = FastNondominatedPartitioning(ref_point=reference, Y=known).hypercell_bounds
    return lower, upper


def draw_preferences(n_objectives: int, seed: int) -> Tensor:
    """Random weights, `preferences x objectives`, uniform over the simplex; all 1 for one objective."""
    generator = torch.Generator().manual_seed(seed)
    exponential = torch.empty(N_PREFERENCES, n_objectives, dtype=torch.float64).exponential_(generator=generator)
    return exponential / exponential.sum(-1, keepdim=True)


def build_score(kind: ScoreKind, goals: Goals, scale: Scale, front: Tensor, seed: int, optimism: float) -> Score:
    """The score of a kind.

    Args:
        kind: which.
        goals: objectives and constraints.
        scale: of the utilities measured so far.
        front: utilities of the feasible measurements, `k x objectives`.
        seed: draws the preferences, or fixes the expectations.
        optimism: standard deviations added to a prediction; an expectation takes none.
    """
    if kind == "upper_confidence_bound":
        return OptimisticScore(goals, scale, draw_preferences(len(goals.problem.objectives), seed), optimism)
    return ImprovementScore(goals, scale, front, seed)
