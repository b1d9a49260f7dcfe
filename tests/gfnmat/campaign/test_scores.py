"""What a prediction is worth, against closed forms."""

import math

import pytest
import torch
from botorch.acquisition.analytic import ExpectedImprovement
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from botorch.utils.testing import MockModel, MockPosterior
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import REFERENCE, ImprovementScore, OptimisticScore, Scale, build_score, draw_preferences
from gfnmat.problem import Budget, Fidelity, Objective, Problem


def goals(*objectives: Objective) -> Goals:
    fidelities = (Fidelity(name="only", oracle="pauling", cost=1.0),)
    return Goals(Problem(objectives=objectives, fidelities=fidelities, budget=Budget(cost=10)))


ONE = goals(Objective(property="x", goal="minimize"))
TWO = goals(Objective(property="x", goal="maximize"), Objective(property="y", goal="minimize"))


def unit(n_objectives: int) -> Scale:
    return Scale(torch.zeros(n_objectives).double(), torch.ones(n_objectives).double())


def predicted(n: int, n_properties: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mean = torch.rand(n, n_properties, generator=generator, dtype=torch.float64)
    return mean, 0.1 + 0.3 * torch.rand(n, n_properties, generator=generator, dtype=torch.float64)


def test_one_objective_s_score_is_the_closed_form_of_expected_improvement() -> None:
    mean, sd = predicted(20, 1)
    front = -torch.tensor([[0.6], [0.4]], dtype=torch.float64)  # utilities of x = 0.6 and 0.4, to be minimised
    found = ImprovementScore(ONE, unit(1), front, seed=0)(mean, sd)
    posterior = MockPosterior(mean=-mean[:, None], variance=sd[:, None].square())
    expected = ExpectedImprovement(MockModel(posterior), best_f=-0.4)(mean[:, None])
    assert found.exp().tolist() == pytest.approx(expected.tolist(), rel=0.08, abs=5e-3)


def test_the_score_of_two_objectives_is_the_closed_form_of_the_hypervolume_s_improvement() -> None:
    mean, sd = predicted(20, 2)
    front = torch.tensor([[0.2, -0.1], [0.7, -0.6]], dtype=torch.float64)
    scale = Scale(torch.tensor([0.0, -1.0]).double(), torch.tensor([1.0, 0.0]).double())
    found = ImprovementScore(TWO, scale, front, seed=0)(mean, sd)
    known, reference = scale.normalised(front), torch.full((2,), REFERENCE, dtype=torch.float64)
    utilities = scale.normalised(torch.stack([mean[:, 0], -mean[:, 1]], -1))
    posterior = MockPosterior(mean=utilities[:, None], variance=sd[:, None].square())
    partitioning = FastNondominatedPartitioning(ref_point=reference, Y=known)
    expected = ExpectedHypervolumeImprovement(MockModel(posterior), reference.tolist(), partitioning)(mean[:, None])
    assert found.exp().tolist() == pytest.approx(expected.tolist(), rel=0.2, abs=0.02)


def test_an_improvement_out_of_reach_still_tells_far_from_near() -> None:
    far = torch.tensor([[3.0], [30.0], [300.0]], dtype=torch.float64)
    found = ImprovementScore(ONE, unit(1), torch.zeros(1, 1).double(), seed=0)(far, torch.full_like(far, 0.01))
    assert found.isfinite().all()
    assert (found.diff() < -1).all()


def test_without_a_feasible_measurement_improvement_is_on_the_reference() -> None:
    mean = torch.tensor([[-0.5, 0.2], [-0.9, 0.9], [0.5, -0.9]], dtype=torch.float64)
    for g in (ONE, TWO):
        k = len(g.problem.objectives)
        score = ImprovementScore(g, unit(k), torch.zeros(0, k).double(), seed=0)
        found = score(mean[:, :k], torch.full_like(mean[:, :k], 1e-3))
        assert found.isfinite().all()
    assert float(found.exp()[2]) == pytest.approx(0.6 * 1.0, rel=0.02)  # x = 0.5 and y = -0.9 from the corner at -0.1


def test_the_optimistic_score_is_the_distance_to_the_ideal_point() -> None:
    preferences = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    mean, sd = torch.tensor([[0.4, -0.9], [1.0, -1.0]]).double(), torch.full((2, 2), 0.1).double()
    for optimism in (0.0, 1.0, 2.0):
        score = OptimisticScore(TWO, unit(2), preferences, optimism)
        assert score(mean, sd).tolist() == pytest.approx([0.4 + 0.1 * optimism, 1.0 + 0.1 * optimism])


@pytest.mark.parametrize("kind", ["upper_confidence_bound", "expected_improvement"])
def test_a_seed_fixes_the_score_and_it_rises_with_the_promise(kind: str) -> None:
    mean, sd = predicted(30, 2)
    front = torch.tensor([[0.5, -0.5]], dtype=torch.float64)
    score = build_score(kind, TWO, unit(2), front, seed=3, optimism=1.0)  # type: ignore[arg-type]
    assert torch.equal(score(mean, sd), build_score(kind, TWO, unit(2), front, seed=3, optimism=1.0)(mean, sd))  # type: ignore[arg-type]
    better = torch.tensor([[0.2, -0.2]]).double()
    assert (score(mean + better, sd) > score(mean, sd)).all()


def test_preferences_are_weights_and_follow_from_the_seed() -> None:
    weights = draw_preferences(3, seed=5)
    assert torch.allclose(weights.sum(1), torch.ones(len(weights)).double())
    assert (weights > 0).all()
    assert torch.equal(weights, draw_preferences(3, seed=5))
    assert torch.allclose(draw_preferences(1, seed=0), torch.ones(8, 1).double())


def test_both_ends_of_a_front_are_on_the_scale_and_what_extends_them_counts() -> None:
    stiff_and_light = torch.tensor([[300.0, -6.0], [20.0, -1.0]])
    crowd = torch.tensor([[30.0, -3.0]]).expand(9, 2)
    scale = Scale.of(torch.cat([stiff_and_light, crowd, torch.tensor([[0.0, -20.0]])]))
    assert scale.normalised(stiff_and_light).tolist() == [[1.0, 0.0], [0.0, 1.0]]  # not from the median, nor the worst
    assert Scale.of(crowd[:, :1] + torch.tensor([[0.0]] * 8 + [[4.0]])).low.tolist() == [30.0]  # one objective: median


def test_an_objective_without_spread_does_not_divide_by_zero() -> None:
    scale = Scale.of(torch.tensor([[1.0, 2.0], [1.0, 1.0], [1.0, 4.0]]))
    assert scale.normalised(torch.tensor([[1.0, 3.0]])).tolist() == [[0.0, 0.5]]  # between the median and the best
    assert math.isfinite(float(Scale.of(torch.ones(1, 1)).normalised(torch.ones(1, 1))))
