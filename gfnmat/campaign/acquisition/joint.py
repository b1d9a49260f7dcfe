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

    def moved_by(self, measured: Tensor, noise: Tensor) -> Tensor:
        """How far the means of all pairs move once some are measured, `p x n`: times `p` standard normal draws.

        Args:
            measured: indices of the pairs, `p`.
            noise: variance of each measurement, `p`.
        """
        across = self.covariance[:, measured]
        within = across[measured] + torch.diag(noise)
        within = within + 1e-9 * within.diagonal().sum() / max(1, len(within)) * torch.eye(len(within)).to(within)
        return torch.linalg.solve_triangular(torch.linalg.cholesky(within), across.T, upper=False)

    def after(self, moved: Tensor) -> Joint:
        """Once pairs are measured that move means so far, whatever comes of it: means stay as expected.

        Args:
            moved: as `moved_by` gives it, `p x n`.
        """
        return Joint(self.mean, self.covariance - moved.T @ moved)
