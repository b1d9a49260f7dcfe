"""The sampler's reward."""

import math

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates
from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.features import features_of
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.reward import LEAST, MOST, REFUSED, Span, SurrogateReward
from gfnmat.campaign.scores import OptimisticScore, Scale, draw_preferences
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
        score=OptimisticScore(g, scale, draw_preferences(len(g.problem.objectives), seed=3), 1.0),
        span=Span(),
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


def test_a_span_is_from_the_median_to_the_best_whatever_the_score_s_unit() -> None:
    scores = torch.tensor([1.0, 2.0, 3.0, 4.0, 9.0])
    span = Span.of(scores)
    assert span.normalised(torch.tensor([3.0, 6.0, 9.0])).tolist() == [0.0, 0.5, 1.0]
    assert span.normalised(torch.tensor([-1e9, 1e9])).tolist() == [LEAST, MOST]
    assert torch.allclose(Span.of(7 * scores - 20).normalised(7 * scores - 20), span.normalised(scores))


def test_scores_that_do_not_differ_have_a_span_all_the_same() -> None:
    assert Span.of(torch.full((3,), 2.0)).normalised(torch.tensor([2.0, 2.5])).tolist() == [0.0, 0.5]
