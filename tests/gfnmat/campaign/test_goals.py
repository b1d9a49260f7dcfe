"""Utilities and constraints."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gfnmat.campaign.goals import Goals
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem


def goals(objectives: list[Objective], constraints: list[Constraint] | None = None) -> Goals:
    return Goals(
        Problem(
            objectives=tuple(objectives),
            constraints=tuple(constraints or []),
            fidelities=(Fidelity(name="only", oracle="pauling", cost=1),),
            budget=Budget(cost=10),
        )
    )


def test_utilities_point_to_the_goal() -> None:
    g = goals(
        [
            Objective(property="hardness", goal="maximize"),
            Objective(property="density", goal="minimize"),
            Objective(property="gap", goal="target", window=(1.0, 1.5)),
        ]
    )
    values = torch.tensor([[3.0, 2.0, 1.2], [1.0, 4.0, 0.8], [0.0, 0.0, 2.5]])
    expected = torch.tensor([[3.0, -2.0, 0.0], [1.0, -4.0, -0.2], [0.0, -0.0, -1.0]])
    assert torch.allclose(g.utilities(values), expected)


@given(st.floats(-3, 3), st.floats(0.1, 2), st.floats(-2, 0), st.floats(0, 2))
def test_the_probability_of_meeting_a_window_is_the_normal_one(mean: float, sd: float, low: float, high: float) -> None:
    g = goals([Objective(property="x", goal="maximize")], [Constraint(property="x", min=low, max=high)])

    def cdf(value: float) -> float:
        return 0.5 * (1 + math.erf((value - mean) / sd / math.sqrt(2)))

    found = g.log_probability_of_meeting(
        torch.tensor([[mean]], dtype=torch.float64), torch.tensor([[sd]], dtype=torch.float64)
    )
    assert float(found.exp()) == pytest.approx(max(cdf(high) - cdf(low), 1e-12), abs=1e-9)


def test_a_bound_is_met_at_itself_and_not_by_an_unknown_value() -> None:
    g = goals([Objective(property="x", goal="maximize")], [Constraint(property="x", max=1.0)])
    assert g.meets_constraints(torch.tensor([[1.0], [1.1], [float("nan")]])).tolist() == [True, False, False]
