"""Several measurements of one candidate at one rung: what they say together, and whether another could say more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Replication:
    """How often a candidate may be measured.

    Attributes:
        most: at each rung.
        untried: rungs at which nothing was measured twice, so that nobody can tell noise from what is not understood:
            there one candidate is measured again, which tells.
    """

    most: tuple[int, ...]
    untried: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        most: Sequence[int],
        noise: Tensor,
        candidates: Sequence[str],
        rungs: Tensor,
        values: Tensor,
    ) -> Replication:
        """What the measurements so far make of what a campaign allows.

        A rung is without noise, and measures nothing again, where the surrogate's is negligible, and where candidates
        were measured twice and no two answers differ, whatever a surrogate of few measurements takes for noise.

        Args:
            most: how often the campaign file allows each rung to measure a candidate.
            noise: the surrogate's variance of measurements at each rung, `rungs x properties`.
            candidates: identity of what was measured, `n`.
            rungs: at which rung, `n`.
            values: `n x properties`; NaN where a measurement does not answer.
        """
        allowed = [1] * len(most)
        untried = set()
        for rung in rungs.unique().tolist():
            at = rungs == rung
            here = values[at]
            spread = (here - here.nanmean(0)).square().nanmean(0)
            matters = (spread > 0) & (noise[rung].to(spread) > NEGLIGIBLE**2 * spread)
            differ = _replicates_differ([candidates[row] for row in at.nonzero()[:, 0]], here)
            if bool(matters.any()) and differ is not False:
                allowed[rung] = most[rung]
            if differ is None:
                untried.add(rung)
        return cls(tuple(allowed), frozenset(untried))


def _replicates_differ(candidates: Sequence[str], values: Tensor) -> bool | None:
    """Whether any two measurements of one candidate differ; None where there are no two."""
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
    return False if compared else None
