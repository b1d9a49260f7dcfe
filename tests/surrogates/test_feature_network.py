"""Networks that learn coordinates: against torch's own layers, and what they learn from floors and several outputs."""

import pytest
import torch
from torch import Tensor, nn

from surrogates.feature_network import Examples, FeatureNetwork


def examples(values: Tensor, inputs: Tensor, outputs: Tensor | None = None, at_floor: Tensor | None = None) -> Examples:
    n = len(inputs)
    return Examples(
        inputs,
        torch.zeros(n, dtype=torch.long) if outputs is None else outputs,
        values,
        torch.zeros(n, dtype=torch.bool) if at_floor is None else at_floor,
    )


@pytest.fixture(scope="module")
def inputs() -> Tensor:
    return torch.randn(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_prediction_is_the_mean_over_networks_of_torchs_layers(inputs: Tensor) -> None:
    network = FeatureNetwork.train(examples(inputs[:, 0], inputs), n_outputs=1)
    predictions = []
    for member in range(len(network.weights[0])):
        layers: list[nn.Module] = []
        for weight, bias in zip(network.weights, network.biases, strict=True):
            linear = nn.Linear(*weight.shape[1:], dtype=torch.float64)
            linear.weight.data, linear.bias.data = weight[member].T, bias[member, 0]
            layers += [linear, nn.LayerNorm(weight.shape[2], dtype=torch.float64), nn.SiLU()]
        predictions.append(nn.Sequential(*layers[:-2])(inputs))
    assert len(predictions) > 1
    torch.testing.assert_close(network(inputs), torch.stack(predictions).mean(dim=0).detach())


def test_each_output_learns_its_own_examples(inputs: Tensor) -> None:
    outputs = torch.arange(400) % 2
    truth = torch.stack([inputs[:, 0], torch.sin(2 * inputs[:, 1])], dim=1)
    shown = examples(truth[torch.arange(400), outputs], inputs, outputs)
    network = FeatureNetwork.train(shown, n_outputs=2)
    new = torch.randn(300, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.stack([new[:, 0], torch.sin(2 * new[:, 1])], dim=1)
    error = (network(new) - expected).abs().mean(dim=0)
    assert (error < 0.3 * (expected - expected.mean(dim=0)).abs().mean(dim=0)).all()


def test_what_is_at_a_floor_may_be_predicted_below_it(inputs: Tensor) -> None:
    latent = inputs[:, 0]
    clipped = latent.clamp_min(0.0)
    network = FeatureNetwork.train(examples(clipped, inputs, at_floor=latent < 0), n_outputs=1)
    predicted = network(inputs)[:, 0]
    assert (predicted[latent < 0].clamp_min(0)).mean() < 0.05
    assert (predicted - clipped)[latent > 0].abs().mean() < 0.1
    assert predicted[latent < -1].mean() < -0.2, "nothing holds it at the floor"


def test_equal_examples_give_equal_networks_and_the_random_state_stays(inputs: Tensor) -> None:
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        networks.append(FeatureNetwork.train(examples(inputs[:60, 1], inputs[:60]), n_outputs=1))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(networks[0](inputs), networks[1](inputs))
    assert networks[0](inputs).dtype == torch.float64
    assert networks[0](inputs[:0]).shape == (0, 1)
