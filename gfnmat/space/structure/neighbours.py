"""Crystals next to a crystal: one bin further in one free number of the cell or of a site."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gfnmat.space.structure.cell import SHAPE_BINS, VOLUME_BINS
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.wyckoff import BINS


def neighbours(crystals: Crystals) -> Crystals:
    """All crystals that differ from one of these by one bin of the volume, of a shape or of a coordinate.

    Some are not in any space: their coordinates are not canonical, or atoms come too close.
    """
    found = []
    for step in (-1, 1):
        found.append(replace(crystals, volume=crystals.volume + step)[_within(crystals.volume + step, VOLUME_BINS)])
        for slot, n_bins in enumerate(SHAPE_BINS):
            moved = crystals.shape.clone()
            moved[:, slot] += step
            asked = crystals.shape[:, slot] >= 0
            found.append(replace(crystals, shape=moved)[asked & _within(moved[:, slot], n_bins)])
        for site in range(crystals.bins.shape[1]):
            for axis in range(3):
                bins = crystals.bins.clone()
                bins[:, site, axis] = (bins[:, site, axis] + step) % BINS
                found.append(replace(crystals, bins=bins)[crystals.bins[:, site, axis] >= 0])
    return Crystals.concatenate(found)


def _within(bins: Tensor, n_bins: int) -> Tensor:
    return torch.logical_and(bins >= 0, bins < n_bins)
