"""Values that pile up at a floor, as band gaps do at 0: the floor hides how far below it a material lies.

A measurement is the larger of the floor and a latent value (J. Tobin, Econometrica 26 (1958) 24), and the latent value
has the Gaussian process. What a value at the floor says of it is replaced by a normal distribution, a site, which is
found by expectation propagation (P. Groot and P. J. F. Lucas, 6th European Workshop on Probabilistic Graphical Models
(2012) 115). All else stays an exact Gaussian process: of the sites' targets, with the sites' variances.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from surrogates.threads import threads_for

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP

# A floor is a lowest value that so many materials share, at least this part of a rung's, and so many times as many as
# share any other value: values that were rounded, or are classes, have ties as well.
_LEAST_TIES, _LEAST_SHARE, _MORE_THAN_OTHERS = 5, 0.05, 3
_SWEEPS = 8
# Of a new site's parameters in its next ones: all sites move at once, and undamped they may oscillate.
_STEP = 0.7


@dataclass(frozen=True)
class Limits:
    """Which of `N` observations say no more of the latent value, with its noise, than on which side of a bound it is.

    Attributes:
        side: `N`, -1 where it is below the bound, 1 where it is above, 0 where it was observed.
        bound: `N`; without meaning where it was observed.
    """

    side: Tensor
    bound: Tensor

    def __getitem__(self, rows: Tensor) -> "Limits":
        """Those of some observations."""
        return Limits(self.side[rows], self.bound[rows])

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool((self.side != 0).any())

    @classmethod
    def at_floors(cls, values: Tensor, floors: Tensor) -> "Limits":
        """Of `N` values and the floor of each one's rung."""
        return cls(-(values <= floors).to(values), values)


@dataclass(frozen=True)
class Sites:
    """What observations say of the latent values, as normal distributions.

    Attributes:
        targets: `N`, their means.
        variances: `N`, beyond the noise of the rung; 0 for what was observed.
    """

    targets: Tensor
    variances: Tensor


def find_floors(inputs: Tensor, values: Tensor, n_rungs: int) -> Tensor:
    """The value at which each rung's values pile up, `F`; minus infinity where they do not.

    A rung whose lowest value is the floor of another has the same.

    Args:
        inputs: `N x (d' + 1)`, the rung in the last column.
        values: `N`.
        n_rungs: F.
    """
    rungs = inputs[:, -1].long()
    floors = values.new_full((n_rungs,), -torch.inf)
    for rung in rungs.unique().tolist():
        floors[rung] = _floor(inputs[rungs == rung], values[rungs == rung])
    for rung in rungs.unique().tolist():
        lowest = values[rungs == rung].min()
        if (floors == lowest).any():
            floors[rung] = lowest
    return floors


Cavities = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From sites' means and variances, `N` each, to mean and variance of each latent value given all sites but its own."""


def propagate(cavities: Cavities, values: Tensor, limits: Limits, noise: Tensor, prior: Tensor) -> Sites:
    """The sites of `N` observations.

    Args:
        cavities: Of the model under its present parameters.
        values: `N`; those that were observed count.
        limits: What is known of the others.
        noise: `N`, variances of the measurements about the latent values.
        prior: `N`, prior variances of the latent values.
    """
    hidden, towards = limits.side != 0, torch.where(limits.side > 0, 1.0, -1.0).to(values)
    spread = prior + noise
    precision = torch.where(hidden, 1 / spread, 1 / noise)
    target = torch.where(hidden, limits.bound + 0.5 * towards * spread.sqrt(), values)
    for _ in range(_SWEEPS):
        mean, variance = cavities(target, 1 / precision)
        # as if all were below their bounds: what is above one is so turned round
        new_precision, new_shift = _moments_matched(-towards * mean, variance, -towards * limits.bound, noise)
        shift = precision * target
        shift = torch.where(hidden, shift + _STEP * (-towards * new_shift - shift), shift)
        precision = torch.where(hidden, precision + _STEP * (new_precision - precision), precision)
        target = torch.where(hidden, shift / precision, values)
    return Sites(target, torch.where(hidden, (1 / precision - noise).clamp_min(0), 0.0))


def place_sites(gp: "SingleTaskGP", limits: Limits) -> None:
    """Put sites in the place of an exact model's `N` targets where they are limits, under its present parameters."""
    inputs, values = gp.train_inputs[0], gp.train_targets
    with torch.no_grad(), threads_for(len(values)):
        prior, mean = gp.covar_module(inputs).to_dense(), gp.mean_module(inputs)

        def cavities(target: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            precision = torch.cholesky_inverse(psd_safe_cholesky(prior + torch.diag(variance)))
            diagonal = precision.diagonal()
            left_out = target - precision @ (target - mean) / diagonal
            return left_out, (1 / diagonal - variance).clamp_min(1e-12)

        noise = gp.likelihood.noise[inputs[:, -1].long()]
        sites = propagate(cavities, values, limits, noise, prior.diagonal())
    gp.likelihood.hide(inputs, sites.variances)
    gp.set_train_data(targets=sites.targets, strict=False)


def _floor(inputs: Tensor, values: Tensor) -> float:
    lowest = values.min()
    at = values == lowest
    _, counts = values[~at].unique(return_counts=True)
    ties = len(inputs[at].unique(dim=0))
    others = int(counts.max()) if len(counts) else math.inf
    enough = ties >= max(_LEAST_TIES, _LEAST_SHARE * len(values), _MORE_THAN_OTHERS * others)
    return lowest.item() if enough else -math.inf


def _moments_matched(mean: Tensor, variance: Tensor, bound: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Precision, and precision times mean, of the site that gives a cavity the moments of a value below the bound."""
    deviation = (variance + noise).sqrt()
    z = (bound - mean) / deviation
    ratio = torch.exp(-0.5 * z.square() - 0.5 * math.log(2 * math.pi) - torch.special.log_ndtr(z))
    hidden_mean = mean - variance * ratio / deviation
    shrinkage = (ratio * (z + ratio) * variance / deviation.square()).clamp(1e-9, 1 - 1e-9)
    hidden_variance = variance * (1 - shrinkage)
    precision = 1 / hidden_variance - 1 / variance
    return precision, hidden_mean / hidden_variance - mean / variance
