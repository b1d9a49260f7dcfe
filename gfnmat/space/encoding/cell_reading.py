"""Cells of known structures in the bins of the grammar: the inverse of the centres in `cell`."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from gfnmat.space.encoding.normaliser import Floats, Moves
from gfnmat.space.encoding.setting import Setting
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

HAIR = 1e-4  # of a bin: what lies so close below its edge is on it
NEIGHBOURS = 3  # bins that are options, the nearest among them

Options = list[tuple[float, int]]
"""Bins for a number, each with the squared distance (in bins) from the number to its centre; the nearest first."""


@dataclass(frozen=True, order=True)
class CellReading:
    """A cell in bins; the lesser of two is preferred.

    Attributes:
        length: of the edges together, in hundredths of what the shortest cell has more; it tells shears apart.
        distance: summed squared distances from the centres of the bins.
        bins: of the five numbers of shape, -1 where the lattice fixes them.
    """

    length: int
    distance: float
    bins: tuple[int, ...]


def cell_readings(setting: Setting, moves: Moves) -> list[tuple[CellReading, int, list[Options]]]:
    """For each move into a cell that the grammar offers: its reading, the move, options for the numbers of shape."""
    offered = _offered(setting.group)
    lattices = moves.of_lattice(setting.lattice)
    edges = np.linalg.norm(lattices, axis=-1).sum(-1)
    found = []
    for move, numbers in enumerate(_in_bins(shape_of(lattices))):
        options = [
            options_of(number, some) if some.any() else [(0.0, -1)]
            for number, some in zip(numbers, offered, strict=True)
        ]
        if all(options):
            length = int(np.rint(100 * (edges[move] / edges.min() - 1)))
            distance = round(sum(first[0] for first, *_ in options), 2)
            found.append((CellReading(length, distance, tuple(first[1] for first, *_ in options)), move, options))
    return found


def volume_options(ratio: float) -> Options:
    """Bins for a volume relative to the prediction, as `options_of` gives them."""
    place = _of_factors(ratio, cell.SMALLEST_VOLUME, cell.LARGEST_VOLUME, cell.VOLUME_BINS)
    return options_of(float(place), np.ones(cell.VOLUME_BINS, dtype=bool))


def shape_beyond_bins(setting: Setting) -> str:
    """What of the shape no bin holds, for a person."""
    lattice = cell.lattice_of(load_wyckoff_tables().crystal_system[setting.group - 1])
    shape, offered = shape_of(setting.lattice), _offered(setting.group)
    for slot in cell.ASKED[lattice]:
        if slot < 2 and not options_of(_in_bins(shape)[slot], offered[slot]):
            low, high = cell.SMALLEST_RATIO, cell.LARGEST_RATIO
            return f"its {cell.SHAPE_NAMES[slot]} of {shape[slot]:.2f} is outside {low:g} to {high:g}"
    words = ", ".join(f"{cell.SHAPE_NAMES[slot]} {shape[slot]:.2f}" for slot in cell.ASKED[lattice])
    return f"no choice of axes brings its cell ({words}) into the bins"


def shape_of(lattice: Floats) -> Floats:
    """b/a, c/a, alpha, beta, gamma (degrees) of cells, `... x 5`."""
    edges = np.linalg.norm(lattice, axis=-1)
    unit = lattice / edges[..., None]
    cosines = [(unit[..., i, :] * unit[..., j, :]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(np.clip(np.stack(cosines, -1), -1, 1)))
    return np.concatenate([edges[..., 1:] / edges[..., :1], angles], axis=-1)


def options_of(place: float, offered: NDArray[np.bool_]) -> Options:
    """The offered bin in which a number is, and its neighbours.

    Empty if there is none; but what lies beyond all bins by less than half a bin counts as in the last one.

    Args:
        place: where the number is among the bins: 0 at the lower end of the first, 0.5 in its middle.
        offered: which bins are.
    """
    bins = offered.nonzero()[0]
    distances = np.abs(bins + 0.5 - place)
    slack = 0.5 if place < 0 or place > len(offered) else HAIR
    if not len(bins) or distances.min() > 0.5 + slack:
        return []
    order = np.argsort(distances.round(4), kind="stable")[:NEIGHBOURS]
    return [(float(distances[index]) ** 2, int(bins[index])) for index in order]


def _offered(group: int) -> list[NDArray[np.bool_]]:
    """Which bins of each number of shape the group's lattice offers."""
    lattice = cell.lattice_of(load_wyckoff_tables().crystal_system[group - 1])
    rows = cell.offered_shapes()[cell.LATTICES.index(lattice)].numpy()
    return [row[:n] for row, n in zip(rows, cell.SHAPE_BINS, strict=True)]


def _in_bins(shape: Floats) -> Floats:
    """Where numbers of shape are among their bins, `... x 5`."""
    ratios = _of_factors(shape[..., :2], cell.SMALLEST_RATIO, cell.LARGEST_RATIO, cell.RATIO_BINS)
    angles = (shape[..., 2:] - cell.SMALLEST_ANGLE) / cell.ANGLE_WIDTH
    return np.concatenate([ratios, angles], axis=-1)


def _of_factors(value: Floats | float, low: float, high: float, bins: int) -> Floats:
    """Where a value is among bins that grow by a factor."""
    return np.asarray(np.log(np.asarray(value) / low) * (bins / log(high / low)))
