"""Inducing points: with one at every measurement the posterior is the exact one."""

import torch
from torch import Tensor

from surrogates import Surrogate, build


def fitted(kind: str, n: int = 60, **settings: int) -> tuple[Surrogate, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(n + 30, 4, generator=generator, dtype=torch.float64)
    rungs = torch.arange(n) % 2
    values = torch.sin(features[:n, :1]) * (1 + rungs[:, None])
    values = values + 0.1 * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    surrogate = build(kind, 2, 1, **settings)
    surrogate.fit(features[:n], rungs, values)
    return surrogate, features[n:]


def test_a_point_for_each_measurement_is_exact() -> None:
    exact, new = fitted("multi_fidelity_gp")
    induced, _ = fitted("variational_gp")
    for rung in (0, 1):
        torch.testing.assert_close(induced.predict(new, rung).mean, exact.predict(new, rung).mean, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(induced.predict(new, rung).sd, exact.predict(new, rung).sd, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(induced.correlation(new, 0), exact.correlation(new, 0), rtol=1e-2, atol=1e-3)
    for one, other in zip(induced.leave_one_out(), exact.leave_one_out(), strict=True):
        torch.testing.assert_close(one.mean, other.mean, rtol=1e-2, atol=1e-3)
        torch.testing.assert_close(one.sd, other.sd, rtol=1e-2, atol=1e-3)


def test_fewer_points_are_less_certain_and_not_far_off() -> None:
    exact, new = fitted("multi_fidelity_gp", n=200)
    induced, _ = fitted("variational_gp", n=200, n_inducing=60)
    assert len(induced.model().models[0].points) == 60
    assert (induced.predict(new).sd > 0.99 * exact.predict(new).sd).all()
    assert ((induced.predict(new).mean - exact.predict(new).mean).abs() < exact.predict(new).sd).all()


def test_the_model_takes_batches_of_candidates() -> None:
    induced, new = fitted("variational_gp")
    inputs = induced.transform(new).reshape(6, 5, -1)
    posterior = induced.model().posterior(inputs)
    assert posterior.mean.shape == (6, 5, 1)
    torch.testing.assert_close(posterior.mean.flatten(), induced.predict(new).mean[:, 0])
    assert posterior.rsample(torch.Size([3])).shape == (3, 6, 5, 1)


def test_the_model_takes_one_candidate_more_than_once() -> None:
    """As a selection does, that asks of what was measured together with what is awaited."""
    induced, new = fitted("variational_gp")
    inputs = induced.transform(new[:4]).repeat(2, 1)
    model = induced.model()
    drawn = model.posterior(inputs).rsample(torch.Size([200]))
    assert drawn.shape == (200, 8, 1)
    deviation = model.posterior(inputs).variance.sqrt()[:4]
    assert ((drawn[:, :4] - drawn[:, 4:]).abs() < 0.05 * deviation).all()


def test_each_property_is_exact_while_it_has_few_measurements() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    values = features[:, :2].clone()
    values[20:, 1] = torch.nan
    surrogate = build("auto", 1, 2, most_exact=30)
    surrogate.fit(features, torch.zeros(50), values)
    assert [type(model).__name__ for model in surrogate.model().models] == ["InducedGP", "SingleTaskGP"]
