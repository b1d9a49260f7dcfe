"""Measurements of one candidate at one rung: predicted from all others, and from none of each other.

The closed form of leaving out several observations at once: D. Ginsbourger and C. Schaerer, arXiv:2101.03108, after
C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equations 5.10-5.12.
"""

import torch
from torch import Tensor

# Coordinates that differ by less are of one candidate: equal features are projected to equal ones but for rounding.
_SAME = 1e-8


def replicates(inputs: Tensor) -> Tensor:
    """Which observations share their input with another one.

    Args:
        inputs: `N x (d' + 1)`.

    Returns:
        `G x r` indices, a row for each input that was observed more than once, filled up with -1.
    """
    _, member, counts = (inputs / _SAME).round().unique(dim=0, return_inverse=True, return_counts=True)
    sizes = counts[counts > 1]
    groups = torch.full((len(sizes), int(sizes.max()) if len(sizes) else 0), -1, device=inputs.device)
    repeated = (counts[member] > 1).nonzero()[:, 0]
    order = repeated[member[repeated].argsort(stable=True)]
    groups[torch.arange(groups.shape[1], device=inputs.device) < sizes[:, None]] = order
    return groups


def leave_out(groups: Tensor, precision: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """What each observation differs by from its prediction without its group, and the variance of that difference.

    Args:
        groups: `G x r` indices, filled up with -1.
        precision: `G x r x r`, of the inverse of the covariance of all observations the block of each group.
        weights: `N`, that inverse times the centred observations.

    Returns:
        Differences and variances, `G x r` each; without meaning where a group is filled up.
    """
    missing = groups < 0
    outside = missing[:, :, None] | missing[:, None, :]
    identity = torch.eye(groups.shape[1], dtype=precision.dtype, device=precision.device)
    covariance = torch.linalg.inv(torch.where(outside, identity, precision))
    pull = torch.where(missing, 0.0, weights[groups])
    return (covariance @ pull[..., None])[..., 0], covariance.diagonal(dim1=-2, dim2=-1)
