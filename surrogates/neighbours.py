"""Pairs of atoms of crystals up to a distance, periodic images included, many crystals at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Sweeps over the pairs of lattice vectors, each shortened by the other; two or three settle what crystals bring.
_SWEEPS = 8
# Most periods that are followed along each lattice vector. Only cells flatter than a sixth of an atom need more.
MOST_PERIODS = 6
# Stands for a squared distance that is not to be found.
_FAR = 1e30


@dataclass(frozen=True)
class Cells:
    """A batch of n crystals with room for A atoms each.

    Attributes:
        vectors: reduced lattice vectors as rows, `n x 3 x 3`.
        inverse: their inverse; its columns are the reciprocal vectors, `n x 3 x 3`.
        points: fractional coordinates in these vectors, `n x A x 3`.
        exists: where there is an atom, `n x A`.
        volume: of the cells, `n`.
    """

    vectors: Tensor
    inverse: Tensor
    points: Tensor
    exists: Tensor
    volume: Tensor

    @classmethod
    def reduced(cls, vectors: Tensor, points: Tensor, exists: Tensor) -> "Cells":
        """The crystals in cells with short edges, which have few periods within a distance."""
        short = reduced_vectors(vectors)
        inverse = torch.linalg.inv(short)
        inside = points - points.floor()
        return cls(short, inverse, (inside @ vectors) @ inverse, exists, torch.linalg.det(vectors).abs())

    def __getitem__(self, rows: Tensor) -> "Cells":
        return Cells(self.vectors[rows], self.inverse[rows], self.points[rows], self.exists[rows], self.volume[rows])

    def with_room(self, size: int) -> "Cells":
        """The same with room for `size` atoms, behind which there are none."""
        return replace(self, points=self.points[:, :size], exists=self.exists[:, :size])

    def periods(self, reach: Tensor) -> Tensor:
        """How far the nearest images of any two atoms are from those within `reach` (`n`), in edges, `n x 3`."""
        return (reach.unsqueeze(-1) * self.inverse.norm(dim=1) + 0.5).floor().clamp(max=MOST_PERIODS)

    @property
    def spacing(self) -> Tensor:
        """Edge of a cube with the volume of an atom, `n`."""
        return (self.volume / self.exists.sum(1)).pow(1 / 3)


@dataclass(frozen=True)
class Pairs:
    """Pairs of atoms, each once: an atom with its own image counts as one pair with the image on either side.

    Attributes:
        row: the crystal, `P`.
        first, second: the atoms, `P`.
        vector: from the first to the second, `P x 3`.
        distance: `P`.
    """

    row: Tensor
    first: Tensor
    second: Tensor
    vector: Tensor
    distance: Tensor


def reduced_vectors(vectors: Tensor) -> Tensor:
    """Vectors of the same lattices, `n x 3 x 3`, none of which another one's multiple would shorten."""
    rows = list(vectors.unbind(1))
    for _ in range(_SWEEPS):
        before = torch.stack(rows, dim=1)
        for one, other in ((0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)):
            ratio = (rows[one] * rows[other]).sum(-1) / rows[other].square().sum(-1)
            rows[one] = rows[one] - ratio.round().unsqueeze(-1) * rows[other]
        if torch.equal(before, torch.stack(rows, dim=1)):
            break
    return torch.stack(rows, dim=1)


def pairs_within(cells: Cells, reach: Tensor) -> Pairs:
    """The pairs of each crystal that are no farther apart than its `reach`, `n`, but for `MOST_PERIODS`."""
    size = cells.exists.shape[1]
    periods = cells.periods(reach)
    steps = _half_space(periods)  # I x 3
    outside = (steps.abs() > periods.unsqueeze(1)).any(-1)  # n x I
    shift = steps @ cells.vectors  # n x I x 3
    apart = cells.points.unsqueeze(1) - cells.points.unsqueeze(2)  # n x A x A x 3: from i to j
    apart = ((apart - apart.round()) @ cells.vectors.unsqueeze(1)).flatten(1, 2)
    absent = ~(cells.exists.unsqueeze(1) & cells.exists.unsqueeze(2)).flatten(1)
    length = apart.square().sum(-1).masked_fill(absent, _FAR).unsqueeze(1)
    squared = torch.baddbmm(length, shift, apart.transpose(1, 2), alpha=2)  # n x I x A^2
    squared += shift.square().sum(-1).masked_fill(outside, _FAR).unsqueeze(-1)
    upper = torch.ones(size, size, dtype=torch.bool, device=reach.device).triu(1).flatten()
    squared[:, 0].masked_fill_(~upper, _FAR)
    row, image, pair = (squared <= reach.square()[:, None, None]).nonzero(as_tuple=True)
    vector = apart[row, pair] + shift[row, image]
    first = torch.div(pair, size, rounding_mode="floor")
    return Pairs(row, first, pair - first * size, vector, vector.norm(dim=-1))


def like_blocks(cells: Cells, reach: Tensor, most: int) -> Iterator[Tensor]:
    """Rows of crystals with about equally many atoms and periods, in blocks of about `most` distances to try."""
    sizes = cells.exists.sum(1)
    images = (2 * cells.periods(reach) + 1).prod(1) / 2
    order = images.argsort(stable=True)
    order = order[sizes[order].argsort(stable=True)]
    block = (sizes.square() * images)[order].double().cumsum(0).div(most).floor()
    _, lengths = block.unique_consecutive(return_counts=True)
    return iter(order.split(lengths.tolist()))


def _half_space(periods: Tensor) -> Tensor:
    """Steps of up to the most periods, one of each step and its opposite, no step first, `I x 3`."""
    ranges = periods.amax(0).tolist() if len(periods) else [0, 0, 0]
    axes = [torch.arange(-int(most), int(most) + 1, device=periods.device) for most in ranges]
    steps = torch.cartesian_prod(*axes)
    return steps[len(steps) // 2 :].to(periods.dtype)
