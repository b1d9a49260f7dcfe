"""Statistics over seeds with bootstrap intervals (percentile bootstrap: Efron, Ann. Stat. 7, 1 (1979))."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Band:
    """A statistic with its interval, `points` each; NaN where it is undefined in any seed.

    Attributes:
        centre: the statistic of all seeds.
        low, high: the ends of the interval, at confidence `LEVEL`.
    """

    centre: Tensor
    low: Tensor
    high: Tensor


def mean(values: Tensor) -> Tensor:
    """Over the seeds, the second last dimension."""
    return values.mean(-2)


def median(values: Tensor) -> Tensor:
    """Over the seeds, the second last dimension; of an even number the mean of the middle two. Infinities are fine."""
    ordered, n = values.sort(-2).values, values.shape[-2]
    return (ordered[..., (n - 1) // 2, :] + ordered[..., n // 2, :]) / 2


def resampled(n: int, seed: int = 0) -> Tensor:
    """Seeds drawn with replacement, `resamples x n` rows; the same for the same arguments."""
    return torch.randint(n, (RESAMPLES, n), generator=torch.Generator().manual_seed(seed))


def bootstrap(values: Tensor, statistic: Callable[[Tensor], Tensor] = mean, seed: int = 0) -> Band:
    """A statistic over seeds and its interval.

    Args:
        values: `seeds x points`, at least one seed.
        statistic: takes `... x seeds x points` to `... x points`.
        seed: of the resampling.
    """
    low, high = interval(statistic(values[resampled(len(values), seed)]))
    return Band(statistic(values), low, high)


def interval(drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The ends of the central interval of `resamples x points`, at order statistics so that infinities are fine."""
    ordered = drawn.sort(0).values
    tail = (1 - LEVEL) / 2
    low, high = (ordered[round(share * (len(drawn) - 1))] for share in (tail, 1 - tail))
    undefined = drawn.isnan().any(0)
    return low.masked_fill(undefined, torch.nan), high.masked_fill(undefined, torch.nan)
