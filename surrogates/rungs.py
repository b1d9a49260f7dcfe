"""Parts of a Gaussian process over candidates and rungs: what differs from rung to rung.

Inputs are `... x n x (d' + 1)` with the rung in the last column. Every rung has a mean, a scale and a noise of its own;
they are parameters, found together by the joint likelihood, and not statistics taken from each rung's values
beforehand. Where the candidates measured at the target were chosen for what a cheap rung said of them, such
statistics are biased, and the joint likelihood is not.
"""

from dataclasses import dataclass
from typing import Any

import torch
from gpytorch.kernels import Kernel
from gpytorch.likelihoods.gaussian_likelihood import _GaussianLikelihoodBase
from gpytorch.likelihoods.noise_models import Noise
from gpytorch.means import Mean
from gpytorch.priors import NormalPrior
from linear_operator.operators import DiagLinearOperator
from torch import Tensor
from torch.nn import Parameter

# How many observations' worth the spread over all rungs weighs in a rung's first guess of its own.
_PSEUDO_OBSERVATIONS = 1.0
# Noise variance is at least this fraction of the rung's variance, which keeps covariances invertible.
NOISE_FLOOR = 1e-5


@dataclass(frozen=True)
class RungScales:
    """First guesses of each rung's mean and deviation (`F` each, in the units of the values): centres of priors."""

    centre: Tensor
    spread: Tensor

    @classmethod
    def guess(cls, values: Tensor, rungs: Tensor, n_rungs: int) -> "RungScales":
        """From `n >= 1` values and their rungs.

        Spreads are shrunk to the one pooled over rungs; a rung without values takes the mean of the nearest that has
        some (of two, the higher). Where no rung's values differ, the spread is the size of the largest value, or 1.
        """
        member = torch.nn.functional.one_hot(rungs, n_rungs).to(values)  # n x F
        counts = member.sum(dim=0)
        means = member.T @ values / counts.clamp_min(1)
        squares = member.T @ (values - means[rungs]).square()
        pooled = squares.sum() / (counts - 1).clamp_min(0).sum().clamp_min(1)
        largest = values.abs().max()
        if pooled.sqrt() <= 1e-9 * largest:
            pooled = largest.square() if largest > 0 else torch.ones_like(largest)
        variance = (_PSEUDO_OBSERVATIONS * pooled + squares) / (_PSEUDO_OBSERVATIONS + (counts - 1).clamp_min(0))
        order = torch.arange(n_rungs, device=values.device)
        distance = (order.unsqueeze(1) - order).abs() * 2 - (order > order.unsqueeze(1)).long()
        nearest = distance.masked_fill(counts == 0, 3 * n_rungs).argmin(dim=1)
        return cls(centre=means[nearest], spread=variance.sqrt())


class RungMean(Mean):
    """A constant for each rung, with a normal prior about its first guess."""

    centre: Tensor
    spread: Tensor

    def __init__(self, scales: RungScales) -> None:
        super().__init__()
        self.register_buffer("centre", scales.centre)
        self.register_buffer("spread", scales.spread)
        self.register_parameter("offset", Parameter(torch.zeros_like(scales.centre)))
        self.register_prior("offset_prior", NormalPrior(0.0, 2.0), "offset")

    def forward(self, x: Tensor) -> Tensor:
        """`... x n x (d' + 1)` to `... x n`."""
        return (self.centre + self.spread * self.offset)[x[..., -1].long()]


class RungCovariance(Kernel):
    """The covariance `s_f s_g C_fg` of rungs f and g.

    Args:
        scales: First guesses of the rungs' deviations.
        share: The part of a rung's variance that this covariance explains, at first guess.
        correlated: Whether C is a free correlation matrix, or the identity.
        column: Where the inputs hold the rung.

    C is `L L^T` with rows of L of unit length and a free lower triangle. Its wide normal prior about 1 expects rungs of
    one property to correlate (0.7 for two rungs), and leaves them free not to, or to be opposed.
    """

    spread: Tensor

    def __init__(self, scales: RungScales, share: float, correlated: bool, column: int) -> None:
        super().__init__(active_dims=(column,))
        self.register_buffer("spread", scales.spread * share**0.5)
        self.register_parameter("log_scale", Parameter(torch.zeros_like(scales.spread)))
        self.register_prior("log_scale_prior", NormalPrior(0.0, 1.5), "log_scale")
        n_rungs = len(scales.spread)
        self.correlated = correlated and n_rungs > 1
        if self.correlated:
            self._row, self._column = torch.tril_indices(n_rungs, n_rungs, offset=-1)
            self.register_parameter("mixing", Parameter(scales.spread.new_ones(len(self._row))))
            self.register_prior("mixing_prior", NormalPrior(1.0, 2.0), "mixing")

    @property
    def correlation(self) -> Tensor:
        """C, `F x F`."""
        identity = torch.eye(len(self.spread), dtype=self.spread.dtype, device=self.spread.device)
        if not self.correlated:
            return identity
        factor = identity.index_put((self._row, self._column), self.mixing)
        factor = factor / factor.norm(dim=-1, keepdim=True)
        return factor @ factor.T

    @property
    def matrix(self) -> Tensor:
        """The covariance of rungs, `F x F`, in the square of the values' units."""
        scale = self.spread * self.log_scale.exp()
        return self.correlation * scale * scale.unsqueeze(-1)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance between the rungs of `... x n x 1` and `... x m x 1` inputs."""
        first, second = x1[..., 0].long(), x2[..., 0].long()
        if diag:
            return self.matrix[first, second]
        return self.matrix[first.unsqueeze(-1), second.unsqueeze(-2)]


class _RungNoiseModel(Noise):
    spread: Tensor
    sites_at: Tensor | None
    site_variances: Tensor | None

    def __init__(self, scales: RungScales) -> None:
        super().__init__()
        self.register_buffer("spread", scales.spread)
        self.register_parameter("log_noise", Parameter(torch.full_like(scales.spread, -3.5)))
        self.register_prior("log_noise_prior", NormalPrior(-3.5, 1.5), "log_noise")
        self.register_buffer("sites_at", None, persistent=False)
        self.register_buffer("site_variances", None, persistent=False)

    @property
    def noise(self) -> Tensor:
        return self.spread.square() * (NOISE_FLOOR + self.log_noise.exp())

    def forward(self, *params: Any, shape: torch.Size | None = None, **kwargs: Any) -> DiagLinearOperator:
        x = params[0] if torch.is_tensor(params[0]) else params[0][0]
        noise = self.noise[x[..., -1].long()]
        at, more = self.sites_at, self.site_variances
        if at is not None and more is not None and x.shape[-2:] == at.shape and bool((x == at).all()):
            noise = noise + more
        return DiagLinearOperator(noise if shape is None else noise.expand(shape))


class RungLikelihood(_GaussianLikelihoodBase):
    """Gaussian noise whose variance depends on the rung; training inputs may have more, see `hide`."""

    def __init__(self, scales: RungScales) -> None:
        super().__init__(noise_covar=_RungNoiseModel(scales))

    @property
    def noise(self) -> Tensor:
        """Noise variances, `F`, in the square of the values' units."""
        return self.noise_covar.noise

    def fix_noise(self, variance: float) -> None:
        """Keep the noise at a variance at all rungs, whatever is fitted."""
        self.noise_covar.log_noise.data = (variance / self.noise_covar.spread.square()).log()
        self.noise_covar.log_noise.requires_grad_(False)

    def hide(self, inputs: Tensor, variances: Tensor) -> None:
        """Add variances, `N`, to the noise at the model's `N x (d' + 1)` training inputs, and at no others."""
        self.noise_covar.sites_at, self.noise_covar.site_variances = inputs, variances

    def training_noise(self, inputs: Tensor) -> Tensor:
        """Noise variances at training inputs `N x (d' + 1)`, with what `hide` added: `N`."""
        return self.noise_covar(inputs).diagonal()
