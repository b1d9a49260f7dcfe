"""The cost to reach a level, over seeds, where some runs never reach it.

A run that ended without reaching the level is censored: it would have cost more than was spent, nobody knows how much.
Its cost is infinite here. Medians bear that as long as half of the runs reach the level, and a comparison says what
can be said for certain: a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gfnmat.metrics.bands import interval, median, resampled

Bound = Literal["", ">=", "<="]


@dataclass(frozen=True)
class Costs:
    """What each seed paid to reach a level.

    Attributes:
        reached: the cost, `seeds` float64; infinite where it was not reached.
        spent: what each seed paid altogether, `seeds` float64.
    """

    reached: Tensor
    spent: Tensor

    def __post_init__(self) -> None:
        if self.reached.shape != self.spent.shape or self.reached.ndim != 1 or not len(self.reached):
            raise ValueError(
                f"reached has shape {tuple(self.reached.shape)} and spent {tuple(self.spent.shape)}; give one of "
                "each a seed, and at least one seed."
            )

    @property
    def optimistic(self) -> Tensor:
        """The least that each seed can have cost: a run that did not reach the level, what it spent."""
        return torch.where(self.reached.isinf(), self.spent, self.reached)

    @property
    def share(self) -> float:
        """The share of seeds that reached the level."""
        return float(self.reached.isfinite().double().mean())


@dataclass(frozen=True)
class Estimate:
    """A number with its interval at confidence 0.95, or a bound on it.

    Attributes:
        value: the number; NaN where nothing can be said.
        low, high: ends of the interval; infinite where nothing bounds it.
        bound: `>=` or `<=` where the number itself is only a bound.
    """

    value: float
    low: float
    high: float
    bound: Bound = ""

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "unknown"
        high = f"{self.high:.3g}" if math.isfinite(self.high) else "∞"
        sign = {"": "", ">=": "≥ ", "<=": "≤ "}[self.bound]
        return f"{sign}{self.value:.3g} [{self.low:.3g}, {high}]"


def median_cost(costs: Costs, seed: int = 0) -> Estimate:
    """The median cost to reach the level.

    Where half of the seeds did not reach it, the median of the least that they can have cost, as a bound.
    """
    rows = resampled(len(costs.reached), seed)
    certain = _median(costs.reached)
    low, _ = _interval(costs.optimistic[rows])
    _, high = _interval(costs.reached[rows])
    if math.isinf(certain):
        return Estimate(_median(costs.optimistic), low, high, ">=")
    return Estimate(certain, low, high)


def speedup(method: Costs, baseline: Costs, seed: int = 0) -> Estimate:
    """How many times the method's cost the baseline pays: the ratio of the medians.

    Seeds of the two are resampled independently. The lower end counts censored runs of the baseline at what they spent
    and of the method as infinite, the upper end the other way round, so that the interval holds whatever the
    censored runs would have cost.
    """
    of_method = resampled(len(method.reached), seed)
    of_baseline = resampled(len(baseline.reached), seed + 1)
    low, _ = _interval_of_ratio(baseline.optimistic[of_baseline], method.reached[of_method])
    _, high = _interval_of_ratio(baseline.reached[of_baseline], method.optimistic[of_method])
    usual, costs = _median(baseline.reached), _median(method.reached)
    if math.isinf(usual) and math.isinf(costs):
        return Estimate(math.nan, low, high)
    if math.isinf(usual):
        return Estimate(_median(baseline.optimistic) / costs, low, high, ">=")
    if math.isinf(costs):
        return Estimate(usual / _median(method.optimistic), low, high, "<=")
    return Estimate(usual / costs, low, high)


def _median(values: Tensor) -> float:
    return float(median(values[:, None]))


def _interval(drawn: Tensor) -> tuple[float, float]:
    low, high = interval(median(drawn[..., None]))
    return float(low), float(high)


def _interval_of_ratio(above: Tensor, below: Tensor) -> tuple[float, float]:
    low, high = interval(median(above[..., None]) / median(below[..., None]))
    return float(low), float(high)
