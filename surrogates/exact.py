"""Closed forms of an exact Gaussian process that is fitted: only what is asked for, and for thousands of points.

BoTorch's posterior of n points holds an `n x n` covariance; here only variances, and covariances of pairs, are made.
C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equations 2.25, 2.26, 5.10-5.12.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from surrogates.censoring import Limits, place_sites
from surrogates.replicates import leave_out, replicates
from surrogates.threads import threads_for

if TYPE_CHECKING:
    from botorch.models import SingleTaskGP

# Candidates worked on at a time.
_BLOCK = 1024


@dataclass(frozen=True)
class ExactPosterior:
    """The posterior of a fitted single-output model given its training data.

    Attributes:
        gp: The model, in evaluation mode.
        factor: `N x N`, the Cholesky factor of the covariance of the training targets.
        whitened: `N`, the factor's inverse times the centred targets.
        values: `N`, as measured; the model's targets differ where a floor hides the latent value.
        floors: `F`, of each rung; minus infinity where it has none.
    """

    gp: "SingleTaskGP"
    factor: Tensor
    whitened: Tensor
    values: Tensor
    floors: Tensor

    @classmethod
    def of(cls, gp: "SingleTaskGP", floors: Tensor, limits: Limits) -> "ExactPosterior":
        """Condition a fitted model on its training data.

        Args:
            gp: The model.
            floors: `F`, of each rung.
            limits: Which training targets are limits alone; they are replaced by sites.

        Raises:
            NotPSDError: Of `linear_operator`: the covariance cannot be factorised.
        """
        values = gp.train_targets
        if limits:
            place_sites(gp, limits)
        inputs, targets = gp.train_inputs[0], gp.train_targets
        with torch.no_grad():
            covariance = gp.covar_module(inputs).to_dense() + torch.diag(gp.likelihood.training_noise(inputs))
            factor = psd_safe_cholesky(covariance)
            residual = (targets - gp.mean_module(inputs)).unsqueeze(-1)
            whitened = torch.linalg.solve_triangular(factor, residual, upper=False).squeeze(-1)
            return cls(gp, factor, whitened, values, floors)

    @property
    def inputs(self) -> Tensor:
        """`N x (d' + 1)`, as measured."""
        return self.gp.train_inputs[0]

    @torch.no_grad()
    def moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances, `n` each, of noise-free values at `n x (d' + 1)` inputs."""
        with threads_for(len(self.whitened)):
            blocks = [self._moments(block) for block in inputs.split(_BLOCK)]
        means, variances = zip(*blocks, strict=True)
        return torch.cat(means), torch.cat(variances)

    @torch.no_grad()
    def covariance(self, first: Tensor, second: Tensor) -> Tensor:
        """Covariances of noise-free values, pair by pair: two `n x (d' + 1)` inputs to `n`."""
        pairs = zip(first.split(_BLOCK), second.split(_BLOCK), strict=True)
        with threads_for(len(self.whitened)):
            return torch.cat([self._covariance(one, other) for one, other in pairs])

    @torch.no_grad()
    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation, `N` each, of every measurement predicted from the others, before a floor clips it.

        Measurements of one candidate at one rung are left out together. Hyperparameters, and what floors hide of the
        others, stay as fitted to all.
        """
        precision = torch.cholesky_inverse(self.factor)
        weights = torch.linalg.solve_triangular(self.factor.T, self.whitened.unsqueeze(-1), upper=True).squeeze(-1)
        inputs = self.gp.train_inputs[0]
        difference, variance = weights / precision.diagonal(), 1 / precision.diagonal()
        groups = replicates(inputs)
        kept = groups >= 0
        together, of_them = leave_out(groups, precision[groups[:, :, None], groups[:, None, :]], weights)
        difference[groups[kept]], variance[groups[kept]] = together[kept], of_them[kept]
        hidden = self.gp.likelihood.training_noise(inputs) - self.gp.likelihood.noise[inputs[:, -1].long()]
        return self.gp.train_targets - difference, (variance - hidden).sqrt()

    def _moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        half = self._half(inputs)
        prior = self.gp.covar_module(inputs, diag=True)
        return self.gp.mean_module(inputs) + self.whitened @ half, prior - half.square().sum(dim=0)

    def _covariance(self, first: Tensor, second: Tensor) -> Tensor:
        prior = self.gp.covar_module(first, second, diag=True)
        half = self._half(first)
        other = half if second is first else self._half(second)
        return prior - (half * other).sum(dim=0)

    def _half(self, inputs: Tensor) -> Tensor:
        cross = self.gp.covar_module(self.gp.train_inputs[0], inputs).to_dense()
        return torch.linalg.solve_triangular(self.factor, cross, upper=False)
