"""Several measurements of one candidate: their weight, their numerics, and leaving all of them out at once."""

import pytest
import torch
from torch import Tensor

from surrogates import MultiFidelityGP, assess
from surrogates.censoring import Limits
from surrogates.exact import ExactPosterior
from surrogates.replicates import replicates


def noisy(n: int = 30, copies: int = 3, sd: float = 0.5) -> tuple[Tensor, Tensor]:
    """Features of n candidates, each `copies` times, and noisy values of a rough function of them."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n, 4, generator=generator, dtype=torch.float64).repeat(copies, 1)
    truth = torch.randn(n, generator=generator, dtype=torch.float64).repeat(copies)
    return features, truth + sd * torch.randn(len(truth), generator=generator, dtype=torch.float64)


def fitted(features: Tensor, values: Tensor, most_exact: int | None = None) -> MultiFidelityGP:
    surrogate = MultiFidelityGP(1, 1, most_exact=most_exact, reference=features)
    surrogate.fit(features, torch.zeros(len(features)), values[:, None])
    return surrogate


def test_replicates_are_found_by_input_and_the_rest_are_none() -> None:
    inputs = torch.tensor([[0.1, 0], [0.2, 0], [0.1, 0], [0.1, 1], [0.2, 0], [0.1 + 1e-12, 0]], dtype=torch.float64)
    assert sorted(map(tuple, replicates(inputs).tolist())) == [(0, 2, 5), (1, 4, -1)]
    assert replicates(inputs[:2]).shape == (0, 0)


def test_leave_one_out_is_the_prediction_without_any_replicate_of_the_candidate() -> None:
    features, values = noisy(8, 2)
    features, values = features[:13], values[:13]  # five candidates twice, three once
    surrogate = fitted(features, values)
    gp = surrogate.model().models[0]
    inputs, targets = gp.train_inputs[0], gp.train_targets
    (entry,) = surrogate.leave_one_out()
    for index in (0, 6, 9):
        others = (features != features[index]).any(1)
        gp.set_train_data(inputs[others], targets[others], strict=False)
        n = int(others.sum())
        posterior = ExactPosterior.of(gp, torch.full((1,), -torch.inf), Limits(torch.zeros(n), targets[others]))
        mean, variance = posterior.moments(inputs[index : index + 1])
        torch.testing.assert_close(entry.mean[index], mean[0])
        torch.testing.assert_close(entry.sd[index], (variance[0] + gp.likelihood.noise[0]).sqrt())
        gp.set_train_data(inputs, targets, strict=False)


def test_the_diagnosis_is_no_better_for_replicates_of_what_cannot_be_predicted() -> None:
    features, values = noisy()
    (entry,) = fitted(features, values).leave_one_out()
    judged = assess(entry.mean, entry.sd, entry.values)
    assert judged.spearman < 0.3  # one replicate predicts another one with a rank correlation of 0.8
    assert judged.coverage_90 > 0.75


def test_inducing_points_leave_out_the_same_as_the_exact_process() -> None:
    features, values = noisy(20, 2)
    exact, induced = fitted(features, values), fitted(features, values, most_exact=0)
    (one,), (other,) = exact.leave_one_out(), induced.leave_one_out()
    torch.testing.assert_close(one.mean, other.mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.sd, other.sd, rtol=1e-3, atol=1e-3)


def test_replicates_shrink_the_uncertainty_as_their_mean_would() -> None:
    features, values = noisy(10, 4)
    surrogate = fitted(features, values)
    gp = surrogate.model().models[0]
    noise = float(gp.likelihood.noise[0])
    distinct = surrogate.transform(features[:10])
    prior = gp.covar_module(distinct).to_dense().detach()
    mean, ones = gp.mean_module(distinct).detach(), values.reshape(4, 10).mean(0)
    gain = prior @ torch.linalg.inv(prior + noise / 4 * torch.eye(10))
    posterior = surrogate.posteriors()[0]
    assert posterior is not None
    found_mean, found_variance = posterior.moments(distinct)
    torch.testing.assert_close(found_mean, mean + gain @ (ones - mean), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found_variance, (prior - gain @ prior).diagonal(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("most_exact", [None, 0])
def test_equal_answers_to_equal_questions_are_no_numerical_trouble(most_exact: int | None) -> None:
    features, values = noisy(15, 3, sd=0.0)
    surrogate = fitted(features, values, most_exact)
    prediction = surrogate.predict(features)
    assert prediction.mean.isfinite().all()
    assert (prediction.sd > 0).all()
    (entry,) = surrogate.leave_one_out()
    assert entry.mean.isfinite().all()
    assert entry.sd.isfinite().all()
