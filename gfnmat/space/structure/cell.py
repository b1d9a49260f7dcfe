"""The cell in the grammar's words: shape and volume in bins, and the metric that they stand for.

The conventional cell of a space group has up to five numbers of shape, each in bins: the ratios b/a and c/a, and the
angles alpha, beta, gamma. What the lattice system fixes is not asked for. The volume is a ratio to the prediction.
Shapes that a symmetric lattice has by accident (a right angle, a ratio of one) are no bin's centre.
"""

from __future__ import annotations

import torch
from torch import Tensor

RATIO_BINS, ANGLE_BINS, VOLUME_BINS = 32, 16, 12
SHAPE_BINS = (RATIO_BINS, RATIO_BINS, ANGLE_BINS, ANGLE_BINS, ANGLE_BINS)
SHAPE_NAMES = ("b/a", "c/a", "alpha", "beta", "gamma")
N_SHAPE = len(SHAPE_BINS)

SMALLEST_RATIO, LARGEST_RATIO = 0.25, 0.25 * 4 ** (32 / 11)  # 14.1, so that 1 is between two bins
SMALLEST_ANGLE, ANGLE_WIDTH = 60.0, 5.0  # degrees
SMALLEST_VOLUME, LARGEST_VOLUME = 0.65, 1.75  # times the prediction

LATTICES = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "hexagonal", "cubic")
ASKED: dict[str, tuple[int, ...]] = {
    "triclinic": (0, 1, 2, 3, 4),
    "monoclinic": (0, 1, 3),
    "orthorhombic": (0, 1),
    "tetragonal": (1,),
    "hexagonal": (1,),
    "cubic": (),
}
"""Which numbers of shape each lattice asks for, as positions in `SHAPE_NAMES`."""

LEAST_SKEW_VOLUME = 0.4
"""Volume of a triclinic cell with these angles and edges of length one, below which the angles are not offered."""


def lattice_of(crystal_system: str) -> str:
    """The lattice of a crystal system; trigonal groups are described on hexagonal axes."""
    return "hexagonal" if crystal_system == "trigonal" else crystal_system


def ratio_centres() -> Tensor:
    """The ratios that the bins of b/a and c/a stand for, `RATIO_BINS`: the geometric middle of each bin."""
    return _geometric(SMALLEST_RATIO, LARGEST_RATIO, RATIO_BINS)


def angle_centres() -> Tensor:
    """The angles (degrees) that the bins stand for, `ANGLE_BINS`."""
    return SMALLEST_ANGLE + ANGLE_WIDTH * (torch.arange(ANGLE_BINS, dtype=torch.float64) + 0.5)


def volume_centres() -> Tensor:
    """The volumes, relative to the prediction, that the bins stand for, `VOLUME_BINS`."""
    return _geometric(SMALLEST_VOLUME, LARGEST_VOLUME, VOLUME_BINS)


def _geometric(low: float, high: float, bins: int) -> Tensor:
    step = (torch.arange(bins, dtype=torch.float64) + 0.5) / bins
    return low * (high / low) ** step


def ratio_bin(ratio: float) -> int:
    """The bin of a ratio; the outermost one for what lies outside."""
    return _bin(ratio, ratio_centres())


def angle_bin(angle: float) -> int:
    """The bin of an angle in degrees; the outermost one for what lies outside."""
    place = int((angle - SMALLEST_ANGLE) // ANGLE_WIDTH)
    return min(max(place, 0), ANGLE_BINS - 1)


def volume_bin(ratio: float) -> int:
    """The bin of a volume relative to the prediction; the outermost one for what lies outside."""
    return _bin(ratio, volume_centres())


def _bin(value: float, centres: Tensor) -> int:
    return int((centres.log() - torch.tensor(value).log()).abs().argmin())


def parameters(lattice: Tensor, shape: Tensor) -> Tensor:
    """Lengths relative to a, and cosines, of conventional cells.

    Args:
        lattice: position in `LATTICES`, `...`.
        shape: bins of the five numbers of shape, `... x 5`; those that the lattice does not ask for, or that are not
            known yet (-1), are taken as a symmetric cell has them.

    Returns:
        b/a, c/a and the cosines of alpha, beta, gamma, `... x 5` float64.
    """
    device = shape.device
    known = shape.clamp(min=0)
    ratios, cosines = ratio_centres().to(device), angle_centres().deg2rad().cos().to(device)
    values = torch.cat([ratios[known[..., :2]], cosines[known[..., 2:]]], dim=-1)
    hexagonal = (lattice == LATTICES.index("hexagonal")).double()
    symmetric = torch.zeros_like(values)
    symmetric[..., :2] = 1.0
    symmetric[..., 4] = -0.5 * hexagonal
    return torch.where(shape >= 0, values, symmetric)


def metric(lattice: Tensor, shape: Tensor) -> Tensor:
    """The metric of conventional cells of volume one: a.a, b.b, c.c, b.c, a.c, a.b, `... x 6` float64.

    The squared length of a vector with fractional coordinates x, y, z is
    aa x2 + bb y2 + cc z2 + 2 (bc yz + ac xz + ab xy).
    """
    b, c, cos_alpha, cos_beta, cos_gamma = parameters(lattice, shape).unbind(-1)
    volume = b * c * skew_volume(cos_alpha, cos_beta, cos_gamma)
    scale = volume.pow(-2 / 3)
    products = (torch.ones_like(b), b * b, c * c, b * c * cos_alpha, c * cos_beta, b * cos_gamma)
    return torch.stack(products, dim=-1) * scale[..., None]


def skew_volume(cos_alpha: Tensor, cos_beta: Tensor, cos_gamma: Tensor) -> Tensor:
    """Volume of a cell with these angles and edges of length one; tiny where there is no such cell."""
    squares = cos_alpha**2 + cos_beta**2 + cos_gamma**2
    return (1 - squares + 2 * cos_alpha * cos_beta * cos_gamma).clamp(min=1e-6).sqrt()


def vectors(metric: Tensor) -> Tensor:
    """Lattice vectors as rows with this metric, a along x and b in the x-y plane, `... x 3 x 3`."""
    aa, bb, cc, bc, ac, ab = metric.unbind(-1)
    zero = torch.zeros_like(aa)
    ax = aa.sqrt()
    bx = ab / ax
    by = (bb - bx * bx).sqrt()
    cx = ac / ax
    cy = (bc - bx * cx) / by
    cz = (cc - cx * cx - cy * cy).clamp(min=1e-12).sqrt()
    rows = (torch.stack([ax, zero, zero], -1), torch.stack([bx, by, zero], -1), torch.stack([cx, cy, cz], -1))
    return torch.stack(rows, dim=-2)


def offered_shapes() -> Tensor:
    """Which bins each lattice offers for each number of shape, before others are known, `lattices x 5 x RATIO_BINS`."""
    offered = torch.zeros(len(LATTICES), N_SHAPE, RATIO_BINS, dtype=torch.bool)
    angles = angle_centres()
    for row, lattice in enumerate(LATTICES):
        for slot in ASKED[lattice]:
            offered[row, slot, : SHAPE_BINS[slot]] = True
        if lattice == "monoclinic":
            offered[row, 3, :ANGLE_BINS] = angles > 90
        if lattice == "triclinic":
            offered[row, 2:, :ANGLE_BINS] = angles < 120
    return offered


def angles_that_close() -> Tensor:
    """Which alpha, beta, gamma (bins) make a triclinic cell that is not flat, `ANGLE_BINS x 3 dimensions`."""
    offered = offered_shapes()[LATTICES.index("triclinic"), 2, :ANGLE_BINS]
    cosine = angle_centres().deg2rad().cos()
    volume = skew_volume(cosine[:, None, None], cosine[None, :, None], cosine[None, None, :])
    return (volume >= LEAST_SKEW_VOLUME) & offered[:, None, None] & offered[None, :, None] & offered[None, None, :]
