"""What was reached against what was paid, as step curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.metrics.evaluations import Evaluations
from gfnmat.metrics.hypervolume import hypervolume, non_dominated


@dataclass(frozen=True)
class Curve:
    """A step function of cumulative cost: it keeps its value until the next step.

    Attributes:
        costs: where it steps, `n` float64, ascending.
        values: what it is from there on, `n` float64; NaN where it is not defined yet.
        start: what it is before the first step.
    """

    costs: Tensor
    values: Tensor
    start: float

    def at(self, costs: Tensor) -> Tensor:
        """The values at these costs, of the same shape. A cost within rounding of a step is at the step."""
        known = torch.cat([self.values.new_tensor([self.start]), self.values])
        return known[torch.searchsorted(self.costs, costs.double() * (1 + 1e-9), right=True)]

    @property
    def final(self) -> float:
        """Its last value."""
        return float(self.values[-1]) if len(self.values) else self.start

    def cost_to_reach(self, level: float) -> float:
        """The cost at which it is first at or above a level; infinite if it never is.

        A level within rounding of a value is reached by it.
        """
        if self.start >= level:
            return 0.0
        reached = (self.values >= level - 1e-9 * max(1.0, abs(level))).nonzero()
        return float(self.costs[reached[0, 0]]) if len(reached) else math.inf


def best_so_far(evaluations: Evaluations) -> Curve:
    """The best utility of a single objective; undefined before anything counts."""
    counting = _of_one_objective(evaluations)
    return Curve(counting.running_cost, counting.utilities[:, 0].cummax(0).values, math.nan)


def top_k_mean(evaluations: Evaluations, k: int) -> Curve:
    """The mean utility of the k best found, of a single objective; undefined before k are found."""
    counting = _of_one_objective(evaluations)
    utilities = counting.utilities[:, 0]

    def mean(chosen: Sequence[int]) -> float:
        return float(utilities[list(chosen)].mean()) if len(chosen) == k else math.nan

    return _where_leaders_change(counting, k, mean)


def fraction_of_hits(evaluations: Evaluations, hits: Collection[str]) -> Curve:
    """The share of a given set of names, not empty, that was found."""
    wanted = set(hits)
    if not wanted:
        raise ValueError("hits is empty; name those that are to be found.")
    counting = evaluations.counting()
    found: set[str] = set()
    shares = []
    for name in counting.names:
        found |= wanted & {name}
        shares.append(len(found) / len(wanted))
    return Curve(counting.running_cost, torch.tensor(shares, dtype=torch.double), 0.0)


def hypervolume_found(evaluations: Evaluations, reference: Sequence[float] | Tensor) -> Curve:
    """The hypervolume of what was found above a reference point; see `hypervolume`."""
    counting = evaluations.counting()
    best = counting.utilities[:0]
    values: list[float] = []
    for point in counting.utilities:
        if values and bool((best >= point).all(-1).any()):  # dominated: BoTorch need not be asked again
            values.append(values[-1])
            continue
        best = torch.cat([best, point[None]])
        best = best[non_dominated(best)]
        values.append(hypervolume(best, reference))
    return Curve(counting.running_cost, torch.tensor(values, dtype=torch.double), 0.0)


def diversity(evaluations: Evaluations, k: int, fractions: Tensor) -> Curve:
    """Mean pairwise distance of the best found: the k best, or with several objectives the Pareto set.

    The distance of two materials is half the sum of absolute differences of their element fractions, the share of
    atoms in which they differ: 0 for equal compositions, 1 for those without a common element.

    Args:
        evaluations: n of them.
        k: how many of the best, at least 2.
        fractions: element fractions of each evaluation, `n x elements`.

    Returns:
        The curve; undefined before two are found.
    """
    counting = evaluations.counting()
    rows = fractions[evaluations.counts].double()

    def spread(chosen: Sequence[int]) -> float:
        return float(torch.pdist(rows[list(chosen)], p=1).mean() / 2) if len(chosen) > 1 else math.nan

    return _where_leaders_change(counting, k, spread)


def _of_one_objective(evaluations: Evaluations) -> Evaluations:
    if (n := evaluations.utilities.shape[1]) != 1:
        raise ValueError(f"there are {n} objectives; this is for one. With several, see hypervolume_found.")
    return evaluations.counting()


def _where_leaders_change(counting: Evaluations, k: int, measure: Callable[[Sequence[int]], float]) -> Curve:
    """A measure of the leaders, worked out again only where they change."""
    values, last = [], math.nan
    for chosen in _leaders(counting.utilities, k):
        last = last if chosen is None else measure(chosen)
        values.append(last)
    return Curve(counting.running_cost, torch.tensor(values, dtype=torch.double), math.nan)


def _leaders(utilities: Tensor, k: int) -> Iterator[list[int] | None]:
    """After each row: the rows of the k best so far (with several objectives, of the Pareto set); None: no change."""
    several = utilities.shape[1] > 1
    kept: list[int] = []
    for row in range(len(utilities)):
        contenders = [*kept, row]
        if several:
            among = non_dominated(utilities[contenders])
            chosen = [each for each, leads in zip(contenders, among.tolist(), strict=True) if leads]
        else:
            chosen = sorted(contenders, key=lambda each: -float(utilities[each, 0]))[:k]
        yield None if chosen == kept else chosen
        kept = chosen
