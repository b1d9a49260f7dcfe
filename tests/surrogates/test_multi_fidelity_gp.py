"""The Gaussian process surrogate: the contract, and what it must learn about rungs."""

import math

import pytest
import torch
from surrogate_contract import SurrogateContract
from torch import Tensor

from surrogates import MultiFidelityGP, Surrogate, assess, build


class TestContract(SurrogateContract):
    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        return MultiFidelityGP(n_fidelities, n_properties)


class TestContractWithReference(SurrogateContract):
    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        reference = torch.randn(300, 12, generator=torch.Generator().manual_seed(3))
        return MultiFidelityGP(n_fidelities, n_properties, reference=reference)


class TestContractThroughInducingPoints(SurrogateContract):
    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        return build("variational_gp", n_fidelities, n_properties)


def smooth(features: Tensor, seed: int) -> Tensor:
    """A random smooth function of `n x d` features: 200 random Fourier features."""
    generator = torch.Generator().manual_seed(seed)
    d = features.shape[1]
    directions = torch.randn(d, 200, generator=generator, dtype=torch.float64) / math.sqrt(d)
    phases = 2 * math.pi * torch.rand(200, generator=generator, dtype=torch.float64)
    weights = torch.randn(200, generator=generator, dtype=torch.float64) * math.sqrt(2 / 200)
    return torch.cos(features @ directions + phases) @ weights


def candidates(n: int, seed: int, d: int = 6) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


N_TARGET, N_LOW = 12, 80


def target_error(low: Tensor | None, features: Tensor, truth: Tensor) -> tuple[float, float]:
    """Error where the target was not measured, and mean correlation where nothing was.

    Measured are the target of the first N_TARGET candidates, and rung 0, where there is one, of the first N_LOW.
    """
    surrogate = MultiFidelityGP(2, 1)
    if low is None:
        surrogate.fit(features[:N_TARGET], torch.ones(N_TARGET), truth[:N_TARGET, None])
    else:
        surrogate.fit(
            torch.cat([features[:N_LOW], features[:N_TARGET]]),
            torch.cat([torch.zeros(N_LOW), torch.ones(N_TARGET)]),
            torch.cat([low[:N_LOW], truth[:N_TARGET]])[:, None],
        )
    unseen = features[N_TARGET:]
    error = (surrogate.predict(unseen).mean[:, 0] - truth[N_TARGET:]).abs().mean().item()
    return error, surrogate.correlation(features[N_LOW:], 0).mean().item()


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.1, 40.0), (25.0, -300.0)])
def test_an_affine_copy_at_a_low_rung_is_recognised_and_used(scale: float, shift: float) -> None:
    features = candidates(160, seed=1)
    truth = smooth(features, seed=2)
    alone, none = target_error(None, features, truth)
    helped, correlation = target_error(scale * truth + shift, features, truth)
    assert none == 0.0
    assert correlation > 0.7
    assert helped < 0.4 * alone


def test_an_opposed_low_rung_is_used_as_well() -> None:
    features = candidates(160, seed=1)
    truth = smooth(features, seed=2)
    alone, _ = target_error(None, features, truth)
    helped, correlation = target_error(-2.0 * truth, features, truth)
    assert correlation < -0.7
    assert helped < 0.4 * alone


@pytest.mark.slow
def test_an_unrelated_low_rung_does_little_harm() -> None:
    harms, correlations = [], []
    for seed in range(4):
        features = candidates(160, seed=seed)
        truth, other = smooth(features, seed=10 + seed), smooth(features, seed=20 + seed)
        alone, _ = target_error(None, features, truth)
        beside, correlation = target_error(other, features, truth)
        harms.append(beside / alone)
        correlations.append(correlation)
    assert sum(harms) / len(harms) < 1.15
    assert abs(sum(correlations)) / len(correlations) < 0.2


def test_selecting_what_the_low_rung_likes_does_not_bias_the_target() -> None:
    """The target saw only the 12 candidates that rung 0 put first; standardising each rung by itself fails here."""
    features = candidates(200, seed=4)
    truth = smooth(features, seed=5)
    low = 0.5 * truth - 3
    best = low[:100].argsort()[:12]
    surrogate = MultiFidelityGP(2, 1)
    surrogate.fit(
        torch.cat([features[:100], features[best]]),
        torch.cat([torch.zeros(100), torch.ones(12)]),
        torch.cat([low[:100], truth[best]])[:, None],
    )
    predicted = surrogate.predict(features[100:]).mean[:, 0]
    bias_of_the_measured = (truth[best].mean() - truth[100:].mean()).abs()
    assert (predicted.mean() - truth[100:].mean()).abs() < 0.5 * bias_of_the_measured


@pytest.mark.slow
def test_intervals_cover_what_they_say() -> None:
    inside, total = 0.0, 0
    for seed in range(6):
        features = candidates(260, seed=seed, d=4)
        noise = 0.1 * candidates(260, seed=100 + seed, d=1)[:, 0]
        values = smooth(features, seed=30 + seed) + noise
        surrogate = MultiFidelityGP(1, 1)
        surrogate.fit(features[:60], torch.zeros(60), values[:60, None])
        prediction = surrogate.predict(features[60:])
        judged = assess(prediction.mean[:, 0], prediction.sd[:, 0], values[60:])
        inside += judged.coverage_90 * judged.n
        total += judged.n
    assert 0.84 < inside / total < 0.97


def test_units_do_not_matter() -> None:
    features = candidates(60, seed=6)
    truth = smooth(features, seed=7)
    rungs = torch.arange(60) % 2
    predictions = []
    for scale, shift in [(1.0, 0.0), (1e3, 5e3), (1e-2, 1.0)]:
        surrogate = MultiFidelityGP(2, 1)
        surrogate.fit(features[:40], rungs[:40], (scale * truth + shift)[:40, None])
        prediction = surrogate.predict(features)
        predictions.append(((prediction.mean - shift) / scale, prediction.sd / scale))
    for mean, sd in predictions[1:]:
        torch.testing.assert_close(mean, predictions[0][0], atol=1e-2, rtol=1e-2)
        torch.testing.assert_close(sd, predictions[0][1], atol=1e-2, rtol=1e-2)


def test_a_reference_shows_what_few_measurements_do_not() -> None:
    """Two measured candidates differ in one feature; with a reference, others that differ elsewhere are not certain."""
    measured = torch.zeros(2, 6, dtype=torch.float64)
    measured[1, 0] = 1.0
    stranger = torch.zeros(1, 6, dtype=torch.float64)
    stranger[0, 1:] = 3.0
    surrogate = build("multi_fidelity_gp", 1, 1, reference=candidates(200, seed=0))
    surrogate.fit(measured, torch.zeros(2), torch.tensor([[0.0], [1.0]]))
    assert surrogate.predict(stranger).sd > 1.5 * surrogate.predict(measured).sd.max()


def test_a_failed_fit_falls_back_on_the_priors_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from linear_operator.utils.errors import NotPSDError

    def fail(*args: object, **kwargs: object) -> None:
        raise NotPSDError("not positive definite")

    monkeypatch.setattr("surrogates.fitting.fit_gpytorch_mll_scipy", fail)
    features = candidates(30, seed=0)
    surrogate = MultiFidelityGP(1, 1)
    with pytest.warns(RuntimeWarning, match="those of the prior"):
        surrogate.fit(features, torch.zeros(30), smooth(features, 0)[:, None])
    assert surrogate.predict(features).mean.isfinite().all()


@pytest.mark.parametrize("name", ["n_fidelities", "n_properties", "n_components", "max_iterations"])
def test_settings_are_checked(name: str) -> None:
    settings = {"n_fidelities": 2, "n_properties": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        build("multi_fidelity_gp", **settings)


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'multi_fidelity_gp'"):
        build("multifidelity_gp", 2, 1)
    with pytest.raises(ValueError, match=r"allowed are auto, multi_fidelity_gp, variational_gp, deep_kernel$"):
        build("xyz", 2, 1)
