"""What asking a lower rung first makes of an expected improvement.

A lower rung is asked so that the target need not be: after its answer the target is asked only where that still
promises enough. Of the improvement `E` that is expected at the target, the answers that are confirmed keep a share
`s`, and one is confirmed with probability `q`, so that the way by rung f earns `s E` for `c_f + q c_T`. Which answers
are confirmed is chosen so that the improvement for each unit of cost is the largest. This is the fair price of a box
in M. L. Weitzman's Pandora's problem, Econometrica 47, 641 (1979), in which what is found in a box of cost `c_f` is the
right to open another of cost `c_T`; Q. Xie et al. (arXiv:2406.20062) use the problem with one box a candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_STEPS = torch.linspace(-4.0, 7.0, 67, dtype=torch.float64)  # in deviations of a rung's answer
_FARTHEST = 6.0  # deviations by which the best may lie above a mean; improvement is next to nothing there


@dataclass(frozen=True)
class Detour:
    """Asking a rung first and the target where it pays, `n` each.

    Attributes:
        share: part of the expected improvement that is kept.
        price: expected cost of the answer and of its confirmation.
    """

    share: Tensor
    price: Tensor


def detour(advantage: Tensor, correlation: Tensor, cost: float, target_cost: float) -> Detour:
    """The best way by a lower rung.

    Args:
        advantage: by how many of its deviations a candidate's mean at the target is better than the best, `n`.
        correlation: of the rung's measurement with the value at the target, `n`.
        cost: of the rung.
        target_cost: of the target.
    """
    steps = _STEPS.to(advantage)
    edges = torch.cat([steps.new_tensor([-torch.inf]), (steps[1:] + steps[:-1]) / 2, steps.new_tensor([torch.inf])])
    weight = torch.special.ndtr(edges).diff()
    known = correlation.abs().clamp(max=1 - 1e-6)[:, None]
    left = (1 - known.square()).sqrt()
    shifted = advantage.clamp(-_FARTHEST, _FARTHEST)[:, None] + known * steps
    kept = _upper_sums(weight * left * expected_excess(shifted / left))
    confirmed = _upper_sums(weight.expand_as(kept))
    share = (kept / kept[:, :1].clamp(min=1e-300)).clamp(0, 1)
    price = cost + target_cost * confirmed
    best = (share / price).argmax(dim=1, keepdim=True)
    return Detour(share.gather(1, best)[:, 0], price.gather(1, best)[:, 0])


def expected_excess(advantage: Tensor) -> Tensor:
    """`E[(u + Z)+]` of a standard normal Z, elementwise."""
    density = torch.exp(-advantage.square() / 2) / (2 * torch.pi) ** 0.5
    return (density + advantage * torch.special.ndtr(advantage)).clamp(min=0)


def _upper_sums(values: Tensor) -> Tensor:
    """Sums over each entry and all after it, along the last dimension."""
    return values.flip(-1).cumsum(-1).flip(-1)
