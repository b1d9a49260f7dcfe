"""BoTorch's acquisitions run on the surrogate's model, with pending points, as a campaign uses them."""

import pytest
import torch
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import (
    qMultiFidelityLowerBoundMaxValueEntropy,
    qMultiFidelityMaxValueEntropy,
)
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.models.cost import AffineFidelityCostModel
from botorch.sampling import SobolQMCNormalSampler
from surrogate_contract import Problem
from torch import Tensor

from surrogates import MultiFidelityGP


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem(60)


@pytest.fixture(scope="module")
def surrogate(problem: Problem) -> MultiFidelityGP:
    surrogate = MultiFidelityGP(3, 2)
    surrogate.fit(problem.features, problem.fidelities, problem.values)
    return surrogate


@pytest.mark.parametrize("kind", [qMultiFidelityLowerBoundMaxValueEntropy, qMultiFidelityMaxValueEntropy])
def test_entropy_search_over_rungs(surrogate: MultiFidelityGP, problem: Problem, kind: type) -> None:
    new = Problem(40, seed=5).features
    column = surrogate.transform(new).shape[1] - 1

    def project(inputs: Tensor) -> Tensor:
        return torch.cat([inputs[..., :-1], torch.full_like(inputs[..., -1:], 2)], dim=-1)

    torch.manual_seed(0)
    acquisition = kind(
        surrogate.model().models[0],
        candidate_set=surrogate.transform(new),
        project=project,
        cost_aware_utility=InverseCostWeightedUtility(AffineFidelityCostModel({column: 1.0}, fixed_cost=0.1)),
    )
    inputs = torch.cat([surrogate.transform(new, rung) for rung in range(3)]).unsqueeze(1)
    with torch.no_grad():
        free = acquisition(inputs)
        acquisition.set_X_pending(surrogate.transform(new[:2]))
        pending = acquisition(inputs)
    assert free.shape == pending.shape == (120,)
    assert free.isfinite().all()
    assert pending.isfinite().all()
    assert not torch.allclose(free, pending)


def test_hypervolume_improvement_with_pending_and_missing_entries(surrogate: MultiFidelityGP, problem: Problem) -> None:
    new = Problem(40, seed=5).features
    measured = problem.features[problem.fidelities == 2]
    acquisition = qLogNoisyExpectedHypervolumeImprovement(
        surrogate.model(),
        ref_point=[-2.0, 60.0],
        X_baseline=surrogate.transform(measured),
        X_pending=surrogate.transform(new[:2]),
        sampler=SobolQMCNormalSampler(torch.Size([32]), seed=0),
        prune_baseline=True,
        cache_root=False,
    )
    with torch.no_grad():
        scores = acquisition(surrogate.transform(new).unsqueeze(1))
    assert scores.shape == (40,)
    assert scores.isfinite().all()
    assert scores.argmax() > 1, "what is pending is not proposed again"


def test_fantasies_narrow_the_target(surrogate: MultiFidelityGP) -> None:
    new = Problem(10, seed=5).features
    model = surrogate.model().models[0]
    at_target, at_low = surrogate.transform(new), surrogate.transform(new, 1)
    fantasy = model.fantasize(at_low, sampler=SobolQMCNormalSampler(torch.Size([4]), seed=0))
    after = fantasy.posterior(at_target)
    assert after.mean.shape == (4, 10, 1)
    assert (after.variance < model.posterior(at_target).variance).all()
