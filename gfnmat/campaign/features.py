"""Candidates as the numbers that surrogates learn from."""

from __future__ import annotations

import hashlib
from functools import cache

import torch
from torch import Tensor

from gfnmat.space.candidates import Candidates
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.decoding import primitive_points, primitive_vectors
from surrogates import CrystalFeatures, MagpieFeatures

DECIMALS = 4  # of the features of two descriptions of one crystal that agree
BESIDE_TIES = 0.637  # added before rounding down: means of table values are often halves of the last decimal


def features_of(candidates: Candidates) -> Tensor:
    """One row a candidate, `n x d` float64 on the CPU: `MagpieFeatures` or, of crystals, `CrystalFeatures`."""
    if candidates.crystals is None:
        return _magpie()(candidates.counts)
    crystals = candidates.crystals.to("cpu")
    return _crystal()(crystals.counts, crystals.group, *padded_atoms(crystals), primitive_vectors(crystals))


def identities(candidates: Candidates) -> tuple[str, ...]:
    """What tells one material from another: the key, or of crystals the formula and the rounded features.

    One crystal can be written in several space groups and cells. Its features are the same in all of them.
    """
    if candidates.crystals is None:
        return candidates.keys
    rounded = features_of(candidates).mul(10**DECIMALS).add(BESIDE_TIES).floor().long()
    return tuple(
        f"{formula} {hashlib.sha256(row.numpy().tobytes()).hexdigest()[:16]}"
        for formula, row in zip(candidates.formulas, rounded, strict=True)
    )


def padded_atoms(crystals: Crystals) -> tuple[Tensor, Tensor]:
    """Atomic numbers, `n x A` with 0 where there is no atom, and fractional coordinates, `n x A x 3`."""
    number, points, sizes = primitive_points(crystals)
    crystal = torch.arange(len(sizes)).repeat_interleave(sizes)
    place = torch.arange(len(number)) - (sizes.cumsum(0) - sizes)[crystal]
    most = int(sizes.max()) if len(sizes) else 0
    numbers = torch.zeros(len(sizes), most, dtype=torch.int64)
    coordinates = torch.zeros(len(sizes), most, 3, dtype=torch.float64)
    numbers[crystal, place], coordinates[crystal, place] = number, points
    return numbers, coordinates


@cache
def _magpie() -> MagpieFeatures:
    return MagpieFeatures(dtype=torch.float64)


@cache
def _crystal() -> CrystalFeatures:
    return CrystalFeatures(dtype=torch.float64)
