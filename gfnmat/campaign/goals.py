"""What the objectives and constraints of a problem make of predicted or measured properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.problem import Objective, Problem


@dataclass(frozen=True)
class Goals:
    """Objectives as utilities to maximise, over a tensor whose last dimension is `problem.properties`."""

    problem: Problem

    @cached_property
    def _columns(self) -> list[int]:
        return [self.problem.properties.index(objective.property) for objective in self.problem.objectives]

    def utilities(self, values: Tensor) -> Tensor:
        """`... x properties` to `... x objectives`, each in its property's unit and the higher the better."""
        return torch.stack(
            [
                _utility(objective, values[..., column])
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
        """One function a bound: `... x properties` to how far the bound is exceeded; negative where it is met."""

        def above(column: int, bound: float) -> Callable[[Tensor], Tensor]:
            return lambda values: values[..., column] - bound

        def below(column: int, bound: float) -> Callable[[Tensor], Tensor]:
            return lambda values: bound - values[..., column]

        functions = []
        for constraint in self.problem.constraints:
            column = self.problem.properties.index(constraint.property)
            if constraint.max is not None:
                functions.append(above(column, constraint.max))
            if constraint.min is not None:
                functions.append(below(column, constraint.min))
        return functions

    def meets_constraints(self, values: Tensor) -> Tensor:
        """Whether `... x properties` measured values meet every bound; an unknown value does not."""
        met = torch.ones(values.shape[:-1], dtype=torch.bool, device=values.device)
        for excess in self.excesses():
            met = met & (excess(values) <= 0)
        return met

    def log_probability_of_meeting(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Log-probability, `n`, that independent normal properties (`n x properties`) meet every bound."""
        log_probability = torch.zeros(mean.shape[:-1], dtype=mean.dtype, device=mean.device)
        for constraint in self.problem.constraints:
            column = self.problem.properties.index(constraint.property)
            standard = torch.distributions.Normal(mean[..., column], sd[..., column].clamp(min=1e-9))
            upper = mean.new_tensor(1.0) if constraint.max is None else standard.cdf(mean.new_tensor(constraint.max))
            lower = mean.new_tensor(0.0) if constraint.min is None else standard.cdf(mean.new_tensor(constraint.min))
            log_probability = log_probability + (upper - lower).clamp(min=1e-12).log()
        return log_probability

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
