"""Values at a floor against sampling, quadrature, and what is known of clipped normal distributions."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm, truncnorm
from torch import Tensor

from surrogates import MultiFidelityGP, assess
from surrogates.censoring import Limits, find_floors, propagate
from surrogates.diagnostics import crps_clipped

INFINITY = math.inf


def floats(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def cavities_of(covariance: Tensor, mean: Tensor):
    """Leaving one out by conditioning on the others, one at a time."""

    def cavities(target: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        means, variances = [], []
        for index in range(len(target)):
            rest = [other for other in range(len(target)) if other != index]
            cross = covariance[index, rest]
            inverse = torch.linalg.inv(covariance[rest][:, rest] + torch.diag(variance[rest]))
            means.append(mean[index] + cross @ inverse @ (target[rest] - mean[rest]))
            variances.append(covariance[index, index] - cross @ inverse @ cross)
        return torch.stack(means), torch.stack(variances)

    return cavities


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_one_hidden_value_has_the_moments_of_a_truncated_normal(side: float) -> None:
    prior, noise, mean, bound = 2.0, 0.5, 0.7, 0.3
    sites = propagate(
        lambda target, variance: (floats(mean), floats(prior)),
        floats(bound),
        Limits(floats(side), floats(bound)),
        floats(noise),
        floats(prior),
    )
    precision = 1 / prior + 1 / (sites.variances + noise)
    found = (mean / prior + sites.targets / (sites.variances + noise)) / precision
    total = math.sqrt(prior + noise)
    low, high = (-np.inf, (bound - mean) / total) if side < 0 else ((bound - mean) / total, np.inf)
    measured = truncnorm(low, high, loc=mean, scale=total)  # of the measurement, which the latent value follows
    gain = prior / (prior + noise)
    assert found.item() == pytest.approx(mean + gain * (measured.mean() - mean), rel=1e-3)
    assert 1 / precision.item() == pytest.approx(prior - gain * prior + gain**2 * measured.var(), rel=1e-3)


def test_several_hidden_values_agree_with_rejection_sampling() -> None:
    points = np.array([0.0, 0.5, 1.1, 1.4])  # two hidden, one observed, one asked about
    covariance = np.exp(-0.5 * (points[:, None] - points[None]) ** 2)
    generator = np.random.default_rng(0)
    noise, observed = 0.1, 0.6
    latent = generator.multivariate_normal(np.zeros(4), covariance, size=400_000)
    measured = latent + math.sqrt(noise) * generator.standard_normal(latent.shape)
    weight = norm.pdf(observed, latent[:, 2], math.sqrt(noise)) * (measured[:, :2] < 0).all(axis=1)
    expected = np.average(latent[:, 3], weights=weight)
    spread = math.sqrt(np.average((latent[:, 3] - expected) ** 2, weights=weight))

    known = torch.from_numpy(covariance)[:3, :3]
    limits = Limits(floats(-1, -1, 0), floats(0, 0, 0))
    variances = torch.full((3,), noise, dtype=torch.float64)
    sites = propagate(
        cavities_of(known, torch.zeros(3).double()), floats(0, 0, observed), limits, variances, floats(1, 1, 1)
    )
    gain = torch.from_numpy(covariance)[3, :3] @ torch.linalg.inv(known + torch.diag(variances + sites.variances))
    assert (gain @ sites.targets).item() == pytest.approx(expected, abs=0.02)
    variance = 1 - gain @ torch.from_numpy(covariance)[:3, 3]
    assert variance.sqrt().item() == pytest.approx(spread, abs=0.02)


def inputs_of(rungs: Tensor) -> Tensor:
    return torch.stack([torch.arange(len(rungs)).double(), rungs.double()], dim=1)


def test_floors_are_found_where_values_pile_up() -> None:
    gaps = torch.cat([torch.zeros(12), torch.linspace(0.5, 3, 20)]).double()
    one = find_floors(inputs_of(torch.zeros(32)), gaps, 2)
    assert one.tolist() == [0.0, -INFINITY]
    both = torch.cat([gaps, floats(0, 1, 2)])
    assert find_floors(inputs_of(torch.tensor([0] * 32 + [1] * 3)), both, 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "values",
    [
        torch.linspace(-1, 1, 40),  # no ties
        torch.linspace(-1, 1, 200).round(decimals=1),  # rounded
        (torch.arange(40) % 2).double(),  # classes
        torch.zeros(40),  # nothing else
        torch.cat([torch.zeros(4), torch.linspace(0.1, 1, 30)]),  # too few
    ],
)
def test_ties_of_other_kinds_are_no_floor(values: Tensor) -> None:
    assert find_floors(inputs_of(torch.zeros(len(values))), values.double(), 1).tolist() == [-INFINITY]


def test_one_material_measured_often_is_no_floor() -> None:
    inputs = inputs_of(torch.zeros(40))
    inputs[:12] = inputs[0]
    values = torch.cat([torch.zeros(12), torch.linspace(0.1, 1, 28)]).double()
    assert find_floors(inputs, values, 1).tolist() == [-INFINITY]


@pytest.mark.parametrize(("mean", "sd", "value"), [(0.5, 1.0, 0.0), (-2.0, 1.5, 1.0), (3.0, 0.5, 2.5)])
def test_crps_of_a_clipped_normal_is_the_integral(mean: float, sd: float, value: float) -> None:
    below, _ = quad(lambda y: norm.cdf(y, mean, sd) ** 2, 0, value)
    above, _ = quad(lambda y: (1 - norm.cdf(y, mean, sd)) ** 2, value, 40)
    score = crps_clipped(floats(mean), floats(sd), floats(value), 0.0)
    assert score.item() == pytest.approx(below + above, abs=1e-6)


@pytest.mark.parametrize("centre", [-2.0, 0.0, 1.0])
def test_clipped_normals_are_covered_as_they_say(centre: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = centre + 0.5 * torch.randn(40_000, generator=generator, dtype=torch.float64)
    sd = torch.full_like(mean, 0.8)
    values = (mean + sd * torch.randn(40_000, generator=generator, dtype=torch.float64)).clamp(min=0)
    assert assess(mean, sd, values, 0.0).coverage_90 == pytest.approx(0.9, abs=0.01)
    if centre >= 0:  # of what is at the floor in any case, deviations say little
        assert assess(mean, 0.5 * sd, values, 0.0).coverage_90 < 0.86


@pytest.mark.parametrize("most_exact", [None, 0])
def test_metals_do_not_spoil_the_gaps(most_exact: int | None) -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(260, 3, generator=generator, dtype=torch.float64)
    values = (1.5 * features[:, 0] + features[:, 1]).clamp(min=0)
    surrogate = MultiFidelityGP(1, 1, most_exact=most_exact)
    surrogate.fit(features[:60], torch.zeros(60), values[:60, None])
    found = surrogate.predict(features[60:])
    assert found.floor.tolist() == [0.0]
    assert found.median.min() == 0
    assert found.mean.min() < -1, "the floor hides how far below it a material lies"
    judged = assess(found.mean[:, 0], found.sd[:, 0], values[60:], 0.0)
    assert judged.mae < 0.12
    assert judged.coverage_90 > 0.75
    posterior = surrogate.model().posterior(surrogate.transform(features[60:]))
    torch.testing.assert_close(posterior.mean, found.mean, rtol=1e-4, atol=1e-5)
    (left_out,) = surrogate.leave_one_out()
    assert torch.equal(left_out.values, values[:60])
    assert assess(left_out.mean, left_out.sd, left_out.values, left_out.floor).mae < 0.2


def test_fantasies_work_beside_a_floor() -> None:
    from botorch.sampling import SobolQMCNormalSampler

    features = torch.randn(40, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    surrogate = MultiFidelityGP(1, 1)
    surrogate.fit(features, torch.zeros(40), features[:, :1].clamp(min=0))
    model, new = surrogate.model().models[0], surrogate.transform(features[:5] + 0.3)
    fantasy = model.fantasize(new, sampler=SobolQMCNormalSampler(torch.Size([4]), seed=0))
    assert (fantasy.posterior(new).variance < model.posterior(new).variance).all()
