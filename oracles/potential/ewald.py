"""Electrostatic energy of point charges in a crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

COULOMB = 14.399645
"""Energy (eV) of two elementary charges at 1 A."""

PRECISION = 3.4
"""The sums end where their terms have fallen to about exp(-PRECISION^2)."""


class Pairs(NamedTuple):
    """All ordered pairs of atoms up to a distance, periodic images included: indices and distance (A)."""

    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def pairs_within(structure: Structure, reach: float) -> Pairs:
    """Return the pairs of atoms up to `reach` (A)."""
    first, second, _, distance = structure.get_neighbor_list(reach)
    return Pairs(first, second, distance)


def madelung_matrix(structure: Structure, pairs: Pairs, reach: float) -> np.ndarray:
    """Return the matrix M of the sites: charges q (e) that sum to zero have the energy q M q (eV) in the cell.

    pairs: those up to `reach` (A), at which Ewald's sum over distances ends and which sets how long that over the
    reciprocal lattice is.
    """
    atoms, volume, cell = len(structure), structure.volume, structure.lattice.matrix
    alpha = PRECISION / reach
    most = 2 * alpha * PRECISION  # the longest wave vector
    ranges = np.floor(most * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    half = [np.arange(ranges[0] + 1), *(np.arange(-n, n + 1) for n in ranges[1:])]  # -k counts like k
    indices = np.stack(np.meshgrid(*half, indexing="ij"), axis=-1).reshape(-1, 3)
    squares = ((indices @ (2 * np.pi * np.linalg.inv(cell).T)) ** 2).sum(axis=1)
    kept = (squares > 1e-9) & (squares < most**2)
    indices, squares = indices[kept], squares[kept]
    weights = np.where(indices[:, 0] > 0, 2, 1) * np.exp(-squares / (2 * alpha) ** 2) / squares
    phases = 2 * np.pi * indices @ structure.frac_coords.T
    waves = np.concatenate([np.cos(phases), np.sin(phases)])
    matrix = 2 * np.pi / volume * (waves.T * np.tile(weights, 2)) @ waves
    matrix += _near(pairs, alpha, atoms)
    matrix[np.diag_indices(atoms)] -= alpha / np.pi**0.5
    return COULOMB * (matrix - np.pi / (2 * volume * alpha**2))


def _near(pairs: Pairs, alpha: float, atoms: int) -> np.ndarray:
    from scipy.special import erfc  # type: ignore[import-untyped]

    terms = erfc(alpha * pairs.distance) / (2 * pairs.distance)
    flat = np.bincount(pairs.first * atoms + pairs.second, weights=terms, minlength=atoms**2)
    return flat.reshape(atoms, atoms)
