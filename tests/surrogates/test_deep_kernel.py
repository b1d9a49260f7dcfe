"""The deep kernel: the contract, what its network is not shown, and what it is worth."""

import math

import numpy as np
import pytest
import torch
from surrogate_contract import SurrogateContract
from torch import Tensor

from surrogates import MultiFidelityGP, Surrogate, assess, build
from surrogates.deep_kernel import LearnedCoordinates


def candidates(n: int, seed: int = 0, d: int = 4) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wavy(features: Tensor) -> Tensor:
    """Flat along all directions but one, along which it waves: distances in features say little of it."""
    return torch.sin(2 * features.sum(dim=1))


@pytest.mark.slow
class TestContract(SurrogateContract):
    n_measurements = 360  # 120 a rung: enough for a network

    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        # a reference, as campaigns give: without it what the network sees moves with every row
        return build("deep_kernel", n_fidelities, n_properties, reference=candidates(300, seed=3, d=12))


class TestContractOfFewMeasurements(SurrogateContract):
    def make(self, n_fidelities: int, n_properties: int) -> Surrogate:
        return build("deep_kernel", n_fidelities, n_properties)


def test_the_network_does_not_depend_on_what_it_is_not_shown() -> None:
    features, rungs = candidates(150), torch.zeros(150, dtype=torch.long)
    values = wavy(features)
    first = LearnedCoordinates.of(features, rungs, values, 1)
    assert first is not None
    assert int(first.unseen.sum()) == 30
    others = LearnedCoordinates.of(features, rungs, torch.where(first.unseen, values + 7, values), 1)
    assert others is not None
    assert torch.equal(first.unseen, others.unseen)
    assert torch.equal(first.network(features), others.network(features))


def test_measurements_of_one_candidate_are_shown_together() -> None:
    features = candidates(130).repeat(2, 1)
    rungs = torch.arange(2).repeat_interleave(130)
    learned = LearnedCoordinates.of(features, rungs, wavy(features), 2)
    assert learned is not None
    assert torch.equal(learned.unseen[:130], learned.unseen[130:])
    assert int(learned.unseen.sum()) == 52
    assert learned.network.n_outputs == 2


def test_a_rung_with_few_measurements_is_left_to_the_gaussian_process() -> None:
    features = torch.cat([candidates(200), candidates(200)[:20]])
    rungs = torch.cat([torch.zeros(200), torch.ones(20)]).long()
    learned = LearnedCoordinates.of(features, rungs, wavy(features), 2)
    assert learned is not None
    assert learned.network.n_outputs == 1
    assert learned.unseen[200:].all()
    assert learned.unseen[:20].all(), "of a candidate that the target knows, no rung is shown"
    assert int(learned.unseen[20:200].sum()) == 36


def test_few_measurements_need_no_network() -> None:
    features = candidates(99)
    assert LearnedCoordinates.of(features, torch.zeros(99, dtype=torch.long), wavy(features), 1) is None
    same = torch.zeros(300, 0, dtype=torch.float64)
    assert LearnedCoordinates.of(same, torch.zeros(300, dtype=torch.long), torch.zeros(300), 1) is None


@pytest.fixture(scope="module")
def mixed() -> tuple[MultiFidelityGP, Tensor, Tensor]:
    """Two properties, of which the first has too few measurements for a network."""
    features = candidates(250)
    values = torch.stack([features[:, 0], wavy(features)], dim=1)
    values[60:, 0] = torch.nan
    surrogate = MultiFidelityGP(1, 2, most_exact=2000, most_shallow=0)
    surrogate.fit(features, torch.zeros(250), values)
    return surrogate, features, values


def test_the_posterior_is_the_textbooks_over_both_kinds_of_coordinates(
    mixed: tuple[MultiFidelityGP, Tensor, Tensor],
) -> None:
    surrogate, features, values = mixed
    new = candidates(20, seed=5)
    train, test = surrogate.transform(features).numpy(), surrogate.transform(new).numpy()
    assert train.shape == (250, 4 + 1 + 1)
    gp = surrogate.model().models[1]

    def covariance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        total = np.zeros((len(one), len(other)))
        for product, columns in zip(gp.covar_module.kernels, (slice(4, 5), slice(0, 4)), strict=True):
            matern, rung = product.kernels
            distance = np.linalg.norm(one[:, None, columns] - other[None, :, columns], axis=-1)
            r = math.sqrt(5) * distance / matern.lengthscale.item()
            total += (1 + r + r**2 / 3) * np.exp(-r) * rung.matrix.item()
        return total

    noise, mean = gp.likelihood.noise.item(), gp.mean_module(torch.from_numpy(test[:1])).item()
    inverse = np.linalg.inv(covariance(train, train) + noise * np.eye(250))
    cross = covariance(test, train)
    expected = mean + cross @ inverse @ (values[:, 1].numpy() - mean)
    variance = np.diag(covariance(test, test) - cross @ inverse @ cross.T) + noise
    prediction = surrogate.predict(new)
    np.testing.assert_allclose(prediction.mean[:, 1].numpy(), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(prediction.sd[:, 1].numpy(), np.sqrt(variance), rtol=1e-6)


def test_a_property_without_a_network_is_as_if_no_other_had_one(mixed: tuple[MultiFidelityGP, Tensor, Tensor]) -> None:
    surrogate, features, values = mixed
    alone = MultiFidelityGP(1, 1, reference=features)
    alone.fit(features[:60], torch.zeros(60), values[:60, :1])
    new = candidates(20, seed=5)
    torch.testing.assert_close(surrogate.predict(new).mean[:, :1], alone.predict(new).mean)
    assert [len(entry.values) for entry in surrogate.leave_one_out()] == [60, 50]


def test_a_network_finds_the_one_direction_that_matters() -> None:
    features, new = candidates(500, d=8), candidates(300, seed=1, d=8)
    errors = []
    for kind in ("multi_fidelity_gp", "deep_kernel"):
        surrogate = build(kind, 1, 1)
        surrogate.fit(features, torch.zeros(500), torch.tanh(2 * features.sum(dim=1, keepdim=True)))
        truth = torch.tanh(2 * new.sum(dim=1))
        errors.append((surrogate.predict(new).mean[:, 0] - truth).abs().mean())
    assert errors[1] < 0.7 * errors[0]


def test_what_cannot_be_learned_is_noise_and_leaving_one_out_says_so() -> None:
    """A network of 70,000 parameters remembers 240 random values; what it was not shown tells."""
    features, values = candidates(300), candidates(300, seed=2, d=1)
    surrogate = build("deep_kernel", 1, 1)
    surrogate.fit(features, torch.zeros(300), values)
    (entry,) = surrogate.leave_one_out()
    assert assess(entry.mean, entry.sd, entry.values).mae > 0.7
    new = candidates(300, seed=3)
    prediction = surrogate.predict(new)
    judged = assess(prediction.mean[:, 0], prediction.sd[:, 0], candidates(300, seed=4, d=1)[:, 0])
    assert judged.coverage_90 > 0.8


def test_a_floor_hides_a_latent_value() -> None:
    features = candidates(300)
    latent = features[:, :1] + 0.3
    surrogate = build("deep_kernel", 1, 1)
    surrogate.fit(features, torch.zeros(300), latent.clamp_min(0.0))
    new = candidates(200, seed=1)
    prediction = surrogate.predict(new)
    assert float(torch.as_tensor(prediction.floor)[0]) == 0.0
    assert (prediction.median[:, 0] - (new[:, 0] + 0.3).clamp_min(0)).abs().mean() < 0.1
    assert (prediction.mean[new[:, 0] < -1.0, 0] < 0).double().mean() > 0.9


def test_auto_is_deep_beyond_what_is_exact() -> None:
    features = candidates(250)
    surrogate = build("auto", 1, 1, most_exact=200, most_shallow=200)
    surrogate.fit(features, torch.zeros(250), wavy(features)[:, None])
    assert type(surrogate.model().models[0]).__name__ == "InducedGP"
    assert surrogate.transform(features).shape == (250, 4 + 1 + 1)


def test_inducing_points_are_among_what_the_network_was_shown() -> None:
    features = torch.cat([candidates(200), candidates(200)[:20]])
    rungs = torch.cat([torch.zeros(200), torch.ones(20)]).long()
    learned = LearnedCoordinates.of(features, rungs, wavy(features), 2)
    assert learned is not None
    eligible = learned.inducing(rungs)
    assert torch.equal(eligible[:200], ~learned.unseen[:200])
    assert eligible[200:].all(), "a rung that it was not shown needs them too"
