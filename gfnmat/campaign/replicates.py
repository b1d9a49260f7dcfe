"""Several measurements of one candidate at one rung: what they say together, and whether another could say more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gfnmat.campaign.records import Choice, Measurement

NEGLIGIBLE = 0.01  # of the deviation of a rung's values: less noise than this is none


def pooled(measurements: Sequence[Measurement]) -> list[Measurement]:
    """One measurement a candidate and rung, in the order of the first ones.

    Each value is the mean of those that answer its property. The best of several noisy answers would be the luckiest
    one, and the better the more often a candidate was measured.
    """
    groups: dict[tuple[str, int], list[Measurement]] = {}
    for measurement in measurements:
        choice = measurement.suggestion.choice
        groups.setdefault((choice.key, choice.rung), []).append(measurement)
    return [group[0] if len(group) == 1 else _mean(group) for group in groups.values()]


def _mean(group: Sequence[Measurement]) -> Measurement:
    told: dict[str, list[float]] = {}
    for measurement in group:
        for name, value in measurement.answer.values.items():
            told.setdefault(name, []).append(value)
    means = {name: sum(values) / len(values) for name, values in told.items()}
    return replace(group[0], answer=replace(group[0].answer, values=means, errors={}))


def next_replicate(issued: Sequence[Choice]) -> int:
    """The least number that no measurement of a pair has, of those that were issued and not withdrawn."""
    taken = {choice.replicate for choice in issued}
    return min(set(range(len(taken) + 1)) - taken)


def noisy_rungs(noise: Tensor, candidates: Sequence[str], rungs: Tensor, values: Tensor) -> Tensor:
    """Where two measurements of one candidate differ by more than a little, `rungs` booleans.

    A surrogate's noise says so; with few measurements it cannot tell noise from what it does not understand. So where
    candidates were measured twice, and no two measurements of one differ, there is no noise, whatever it says.

    Args:
        noise: the surrogate's variance of measurements at each rung, `rungs x properties`.
        candidates: identity of what was measured, `n`.
        rungs: at which rung, `n`.
        values: `n x properties`; NaN where a measurement does not answer.
    """
    noisy = torch.zeros(len(noise), dtype=torch.bool)
    for rung in rungs.unique().tolist():
        at = rungs == rung
        here = values[at]
        deviations = here - here.nanmean(0)
        spread = deviations.square().nanmean(0)
        matters = (spread > 0) & (noise[rung].to(spread) > NEGLIGIBLE**2 * spread)  # never where nothing was answered
        noisy[rung] = bool(matters.any()) and _may_differ([candidates[row] for row in at.nonzero()[:, 0]], here)
    return noisy


def _may_differ(candidates: Sequence[str], values: Tensor) -> bool:
    """Whether any two measurements of one candidate differ; also where no candidate has two."""
    first: dict[str, Tensor] = {}
    compared = False
    for name, row in zip(candidates, values, strict=True):
        if name not in first:
            first[name] = row
            continue
        both = first[name].isfinite() & row.isfinite()
        if bool((first[name] != row)[both].any()):
            return True
        compared |= bool(both.any())
    return not compared
