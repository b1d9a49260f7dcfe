"""How far a policy is from balance: losses on sentences, under one condition or several.

All take the log-probabilities of decisions, `g x n x length` (0 beyond a sentence's end), the log target `g x n`, log Z
`g` and, for sub-trajectories, the log flows of the decisions' states.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Loss = Literal["tb", "vargrad", "subtb"]


def trajectory_balance(decided: Tensor, log_target: Tensor, log_z: Tensor) -> Tensor:
    """Of Malkin et al., arXiv:2201.13259; a number."""
    return (log_z[:, None] + decided.sum(-1) - log_target).square().mean()


def log_partition_variance(decided: Tensor, log_target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Trajectory balance with the log Z that balances the batch best, under each condition; a number.

    After Richter et al. (arXiv:2010.10436) and Zhang et al. (arXiv:2305.17010).

    Args:
        decided, log_target: as above.
        weights: of each sentence, `g x n`; None for all alike.
    """
    gap = decided.sum(-1) - log_target
    if weights is None:
        weights = torch.full_like(gap, 1 / gap.shape[1])
    scale = weights.sum(1, keepdim=True)
    best = (weights * gap).detach().sum(1, keepdim=True) / scale
    return (weights * (gap - best).square()).sum(1).mean()


def subtrajectory_balance(decided: Tensor, log_target: Tensor, log_z: Tensor, flows: Tensor, inside: Tensor) -> Tensor:
    """All sub-trajectories of a sentence weighed alike (Madan et al., arXiv:2209.12782, with lambda 1); a number.

    Args:
        decided, log_target, log_z: as above.
        flows: log flows of the states relative to log Z, `g x n x length`.
        inside: where there is a decision, `n x length`.
    """
    so_far = torch.cat([torch.zeros_like(decided[..., :1]), decided.cumsum(-1)], dim=-1)
    n_decisions = inside.sum(-1)
    level = torch.cat([flows, torch.zeros_like(flows[..., :1])], dim=-1) + log_z[:, None, None]
    level = torch.cat([log_z[:, None, None].expand_as(level[..., :1]), level[..., 1:]], dim=-1)
    end = n_decisions[None, :, None].expand(len(level), -1, 1)
    level = level.scatter(2, end, log_target[..., None])
    exists = torch.arange(level.shape[-1], device=level.device) <= n_decisions[:, None]
    gap = (level - so_far) * exists
    mean = gap.sum(-1, keepdim=True) / exists.sum(-1, keepdim=True)
    variance = ((gap - mean).square() * exists).sum(-1) / exists.sum(-1)
    return 4 * variance.mean()  # of two states that is the squared imbalance
