"""One measure for all campaigns of a report: what a set of materials is worth, and at what cost it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.metrics.curves import best_so_far, hypervolume_found
from gfnmat.metrics.evaluations import Evaluations
from gfnmat.metrics.hypervolume import box_around, hypervolume
from gfnmat.problem import Problem
from gfnmat.report.labels import words


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

        The ideal point has the best of each objective; the reference point lies a tenth of the extent beyond the worst
        that any member of any set's own Pareto front has.
        """
        if not any(len(points) for points in sets):
            return cls(problem, (0.0,) * len(problem.objectives), (1.0,) * len(problem.objectives))
        reference, ideal = box_around(sets)
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
        return hypervolume(self._shares(utilities), torch.zeros(len(self.reference)))

    def _shares(self, utilities: Tensor) -> Tensor:
        """`n x objectives` utilities as shares of the box."""
        low, high = (torch.tensor(corner, dtype=torch.double) for corner in (self.reference, self.ideal))
        return (utilities.double() - low) / (high - low)

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
        evaluations = Evaluations(
            paid=torch.diff(torch.tensor([0.0, *costs], dtype=torch.double)),
            utilities=self._shares(utilities) if self.several else utilities,
            counts=torch.ones(len(utilities), dtype=torch.bool),
            names=("",) * len(utilities),
        )
        if self.several:
            curve = hypervolume_found(evaluations, torch.zeros(len(self.reference)))
        else:
            curve = best_so_far(evaluations)
        steps: list[tuple[float, float]] = [(0.0, 0.0)] if self.several else []
        for cost, worth in zip(costs, curve.values.tolist(), strict=True):
            if not steps or self.shown(worth) != steps[-1][1]:
                steps.append((cost, self.shown(worth)))
        return steps
