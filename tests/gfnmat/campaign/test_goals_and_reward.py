"""Utilities, constraints and the sampler's reward."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gfnmat import Candidates
from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.features import features_of
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.reward import REFUSED, Scale, SurrogateReward, draw_preferences
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem
from surrogates import Prediction


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


class Fixed:
    """A surrogate that predicts what it was given, in the order of the candidates."""

    def __init__(self, mean: Tensor, sd: Tensor) -> None:
        self.prediction = Prediction(mean, sd)

    def predict(self, features: Tensor, fidelity: int | None = None) -> Prediction:
        return self.prediction


def reward(g: Goals, mean: list[list[float]], sd: float = 0.1, admitted: list[bool] | None = None) -> Tensor:
    means = torch.tensor(mean, dtype=torch.float64)
    n = len(mean)
    scale = Scale(torch.zeros(len(g.problem.objectives)).double(), torch.ones(len(g.problem.objectives)).double())
    return SurrogateReward(
        surrogate=Fixed(means, torch.full_like(means, sd)),  # type: ignore[arg-type]
        features=features_of,
        goals=g,
        scale=scale,
        preferences=draw_preferences(len(g.problem.objectives), seed=3),
        sharpness=10,
        screen=lambda candidates: torch.tensor(admitted or [True] * n),
        feasibility=Feasibility(None),
    )(Candidates.of(["NaCl"] * n))


def test_the_reward_rises_with_what_is_promised() -> None:
    one = goals([Objective(property="x", goal="minimize")])
    found = reward(one, [[-0.2], [-0.5], [-0.9]])
    assert found.diff().tolist() == pytest.approx([3.0, 4.0])


def test_with_several_objectives_a_dominated_candidate_never_has_the_higher_reward() -> None:
    two = goals([Objective(property="x", goal="maximize"), Objective(property="y", goal="maximize")])
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(40, 2, generator=generator)
    found = reward(two, points.tolist())
    for i in range(40):
        for j in range(40):
            if (points[i] > points[j]).all():
                assert found[i] >= found[j]


def test_what_will_not_meet_a_constraint_or_cannot_be_answered_is_worth_less() -> None:
    g = goals([Objective(property="x", goal="maximize")], [Constraint(property="y", max=0.0)])
    found = reward(g, [[0.5, -1.0], [0.5, 0.0], [0.5, 5.0], [0.5, -1.0]], admitted=[True, True, True, False])
    assert float(found[0] - found[1]) == pytest.approx(math.log(2), abs=1e-6)
    assert found[0] > found[1] > found[2]
    assert float(found[3] - found[0]) == pytest.approx(REFUSED)


def test_preferences_are_weights_and_follow_from_the_seed() -> None:
    weights = draw_preferences(3, seed=5)
    assert torch.allclose(weights.sum(1), torch.ones(len(weights)).double())
    assert (weights > 0).all()
    assert torch.equal(weights, draw_preferences(3, seed=5))
    assert torch.allclose(draw_preferences(1, seed=0), torch.ones(8, 1).double())


def test_an_objective_without_spread_does_not_divide_by_zero() -> None:
    scale = Scale.of(torch.tensor([[1.0, 2.0], [1.0, 1.0], [1.0, 4.0]]))
    assert scale.normalised(torch.tensor([[1.0, 3.0]])).tolist() == [[0.0, 0.5]]  # between the median and the best
