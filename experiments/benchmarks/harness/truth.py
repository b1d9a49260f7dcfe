"""What there is to find, where asking for all of it costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat import Campaign
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import values_of
from gfnmat.campaign.ladder import Ladder
from gfnmat.metrics.hypervolume import hypervolume
from gfnmat.problem import Problem

FREE_ORACLES = ("table", "pauling")
"""Oracles that answer for a whole space in seconds."""
TOP = 0.01


@dataclass(frozen=True)
class Truth:
    """All members of a space, as its target fidelity judges them.

    Attributes:
        members: how many it answers for.
        hits: the formulas that are to be found: the top 1 % of the members, with those that tie with its last; with
            several objectives the Pareto front.
        utilities: of the members that meet the constraints, `n x objectives`.
    """

    members: int
    hits: frozenset[str]
    utilities: Tensor

    @classmethod
    def of(cls, campaign: Campaign) -> Truth | None:
        """Of a campaign's problem; None where its target is too dear to ask, or its space too large to list."""
        problem = campaign.problem
        if problem.target.oracle not in FREE_ORACLES:
            return None
        try:
            members = campaign.space.enumerate()
        except ValueError:
            return None
        ladder = Ladder(problem, campaign.config.folder)
        answers = ladder.answers(members, ladder.ask(problem.target_rung, members.materials))
        values = values_of([answer.values for answer in answers], problem.properties)
        goals = Goals(problem)
        known = goals.utilities(values).isfinite().all(-1)
        kept = known & goals.meets_constraints(values)
        utilities = goals.utilities(values[kept])
        if problem.objectives[1:]:
            chosen = goals.non_dominated(utilities)
        else:
            n = max(1, math.ceil(TOP * int(known.sum())))
            chosen = utilities[:, 0] >= utilities[:, 0].topk(min(n, len(utilities))).values[-1]
        names = [members.formulas[row] for row in kept.nonzero().squeeze(-1)[chosen].tolist()]
        return cls(int(known.sum()), frozenset(names), utilities)

    def hypervolume(self, reference: Tensor) -> float:
        """Of all members."""
        return hypervolume(self.utilities, reference)


def as_utilities(problem: Problem, values: Mapping[str, float]) -> Tensor:
    """A point given by property, as one utility an objective.

    Raises:
        ValueError: an objective is missing.
    """
    if missing := [o.property for o in problem.objectives if o.property not in values]:
        raise ValueError(f"the reference point lacks {', '.join(missing)}; give a value for each objective.")
    row = torch.tensor([[values.get(name, math.nan) for name in problem.properties]], dtype=torch.double)
    return Goals(problem).utilities(row)[0]
