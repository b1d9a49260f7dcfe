"""From many correlated features to the few coordinates in which a Gaussian process measures distance."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# A column whose deviation is this fraction of its largest value is constant but for rounding.
_CONSTANT = 1e-9
# In deviations: a column that hardly varied in the reference must not drown all others in a new candidate.
_FARTHEST = 5.0


@dataclass(frozen=True)
class Projection:
    """Standardises features, drops constant ones, and projects on the leading principal axes.

    Components are not whitened: distances in the projection are those between standardised features, less what the
    dropped axes hold. They are divided by the root of the number of features, so that two random members of the
    reference are about the root of two apart whatever the features are, and lengthscales have one prior.

    Attributes:
        kept: `k`, indices of the columns that vary.
        centre: `k`.
        deviation: `k`.
        axes: `k x d'`.
    """

    kept: Tensor
    centre: Tensor
    deviation: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, reference: Tensor, n_components: int) -> "Projection":
        """Learn the projection from `n x d` features; `d'` is at most `n_components`, and at least 1."""
        n, d = reference.shape
        deviation = reference.std(dim=0) if n > 1 else reference.new_zeros(d)
        scale = reference.abs().amax(dim=0) if n else reference.new_zeros(d)
        kept = (deviation > _CONSTANT * scale).nonzero().squeeze(1)
        if not len(kept):
            return cls(kept, reference.new_zeros(0), reference.new_zeros(0), reference.new_zeros(0, 1))
        centre = reference[:, kept].mean(dim=0)
        standardised = ((reference[:, kept] - centre) / deviation[kept]).clamp(-_FARTHEST, _FARTHEST)
        _, sizes, axes = torch.linalg.svd(standardised - standardised.mean(dim=0), full_matrices=False)
        rank = int((sizes > 1e-9 * sizes[0]).sum())
        axes = axes[: max(1, min(rank, n_components))].T / math.sqrt(len(kept))
        return cls(kept, centre, deviation[kept], axes)

    def __call__(self, features: Tensor) -> Tensor:
        """`n x d` features to `n x d'` coordinates."""
        return self.standardised(features) @ self.axes

    def standardised(self, features: Tensor) -> Tensor:
        """`n x d` features to the `n x k` that vary, in deviations from their means."""
        return ((features[:, self.kept] - self.centre) / self.deviation).clamp(-_FARTHEST, _FARTHEST)
