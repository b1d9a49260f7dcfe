"""The model of outcomes: what it must say of data whose probabilities are known."""

import pytest
import torch
from torch import Tensor

from surrogates import OutcomeGP


def candidates(n: int, seed: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chance(features: Tensor) -> Tensor:
    """The probability that it happens."""
    return torch.special.ndtr(2 * features[:, 0] + 1)


def learned(n: int = 150) -> OutcomeGP:
    features = candidates(n, seed=1)
    happened = torch.rand(n, generator=torch.Generator().manual_seed(2), dtype=torch.float64) < chance(features)
    model = OutcomeGP(1, reference=candidates(300, seed=0))
    model.fit(features, torch.zeros(n), happened)
    return model


def test_probabilities_are_those_of_the_data() -> None:
    new = candidates(400, seed=3)
    found, true = learned().probability(new), chance(new)
    assert (found - true).abs().mean() < 0.1
    assert (true.mean() - true).abs().mean() > 0.25, "which a constant does not reach"
    assert found.min() >= 0
    assert found.max() <= 1


def test_what_is_turned_round_has_the_other_probability() -> None:
    features, new = candidates(40, seed=1), candidates(50, seed=3)
    happened = features[:, 0] > 0
    found = []
    for outcome in (happened, ~happened):
        model = OutcomeGP(1, reference=candidates(300, seed=0))
        model.fit(features, torch.zeros(40), outcome)
        found.append(model.probability(new))
    torch.testing.assert_close(found[0], 1 - found[1], atol=1e-3, rtol=0)


def test_a_rung_that_was_not_tried_is_less_certain() -> None:
    features = candidates(60, seed=1)
    model = OutcomeGP(2, reference=candidates(300, seed=0))
    model.fit(features, torch.zeros(60), features[:, 0] > 0)
    low, target = model.probability(features, 0), model.probability(features)
    assert (low - 0.5).abs().mean() > (target - 0.5).abs().mean()
    assert ((target > 0.5) == (features[:, 0] > 0)).double().mean() > 0.8


def test_nothing_learned_and_nothing_given_say_so() -> None:
    model = OutcomeGP(1, reference=candidates(30, seed=0))
    with pytest.raises(RuntimeError, match="fit first"):
        model.probability(candidates(2, seed=1))
    with pytest.raises(ValueError, match="of one length"):
        model.fit(candidates(3, seed=1), torch.zeros(3), torch.ones(2, dtype=torch.bool))
