"""One measure for all campaigns of a report: what a set of materials is worth, and at what cost it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.problem import Problem
from gfnmat.report.labels import words

MARGIN = 0.1
"""How far the reference point lies beyond the worst member of any front, as a share of the fronts' extent."""


@dataclass(frozen=True)
class Yardstick:
    """The worth of a set of materials, a number that is the higher the better.

    With one objective it is the best utility; with several the hypervolume, as a share of the box between
    `reference` and `ideal`, so that 0 is nothing and 1 could not be surpassed by what is known.

    Attributes:
        problem: objectives, whose utilities are compared.
        reference, ideal: worst and best corner of the box, one utility an objective (see `Goals.utilities`).
    """

    problem: Problem
    reference: tuple[float, ...]
    ideal: tuple[float, ...]

    @classmethod
    def over(cls, problem: Problem, sets: Sequence[Tensor]) -> Yardstick:
        """The one that is fair to all sets of utilities (`n x objectives` each).

        The ideal point has the best of each objective; the reference point lies `MARGIN` beyond the worst that
        any member of any set's own Pareto front has.
        """
        goals = Goals(problem)
        fronts = [points[goals.non_dominated(points)] for points in sets if len(points)]
        if not fronts:
            return cls(problem, (0.0,) * len(problem.objectives), (1.0,) * len(problem.objectives))
        front, everything = torch.cat(fronts), torch.cat([points for points in sets if len(points)])
        ideal = front.amax(0)
        extent = ideal - front.amin(0)
        # a front of one point has no extent: all that was measured stands in for it
        extent = torch.where(extent > 0, extent, ideal - everything.amin(0))
        extent = torch.where(extent > 0, extent, torch.ones_like(extent))
        reference = front.amin(0) - MARGIN * extent
        return cls(problem, tuple(reference.tolist()), tuple(ideal.tolist()))

    @property
    def several(self) -> bool:
        """Whether the measure is a hypervolume."""
        return len(self.problem.objectives) > 1

    @property
    def name(self) -> str:
        """What the measure is called."""
        if self.several:
            return "hypervolume"
        objective = self.problem.objectives[0]
        if objective.goal == "target":
            return f"distance of {words(objective.property)} from its window"
        return f"best {words(objective.property)}"

    def worth(self, utilities: Tensor) -> float:
        """The worth of `n x objectives` utilities; of none, NaN with one objective and 0 with several."""
        if not self.several:
            return float(utilities.max()) if len(utilities) else math.nan
        if not len(utilities):
            return 0.0
        from botorch.utils.multi_objective.hypervolume import Hypervolume

        low, high = (torch.tensor(corner, dtype=torch.double) for corner in (self.reference, self.ideal))
        shares = (utilities.double() - low) / (high - low)
        front = shares[Goals(self.problem).non_dominated(shares)]
        return float(Hypervolume(torch.zeros_like(low)).compute(front))

    def shown(self, worth: float) -> float:
        """The worth as a reader knows it: hypervolume, value of the property, or distance from the window."""
        maximised = self.several or self.problem.objectives[0].goal == "maximize"
        return worth if maximised else -worth

    def corner(self, utilities: Sequence[float]) -> dict[str, float]:
        """A corner of the box by property, in its unit (for a target: the distance from the window)."""
        return {
            objective.property: value if objective.goal == "maximize" else -value
            for objective, value in zip(self.problem.objectives, utilities, strict=True)
        }

    def progress(self, costs: Sequence[float], utilities: Tensor) -> list[tuple[float, float]]:
        """Where the worth rose: (cost so far, value as shown), for materials in the order of measurement."""
        goals = Goals(self.problem)
        best = utilities[:0]
        steps: list[tuple[float, float]] = [(0.0, 0.0)] if self.several else []
        for cost, point in zip(costs, utilities, strict=True):
            if len(best) and bool(((best >= point).all(-1)).any()):
                continue
            best = torch.cat([best, point[None]])
            best = best[goals.non_dominated(best)]
            steps.append((cost, self.shown(self.worth(best))))
        return steps
