"""The parts of the Gaussian process against numpy and against refitting."""

import numpy as np
import torch
from botorch.models import SingleTaskGP

from surrogates import MultiFidelityGP
from surrogates.censoring import Limits
from surrogates.exact import ExactPosterior
from surrogates.fitting import _thinned
from surrogates.projection import Projection
from surrogates.rungs import NOISE_FLOOR, RungCovariance, RungScales


def small() -> tuple[MultiFidelityGP, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(14, 3, generator=generator, dtype=torch.float64)
    rungs = torch.tensor([0] * 9 + [1] * 5)
    values = features.sum(dim=1) * (1 + rungs) + 0.1 * torch.randn(14, generator=generator, dtype=torch.float64)
    surrogate = MultiFidelityGP(2, 1)
    surrogate.fit(features, rungs, values[:, None])
    return surrogate, features, rungs


def numpy_covariance(gp: SingleTaskGP, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The kernel by its formula, from the fitted parameters alone."""
    distance = np.linalg.norm(one[:, None, :-1] - other[None, :, :-1], axis=-1)
    total = np.zeros(distance.shape)
    for product in gp.covar_module.kernels:
        matern, rung = product.kernels
        r = np.sqrt(5) * distance / matern.lengthscale.item()
        matrix = rung.matrix.numpy()
        rungs = matrix[one[:, -1].astype(int)][:, other[:, -1].astype(int)]
        total += (1 + r + r**2 / 3) * np.exp(-r) * rungs
    return total


def test_posterior_is_the_textbooks() -> None:
    surrogate, features, _ = small()
    gp = surrogate.model().models[0]
    train, targets = gp.train_inputs[0].numpy(), gp.train_targets.numpy()
    test = surrogate.transform(features * 0.7 + 0.2).numpy()
    noise, mean = gp.likelihood.noise.numpy(), gp.mean_module(torch.from_numpy(np.vstack([train, test]))).numpy()
    inverse = np.linalg.inv(numpy_covariance(gp, train, train) + np.diag(noise[train[:, -1].astype(int)]))
    cross = numpy_covariance(gp, test, train)
    expected_mean = mean[len(train) :] + cross @ inverse @ (targets - mean[: len(train)])
    expected_variance = np.diag(numpy_covariance(gp, test, test) - cross @ inverse @ cross.T) + noise[1]
    prediction = surrogate.predict(features * 0.7 + 0.2)
    np.testing.assert_allclose(prediction.mean[:, 0].numpy(), expected_mean, rtol=1e-8)
    np.testing.assert_allclose(prediction.sd[:, 0].numpy(), np.sqrt(expected_variance), rtol=1e-8)


def test_correlation_is_that_of_the_joint_posterior() -> None:
    surrogate, features, _ = small()
    gp = surrogate.model().models[0]
    here, target = surrogate.transform(features, 0), surrogate.transform(features)
    pair = torch.stack([here, target], dim=1)
    joint = gp.posterior(pair).distribution.covariance_matrix
    expected = joint[:, 0, 1] / (joint[:, 0, 0] * joint[:, 1, 1]).sqrt()
    torch.testing.assert_close(surrogate.correlation(features, 0)[:, 0], expected, rtol=1e-6, atol=1e-8)


def test_leave_one_out_is_prediction_without_the_one() -> None:
    surrogate, _, rungs = small()
    gp = surrogate.model().models[0]
    inputs, targets = gp.train_inputs[0], gp.train_targets
    low, target = surrogate.leave_one_out()
    assert (low.fidelity, target.fidelity) == (0, 1)
    for index in (0, 11):
        others = torch.arange(14) != index
        gp.set_train_data(inputs[others], targets[others], strict=False)
        posterior = ExactPosterior.of(gp, torch.full((2,), -torch.inf), Limits(torch.zeros(13), targets[others]))
        mean, variance = posterior.moments(inputs[index : index + 1])
        entry = low if rungs[index] == 0 else target
        position = index if rungs[index] == 0 else index - 9
        torch.testing.assert_close(entry.mean[position], mean[0])
        torch.testing.assert_close(entry.sd[position], (variance[0] + gp.likelihood.noise[rungs[index]]).sqrt())
        gp.set_train_data(inputs, targets, strict=False)


def test_noise_free_values_are_interpolated() -> None:
    features = torch.linspace(-2, 2, 25, dtype=torch.float64)[:, None]
    values = torch.sin(2 * features)
    surrogate = MultiFidelityGP(1, 1)
    surrogate.fit(features, torch.zeros(25), values)
    assert (surrogate.predict(features).mean - values).abs().max() < 0.01
    between = (features[1:] + features[:-1]) / 2
    assert (surrogate.predict(between).mean - torch.sin(2 * between)).abs().max() < 0.02
    assert surrogate.predict(torch.tensor([[9.0]])).sd > 5 * surrogate.predict(between).sd.max()


def test_rung_scales_guess() -> None:
    values = torch.tensor([0.0, 2.0, 4.0, 10.0, 10.0], dtype=torch.float64)
    scales = RungScales.guess(values, torch.tensor([1, 1, 1, 3, 3]), 5)
    torch.testing.assert_close(scales.centre, torch.tensor([2.0, 2.0, 10.0, 10.0, 10.0], dtype=torch.float64))
    pooled = 8 / 3
    expected = torch.tensor([pooled, (pooled + 8) / 3, pooled, pooled / 2, pooled], dtype=torch.float64).sqrt()
    torch.testing.assert_close(scales.spread, expected)


def test_rung_covariance_has_unit_diagonal_correlation_and_expects_agreement() -> None:
    scales = RungScales(torch.zeros(4, dtype=torch.float64), torch.tensor([1.0, 2, 3, 4], dtype=torch.float64))
    kernel = RungCovariance(scales, share=1.0, correlated=True, column=0)
    correlation = kernel.correlation
    torch.testing.assert_close(correlation.diagonal(), torch.ones(4, dtype=torch.float64))
    assert (correlation > 0.3).all()
    assert torch.linalg.eigvalsh(correlation).min() > 0
    torch.testing.assert_close(kernel.matrix.diagonal().sqrt(), scales.spread)
    assert NOISE_FLOOR < 1e-3


def test_projection_keeps_distances_when_it_keeps_all_components() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(50, 5, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 10, 100, 1e-3, 1])
    features = torch.cat([features, torch.ones(50, 2)], dim=1)
    projection = Projection.fit(features, 24)
    assert projection.kept.tolist() == [0, 1, 2, 3, 4]
    standard = (features[:, :5] - features[:, :5].mean(0)) / features[:, :5].std(0)
    torch.testing.assert_close(torch.cdist(projection(features), projection(features)) * 5**0.5,
                               torch.cdist(standard, standard))  # fmt: skip
    assert Projection.fit(features, 2)(features).shape == (50, 2)


def test_projection_of_nothing_and_of_constants() -> None:
    for reference in (torch.zeros(0, 4), torch.ones(1, 4), torch.ones(6, 4)):
        assert torch.equal(Projection.fit(reference, 3)(torch.rand(2, 4)), torch.zeros(2, 1))


def test_thinning_keeps_the_scarce_rung() -> None:
    rungs = torch.cat([torch.zeros(5000), torch.ones(30), torch.zeros(100)]).long()
    chosen = _thinned(rungs, 200)
    assert len(chosen) == 200
    assert len(chosen.unique()) == 200
    assert (rungs[chosen] == 1).sum() == 30


def test_many_cheap_measurements_are_all_used_in_time() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1500, 4, generator=generator, dtype=torch.float64)
    surrogate = MultiFidelityGP(2, 1, max_iterations=5)
    surrogate.fit(features, (torch.arange(1500) % 100 == 0).long(), features.sum(dim=1, keepdim=True))
    assert len(surrogate.model().models[0].train_targets) == 1500
