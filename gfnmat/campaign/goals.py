"""What the objectives and constraints of a problem make of predicted or measured properties."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.problem import Objective, Problem


@dataclass(frozen=True)
class Goals:
    """Objectives as utilities to maximise, over a tensor whose last dimension is `problem.properties`.

    A property with a floor, as band gaps have at 0, is predicted as a normal variable that may lie below it; its value
    is the larger of both, see `surrogates.Prediction`. Wherever values, means or draws go in here, such variables may.

    Attributes:
        problem: the objectives and constraints.
        floors: the floor of each property that has one, at the target and in the property's unit.
    """

    problem: Problem
    floors: Mapping[str, float] = field(default_factory=dict)

    def above(self, floors: Tensor | float) -> Goals:
        """The same goals of properties with these floors, one a property; minus infinity where there is none."""
        each = torch.as_tensor(floors).expand(len(self.problem.properties)).tolist()
        found = zip(self.problem.properties, each, strict=True)
        return replace(self, floors={name: floor for name, floor in found if math.isfinite(floor)})

    def floor(self, name: str) -> float:
        """The floor of a property; minus infinity where it has none."""
        return self.floors.get(name, -math.inf)

    @cached_property
    def _columns(self) -> list[int]:
        return [self.problem.properties.index(objective.property) for objective in self.problem.objectives]

    def utilities(self, values: Tensor) -> Tensor:
        """`... x properties` to `... x objectives`, each in its property's unit and the higher the better."""
        return torch.stack(
            [
                _utility(objective, values[..., column].clamp(min=self.floor(objective.property)))
                for objective, column in zip(self.problem.objectives, self._columns, strict=True)
            ],
            dim=-1,
        )

    def optimistic(self, mean: Tensor, sd: Tensor) -> Tensor:
        """The best utilities, `n x objectives`, that properties within `sd` of `mean` (`n x properties`) would give."""
        best = mean.clone()
        for objective, column in zip(self.problem.objectives, self._columns, strict=True):
            best[..., column] = _towards(objective, mean[..., column], sd[..., column])
        return self.utilities(best)

    def excesses(self) -> list[Callable[[Tensor], Tensor]]:
        """One function a bound: `... x properties` to how far the bound is exceeded; negative where it is met.

        Below the floor all values are equal, but their excess is not: who smooths the step at the bound, as BoTorch
        does, would else take half of what lies at a floor to miss a bound there.
        """

        def above(column: int, bound: float, floor: float) -> Callable[[Tensor], Tensor]:
            least = floor if bound < floor else -math.inf
            return lambda values: values[..., column].clamp(min=least) - bound

        def below(column: int, bound: float) -> Callable[[Tensor], Tensor]:
            return lambda values: bound - values[..., column]

        functions = []
        for constraint in self.problem.constraints:
            column, floor = self.problem.properties.index(constraint.property), self.floor(constraint.property)
            if constraint.max is not None:
                functions.append(above(column, constraint.max, floor))
            if constraint.min is not None and constraint.min > floor:
                functions.append(below(column, constraint.min))
        return functions

    def meets_constraints(self, values: Tensor) -> Tensor:
        """Whether `... x properties` measured values meet every bound; an unknown value does not."""
        bounded = [self.problem.properties.index(constraint.property) for constraint in self.problem.constraints]
        met = ~values[..., bounded].isnan().any(-1)
        for excess in self.excesses():
            met = met & (excess(values) <= 0)
        return met

    def log_probability_of_meeting(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Log-probability, `n`, that independent normal properties (`n x properties`) meet every bound."""
        log_probability = torch.zeros(mean.shape[:-1], dtype=mean.dtype, device=mean.device)
        for constraint in self.problem.constraints:
            column, floor = self.problem.properties.index(constraint.property), self.floor(constraint.property)
            standard = torch.distributions.Normal(mean[..., column], sd[..., column].clamp(min=1e-9))
            upper, lower = mean.new_tensor(1.0), mean.new_tensor(0.0)
            if constraint.max is not None:  # all that is below the floor is at the floor
                upper = standard.cdf(mean.new_tensor(constraint.max)) if constraint.max >= floor else lower
            if constraint.min is not None and constraint.min > floor:
                lower = standard.cdf(mean.new_tensor(constraint.min))
            log_probability = log_probability + (upper - lower).clamp(min=1e-12).log()
        return log_probability

    def probability_of_beating(self, utility: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
        """Probability, `n`, that normal properties (`n x properties`) give the one objective more than this utility.

        Of an objective to minimize or maximize; a utility as `utilities` has it, so that none is below a floor.
        """
        objective, column = self.problem.objectives[0], self._columns[0]
        if objective.goal == "maximize":
            return torch.special.ndtr((mean[..., column] - utility) / sd[..., column])
        better = torch.special.ndtr((-utility - mean[..., column]) / sd[..., column])
        return torch.where(-utility > self.floor(objective.property), better, 0.0)

    def non_dominated(self, utilities: Tensor) -> Tensor:
        """Which of `n x objectives` no other one beats, `n` booleans."""
        from botorch.utils.multi_objective.pareto import is_non_dominated

        return is_non_dominated(utilities)


def _towards(objective: Objective, mean: Tensor, sd: Tensor) -> Tensor:
    """The value within `sd` of the mean that serves the objective best."""
    if objective.goal == "maximize":
        return mean + sd
    if objective.goal == "minimize":
        return mean - sd
    low, high = objective.window  # type: ignore[misc]  # a target has a window: Objective checks it
    return mean + (mean.clamp(low, high) - mean).clamp(-sd, sd)


def _utility(objective: Objective, values: Tensor) -> Tensor:
    if objective.goal == "maximize":
        return values
    if objective.goal == "minimize":
        return -values
    low, high = objective.window  # type: ignore[misc]  # a target has a window: Objective checks it
    return -((low - values).clamp(min=0) + (values - high).clamp(min=0))
