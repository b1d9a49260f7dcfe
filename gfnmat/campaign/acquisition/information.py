"""What a measurement at a rung would tell of a candidate's value at the target, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogates import Surrogate


@dataclass(frozen=True)
class Information:
    """What is believed of `n` candidates at the target, and how much each rung would tell.

    Attributes:
        mean, sd: `n x properties`, of the noise-free values at the target.
        correlation: `n x rungs x properties`, posterior correlation of a measurement, with its noise, at each rung with
            the noise-free value at the target; 0 where a rung does not answer the property.
    """

    mean: Tensor
    sd: Tensor
    correlation: Tensor

    @classmethod
    def of(cls, surrogate: Surrogate, features: Tensor, trust: Tensor) -> Information:
        """Of candidates with these features, `n x d`, each rung trusted as far as `rungs x properties` say."""
        n_rungs = len(trust)
        noise = rung_noise(surrogate, features[:1], n_rungs)
        target = n_rungs - 1
        columns = []
        for rung in range(n_rungs):
            prediction = surrogate.predict(features, rung)
            signal = (1 - noise[rung] / prediction.sd.square()).clamp(0, 1).sqrt()
            between = torch.ones_like(signal) if rung == target else surrogate.correlation(features, rung)
            columns.append(between.nan_to_num(0.0) * signal * trust[rung])
        sd = (prediction.sd.square() - noise[target]).clamp(min=1e-18).sqrt()
        return cls(prediction.mean, sd, torch.stack(columns, dim=1))


def rung_noise(surrogate: Surrogate, one: Tensor, n_rungs: int) -> Tensor:
    """Variance of measurements about the noise-free values at each rung, `rungs x properties`.

    Args:
        surrogate: fitted.
        one: features of any candidate, `1 x d`; noise depends on the rung alone.
        n_rungs: rungs of the ladder.
    """
    rungs = torch.arange(n_rungs, device=one.device)
    inputs = surrogate.transform(one.expand(n_rungs, -1), rungs)[:, None]
    with torch.no_grad():
        columns = [
            model.posterior(inputs, observation_noise=True).variance - model.posterior(inputs).variance
            for model in surrogate.model().models
        ]
    return torch.cat(columns, dim=-1)[:, 0].clamp(min=0)
