"""The closed forms, held against BoTorch, sampling and enumeration."""

import math
from typing import Any

import pytest
import torch
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import qMultiFidelityLowerBoundMaxValueEntropy
from botorch.models.cost import AffineFidelityCostModel
from scipy.stats import spearmanr
from torch import Tensor

from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.confirmation import detour, expected_excess
from gfnmat.campaign.acquisition.entropy_search import EntropySearch, information_about_maximum
from gfnmat.campaign.acquisition.information import Information, rung_noise
from gfnmat.campaign.acquisition.joint import Joint
from gfnmat.campaign.acquisition.knowledge_gradient import expected_gain

EVERYTHING = torch.tensor([[1.0], [1.0]], dtype=torch.float64)


@pytest.mark.parametrize("rung", [0, 1])
def test_information_about_the_maximum_is_botorchs(setting: Any, rung: int) -> None:
    surrogate, pool = setting.situation.surrogate, setting.pool
    column = surrogate.transform(pool).shape[1] - 1

    def project(inputs: Tensor) -> Tensor:
        return torch.cat([inputs[..., :column], torch.ones_like(inputs[..., column:])], dim=-1)

    costless = InverseCostWeightedUtility(AffineFidelityCostModel({column: 0.0}, fixed_cost=1.0))
    torch.manual_seed(0)
    theirs = qMultiFidelityLowerBoundMaxValueEntropy(
        surrogate.model().models[0],
        candidate_set=surrogate.transform(pool),
        project=project,
        cost_aware_utility=costless,
    )
    expected = theirs(surrogate.transform(pool, rung)[:, None])
    information = Information.of(surrogate, pool, EVERYTHING)
    ours = information_about_maximum(
        information.mean[:, 0],
        information.sd[:, 0],
        information.correlation[..., 0],
        theirs.posterior_max_values.ravel(),
    )
    torch.testing.assert_close(ours[:, rung], expected.detach(), rtol=1e-6, atol=1e-12)


def test_correlations_of_measurements_are_those_of_the_joint_posterior(setting: Any) -> None:
    surrogate, pool = setting.situation.surrogate, setting.pool[:5]
    information = Information.of(surrogate, pool, EVERYTHING)
    noise = rung_noise(surrogate, pool[:1], 2)[:, 0]
    for row in range(5):
        joint = Joint.of(surrogate, 0, pool[[row, row]], torch.tensor([0, 1]))
        (low, across), (_, high) = joint.covariance.tolist()
        found = information.correlation[row, :, 0].tolist()
        assert found[0] == pytest.approx(across / math.sqrt((low + float(noise[0])) * high), abs=1e-4)
        assert found[1] == pytest.approx(math.sqrt(high / (high + float(noise[1]))), abs=1e-4)


def test_what_is_measured_shrinks_the_joint_as_botorchs_fantasies_do(setting: Any) -> None:
    surrogate, pool = setting.situation.surrogate, setting.pool[:6]
    rungs = torch.tensor([1, 1, 1, 1, 0, 1])
    noise = rung_noise(surrogate, pool[:1], 2)[:, 0]
    joint = Joint.of(surrogate, 0, pool, rungs)
    moved = joint.moved_by(torch.tensor([4, 5]), noise[rungs[4:]])
    ours = joint.after(moved)
    model = surrogate.model().models[0]
    inputs = surrogate.transform(pool, rungs)
    conditioned = model.condition_on_observations(
        inputs[4:], model.posterior(inputs[4:]).mean.detach(), noise=noise[rungs[4:], None]
    )
    expected = conditioned.posterior(inputs[:4]).distribution.covariance_matrix
    torch.testing.assert_close(ours.covariance[:4, :4], expected.detach(), rtol=1e-3, atol=1e-6)
    outcome = torch.tensor([0.3, -0.4]).double()
    surprising = model.condition_on_observations(
        inputs[4:], (model.posterior(inputs[4:]).mean + outcome[:, None]).detach(), noise=noise[rungs[4:], None]
    )
    root = torch.linalg.cholesky(joint.covariance[4:, 4:] + torch.diag(noise[rungs[4:]]))
    normal = torch.linalg.solve_triangular(root, outcome[:, None], upper=False)[:, 0]
    moves = surprising.posterior(inputs[:4]).mean - conditioned.posterior(inputs[:4]).mean
    torch.testing.assert_close((normal @ moved)[:4], moves[:, 0].detach(), rtol=1e-3, atol=1e-4)


def test_the_knowledge_gradient_is_what_sampling_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    means, slopes = torch.randn(2, 20, generator=generator, dtype=torch.float64)
    outcomes = torch.randn(400_000, generator=generator, dtype=torch.float64)
    sampled = (means + outcomes[:, None] * slopes).amax(-1).mean() - means.amax()
    assert float(expected_gain(means, slopes)) == pytest.approx(float(sampled), rel=0.02)
    assert float(expected_gain(means, torch.full_like(means, 0.7))) == pytest.approx(0, abs=1e-9)


def test_the_gain_between_two_candidates_is_the_closed_form() -> None:
    for difference, slope in [(0.3, 1.0), (2.0, 0.8), (0.0, 0.1)]:
        means = torch.tensor([0.0, -difference], dtype=torch.float64)
        gain = float(expected_gain(means, torch.tensor([0.0, slope], dtype=torch.float64)))
        exact = slope * float(expected_excess(torch.tensor(-difference / slope, dtype=torch.float64)))
        assert gain == pytest.approx(exact, rel=0.03, abs=1e-4)


@pytest.mark.parametrize(("advantage", "correlation"), [(-1.0, 0.9), (0.5, 0.6), (-2.0, 0.99), (0.0, 0.3)])
def test_the_way_by_a_lower_rung_is_the_best_threshold_of_simulated_answers(
    advantage: float, correlation: float
) -> None:
    cost, target = 0.1, 1.0
    generator = torch.Generator().manual_seed(0)
    answer, rest = torch.randn(2, 1_000_000, generator=generator, dtype=torch.float64)
    value = (advantage + correlation * answer + math.sqrt(1 - correlation**2) * rest).clamp(min=0)
    rates = [
        float((value * (answer > t)).mean() / (cost + target * (answer > t).double().mean()))
        for t in torch.linspace(-3, 4, 141).tolist()
    ]
    one = torch.tensor([advantage], dtype=torch.float64)
    found = detour(one, torch.tensor([correlation], dtype=torch.float64), cost, target)
    rate = float(expected_excess(one) * found.share / found.price)
    assert rate == pytest.approx(max(rates), rel=0.03)


def test_the_way_by_a_rung_that_tells_nothing_costs_both() -> None:
    found = detour(torch.tensor([-1.0, 1.0]).double(), torch.zeros(2).double(), 0.1, 1.0)
    assert found.share.tolist() == pytest.approx([1.0, 1.0])
    assert found.price.tolist() == pytest.approx([1.1, 1.1])


def test_agreement_is_the_rank_correlation_less_a_standard_error() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(10, generator=generator, dtype=torch.float64)
    lower = target.exp() + 0.1 * torch.randn(10, generator=generator, dtype=torch.float64)
    names = [str(i) for i in [*range(10), *range(12)]]
    rungs = torch.tensor([1] * 10 + [0] * 12)
    values = torch.cat([target, lower, torch.tensor([5.0, 6.0]).double()])[:, None]
    found = Agreement.of(names, rungs, values, 2)
    rank_correlation = spearmanr(lower.numpy(), target.numpy()).statistic
    assert found.shared == (10, 10)
    assert found.trust[:, 0].tolist() == pytest.approx([math.tanh(math.atanh(rank_correlation) - 7**-0.5), 1.0])


def test_nothing_is_trusted_before_it_was_compared() -> None:
    values = torch.tensor([[1.0], [2.0], [3.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    rungs = torch.tensor([0, 0, 0, 1, 1, 1])
    assert Agreement.of(list("abcabc"), rungs, values, 2).trust.tolist() == [[0.0], [1.0]]
    apart = Agreement.of(list("abcdef"), rungs, values, 2)
    assert (apart.shared, apart.trust.tolist()) == ((0, 3), [[0.0], [1.0]])


def test_maxima_lie_above_what_is_believed(setting: Any) -> None:
    search = EntropySearch(setting.situation, setting.offer(), seed=0)
    assert float(search._maxima.mean()) >= float(search.view.mean.amax()) - 1e-6
