"""Electrostatic potentials at the atoms of crystals by Ewald's sums, many crystals at once."""

import math

import torch
from torch import Tensor

from surrogates.neighbours import Cells, Pairs

# Both sums end where their terms have fallen to about erfc(PRECISION), 2e-4.
PRECISION = 2.6
_MOST_WAVES = 12  # along each reciprocal vector; only extremely long cells have more


def potentials(cells: Cells, pairs: Pairs, charges: Tensor, reach: Tensor) -> Tensor:
    """Potential (e/A) that the charges (`n x A`, neutral) of all others make at each atom, `n x A`.

    Args:
        cells: the crystals.
        pairs: their pairs up to `reach`.
        charges: in elementary charges.
        reach: `n`, where the sum over distances ends, and which sets how long that over waves is.
    """
    alpha = PRECISION / reach
    screened = torch.erfc(alpha[pairs.row] * pairs.distance) / pairs.distance
    near = torch.zeros_like(charges).flatten()
    first, second = pairs.row * charges.shape[1] + pairs.first, pairs.row * charges.shape[1] + pairs.second
    flat = charges.flatten()
    near.index_add_(0, first, flat[second] * screened)
    near.index_add_(0, second, flat[first] * screened)
    own = charges * (2 * alpha / math.sqrt(math.pi)).unsqueeze(-1)
    return near.view_as(charges) - own + _of_waves(cells, charges, alpha)


def _of_waves(cells: Cells, charges: Tensor, alpha: Tensor) -> Tensor:
    longest = 2 * PRECISION * alpha
    most = (longest.unsqueeze(-1) * cells.vectors.norm(dim=-1) / (2 * math.pi)).floor().clamp(max=_MOST_WAVES)
    axes = [torch.arange(-int(m), int(m) + 1, device=charges.device) for m in most.amax(0).tolist()]
    steps = torch.cartesian_prod(*axes)
    steps = steps[len(steps) // 2 + 1 :].to(charges.dtype)  # -k counts like k, k = 0 not
    squared = (2 * math.pi * (cells.inverse.unsqueeze(1) @ steps.unsqueeze(-1)).squeeze(-1)).square().sum(-1)  # n x K
    inside = (squared <= longest.square().unsqueeze(-1)) & (steps.abs() <= most.unsqueeze(1)).all(-1)
    row, wave = inside.nonzero(as_tuple=True)
    square = squared[row, wave]
    weight = 8 * math.pi / cells.volume[row] * torch.exp(-square / (4 * alpha[row].square())) / square
    phase = 2 * math.pi * (cells.points[row] @ steps[wave].unsqueeze(-1)).squeeze(-1)  # W x A
    real, imaginary = phase.cos(), phase.sin()
    charge = charges[row]
    terms = real * (charge * real).sum(1, keepdim=True) + imaginary * (charge * imaginary).sum(1, keepdim=True)
    return torch.zeros_like(charges).index_add_(0, row, weight.unsqueeze(-1) * terms)
