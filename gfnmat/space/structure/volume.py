"""The volume of a crystal from its composition alone.

The volumes of the atoms add up, and each depends on its company. With d an element's electronegativity less the mean
over the atoms of the compound,

    volume = neutral * exp(-shrinkage * |d|)               where d < 0: a cation,
    volume = neutral * exp(growth * d - crowding * d^2)    where d > 0: an anion,

so that a metal among metals takes up what it does there, and the less the more it is oxidised; an anion the less the
more cations it has to touch. The first three numbers are the element's own, `crowding` is common to all. They are
fitted; `data/make_ionic_volumes.py` says to what.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS


@dataclass(frozen=True)
class ElementVolumes:
    """What atoms take up.

    Attributes:
        electronegativity: Pauling's, one an element, as are the next three.
        neutral: volume (A^3) among atoms of the mean electronegativity.
        shrinkage: loss of its logarithm per unit of electronegativity below the mean.
        growth: gain of its logarithm per unit above the mean, close to it; a loss where negative.
        crowding: loss per squared unit above the mean, one number.
    """

    electronegativity: Tensor
    neutral: Tensor
    shrinkage: Tensor
    growth: Tensor
    crowding: Tensor

    def __call__(self, counts: Tensor) -> Tensor:
        """Volume (A^3) of each row of counts, a column an element; 0 for an empty row."""
        counts = counts.to(self.neutral.dtype).contiguous()
        atoms = counts.sum(1, keepdim=True).clamp(min=torch.finfo(counts.dtype).tiny)
        difference = self.electronegativity - (counts * self.electronegativity).sum(1, keepdim=True) / atoms
        change = difference * torch.where(difference < 0, self.shrinkage, self.growth - self.crowding * difference)
        return (counts * self.neutral * change.exp()).sum(1)


def predicted_volume(counts: Tensor) -> Tensor:
    """The volume of each composition as a crystal.

    Args:
        counts: `n x 118`, column Z-1 counts the atoms of element Z.

    Returns:
        `n` float64 volumes (A^3) of as many atoms as counted, on the device of `counts`. More than half of the
        compounds in which it was tried lie within 10 % of it, 19 of 20 within a factor of 1.3, and all within
        2: see `experiments/benchmarks/volume.py`.
    """
    return _element_volumes(counts.device)(counts)


@lru_cache(maxsize=8)
def _element_volumes(device: torch.device) -> ElementVolumes:
    """The fitted numbers, H to Lr; elements beyond count as Lr."""
    data = json.loads(files("gfnmat.space.structure").joinpath("data/ionic_volumes.json").read_text(encoding="utf-8"))
    rows = list(data["elements"].values())
    rows += rows[-1:] * (N_ELEMENTS - len(rows))
    chi, neutral, shrinkage, growth = torch.tensor(rows, dtype=torch.float64, device=device).T.contiguous()
    crowding = torch.tensor(data["crowding"], dtype=torch.float64, device=device)
    return ElementVolumes(chi, neutral, shrinkage, growth, crowding)
