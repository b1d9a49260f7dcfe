"""The joint distribution of candidates' values at their rungs, and what awaited measurements will leave of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.quiet import quiet
from surrogates import Surrogate


@dataclass(frozen=True)
class Joint:
    """A normal distribution of one property at `n` (candidate, rung) pairs, noise-free.

    Attributes:
        mean: `n`.
        covariance: `n x n`.
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, surrogate: Surrogate, column: int, features: Tensor, rungs: Tensor) -> Joint:
        """Of the property in `column`, for `n x d` features at `n` rungs."""
        model = surrogate.model().models[column]
        with torch.no_grad(), quiet():
            posterior = model.posterior(surrogate.transform(features, rungs)).distribution
            return cls(posterior.mean, posterior.covariance_matrix)

    def after(self, measured: Tensor, noise: Tensor) -> Joint:
        """Once some of the pairs are measured, whatever comes of it: means stay as expected, covariance shrinks.

        Args:
            measured: indices of the pairs, `p`.
            noise: variance of each measurement, `p`.
        """
        if not len(measured):
            return self
        across = self.covariance[:, measured]
        within = across[measured] + torch.diag(noise)
        factor = torch.linalg.cholesky(within + 1e-9 * within.diagonal().mean() * torch.eye(len(within)).to(within))
        half = torch.linalg.solve_triangular(factor, across.T, upper=False)
        return Joint(self.mean, self.covariance - half.T @ half)
