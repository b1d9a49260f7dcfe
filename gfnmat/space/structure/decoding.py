"""Crystals as pymatgen structures: orbits from the Wyckoff tables, all crystals of a batch at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gfnmat.space.structure import cell
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.volume import predicted_volume
from gfnmat.space.structure.wyckoff import EDGE, load_wyckoff_tables

if TYPE_CHECKING:
    from pymatgen.core import Structure

PRIMITIVE_VECTORS: dict[str, list[list[float]]] = {
    "P": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "A": [[1, 0, 0], [0, 1 / 2, -1 / 2], [0, 1 / 2, 1 / 2]],
    "C": [[1 / 2, -1 / 2, 0], [1 / 2, 1 / 2, 0], [0, 0, 1]],
    "I": [[-1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [1 / 2, 1 / 2, -1 / 2]],
    "F": [[0, 1 / 2, 1 / 2], [1 / 2, 0, 1 / 2], [1 / 2, 1 / 2, 0]],
    "R": [[2 / 3, 1 / 3, 1 / 3], [-1 / 3, 1 / 3, 1 / 3], [-1 / 3, -2 / 3, 1 / 3]],
}
"""Lattice vectors of the primitive cell (rows) in those of the conventional cell, by centring."""


def structures(crystals: Crystals) -> list[Structure]:
    """The structures of the crystals, in their primitive cells."""
    from pymatgen.core import Element, Lattice, Structure

    vectors = primitive_vectors(crystals).cpu().numpy()
    number, points, sizes = (part.cpu().numpy() for part in primitive_points(crystals))
    begins = np.concatenate([[0], sizes.cumsum()])
    species = {int(z): Element.from_Z(int(z)) for z in np.unique(number)}
    found = []
    for lattice, begin, end in zip(vectors, begins[:-1], begins[1:], strict=True):
        elements = [species[z] for z in number[begin:end].tolist()]
        found.append(Structure(Lattice(lattice), elements, points[begin:end]))
    return found


def conventional_volume(crystals: Crystals) -> Tensor:
    """Volume (A3) of the conventional cells, `n` float64."""
    n_centring = load_wyckoff_tables().n_centring.to(crystals.group.device)[crystals.group - 1]
    ratio = cell.volume_centres().to(crystals.group.device)[crystals.volume]
    return predicted_volume(crystals.counts) * ratio * n_centring


def primitive_vectors(crystals: Crystals) -> Tensor:
    """Lattice vectors (A) of the primitive cells as rows, `n x 3 x 3` float64."""
    metric = cell.metric(lattices(crystals), crystals.shape) * conventional_volume(crystals).pow(2 / 3)[:, None]
    return _centring_vectors(crystals) @ cell.vectors(metric)


@lru_cache(maxsize=1)
def group_lattices() -> Tensor:
    """The lattice of each space group, as a place in `cell.LATTICES`, 230."""
    systems = load_wyckoff_tables().crystal_system
    return torch.tensor([cell.LATTICES.index(cell.lattice_of(system)) for system in systems])


def lattices(crystals: Crystals) -> Tensor:
    """The lattices of the crystals, as places in `cell.LATTICES`, `n`."""
    return group_lattices().to(crystals.group.device)[crystals.group - 1]


def _centring_vectors(crystals: Crystals) -> Tensor:
    letters = load_wyckoff_tables().centring_letter
    table = torch.tensor([PRIMITIVE_VECTORS[letter] for letter in letters], dtype=torch.float64)
    return table.to(crystals.group.device)[crystals.group - 1]


def primitive_points(crystals: Crystals) -> tuple[Tensor, Tensor, Tensor]:
    """Atomic numbers and fractional coordinates of all atoms of all primitive cells, and how many each cell has."""
    tables = load_wyckoff_tables()
    device = crystals.group.device
    crystal, site = crystals.exists.nonzero(as_tuple=True)
    position, sizes = crystals.position[crystal, site], crystals.atoms[crystal, site]
    owner = torch.arange(len(site), device=device).repeat_interleave(sizes)
    image = torch.arange(len(owner), device=device) - (sizes.cumsum(0) - sizes)[owner]
    t = torch.where(crystals.bins >= 0, 2 * crystals.bins + 1, 0)[crystal, site]
    matrix = tables.matrix.to(device)[position[owner], image]
    shift = tables.shift.to(device)[position[owner], image]
    conventional = ((matrix * t[owner][:, None]).sum(-1) + shift).double() / EDGE
    inverse = _centring_vectors(crystals).inverse()
    points = (conventional[:, None] @ inverse[crystal[owner]])[:, 0]
    return crystals.number[crystal, site][owner], _inside(points), crystals.atoms.sum(1)


def _inside(points: Tensor) -> Tensor:
    """Coordinates from 0 up to but without 1; what rounding left a hair below a whole number is that number."""
    wrapped = points - points.floor()
    return torch.where(wrapped > 1 - 1e-9, 0.0, wrapped)
