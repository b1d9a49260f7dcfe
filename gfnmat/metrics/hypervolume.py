"""Hypervolume, computed in one place: by BoTorch, over utilities that are maximised."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

MARGIN = 0.1
"""How far a reference point taken from fronts lies beyond their worst members, as a share of their extent."""


def hypervolume(utilities: Tensor, reference: Sequence[float] | Tensor) -> float:
    """The volume between a reference point and what the utilities dominate.

    Args:
        utilities: `n x objectives`, the higher the better; members that do not exceed the reference in every
            objective add nothing.
        reference: one utility an objective.

    Returns:
        The volume, in the product of the objectives' units; 0 for no utilities.
    """
    from botorch.utils.multi_objective.hypervolume import Hypervolume

    corner = torch.as_tensor(reference, dtype=torch.double, device=utilities.device)
    if utilities.shape[-1:] != corner.shape:
        raise ValueError(
            f"utilities have {utilities.shape[-1]} objectives and the reference point {len(corner)}; give one each."
        )
    if not len(utilities):
        return 0.0
    points = utilities.double()
    return float(Hypervolume(corner).compute(points[non_dominated(points)]))


def non_dominated(utilities: Tensor) -> Tensor:
    """Which of `n x objectives` no other one beats, `n` booleans."""
    from botorch.utils.multi_objective.pareto import is_non_dominated

    return is_non_dominated(utilities)


def box_around(sets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The box in which sets of utilities (`n x objectives` each, not all empty) are compared fairly.

    Returns:
        The reference point, which lies `MARGIN` beyond the worst that any member of any set's own Pareto front has,
        and the ideal point, which has the best of each objective; `objectives` each.
    """
    filled = [points for points in sets if len(points)]
    front = torch.cat([points[non_dominated(points)] for points in filled])
    ideal = front.amax(0)
    extent = ideal - front.amin(0)
    # a front of one point has no extent: all that was measured stands in for it
    extent = torch.where(extent > 0, extent, ideal - torch.cat(filled).amin(0))
    extent = torch.where(extent > 0, extent, torch.ones_like(extent))
    return front.amin(0) - MARGIN * extent, ideal
