"""How good predictions are, and how honest: error, rank correlation, coverage and CRPS."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from surrogates.interface import Surrogate

# Half the width of the central 90 % of a normal distribution, in deviations.
_HALF_WIDTH_90 = 1.6448536269514722


@dataclass(frozen=True)
class Diagnosis:
    """What predictions are worth, held against `n` values.

    Attributes:
        n: How many were compared.
        mae: Mean absolute error, in the units of the values.
        crps: Mean continuous ranked probability score, in the units of the values; lower is better, and it is the
            absolute error where the deviation is 0.
        coverage_90: The share of values inside the central 90 % interval; 0.9 is honest, less is overconfident. For
            values at a floor see `assess`.
        spearman: Rank correlation of medians with values; NaN where either does not vary.
    """

    n: int
    mae: float
    crps: float
    coverage_90: float
    spearman: float


def crps_gaussian(mean: Tensor, sd: Tensor, values: Tensor) -> Tensor:
    """Continuous ranked probability score of normal predictions, elementwise, in the units of the values.

    T. Gneiting and A. E. Raftery, J. Am. Stat. Assoc. 102 (2007) 359, equation 21 with the sign changed: lower is
    better. Where `sd` is 0 it is the absolute error.
    """
    error = values - mean
    z = error / sd.clamp_min(torch.finfo(sd.dtype).tiny)
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    score = error * (2 * torch.special.ndtr(z) - 1) + sd * (2 * density - 1 / math.sqrt(math.pi))
    return torch.where(sd > 0, score, error.abs())


def crps_clipped(mean: Tensor, sd: Tensor, values: Tensor, floor: float) -> Tensor:
    """The same of normal predictions that a floor clips from below; no value is below the floor.

    The integral that defines the score is over what is above the floor alone, so that the square of the normal
    distribution, integrated up to the floor, is taken off.
    """
    if math.isinf(floor):
        return crps_gaussian(mean, sd, values)
    z = (floor - mean) / sd.clamp_min(torch.finfo(sd.dtype).tiny)
    below, density = torch.special.ndtr(z), torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    excess = z * below.square() + 2 * density * below - torch.special.ndtr(z * math.sqrt(2)) / math.sqrt(math.pi)
    certain = (values - mean.clamp(min=floor)).abs()
    return torch.where(sd > 0, crps_gaussian(mean, sd, values) - sd * excess, certain)


def assess(mean: Tensor, sd: Tensor, values: Tensor, floor: float = -math.inf) -> Diagnosis:
    """Judge predictions (means and deviations of a measurement) of values; each `n`, n >= 1.

    With a floor they are clipped from below, see `Prediction`: the error is that of the median, and a value at the
    floor counts as inside an interval by the part of the floor's probability that is (C. Czado, T. Gneiting and
    L. Held, Biometrics 65 (2009) 1254); an honest interval would cover more than it says otherwise.

    Raises:
        ValueError: Shapes differ, or nothing is to be compared.
    """
    if not mean.shape == sd.shape == values.shape or mean.ndim != 1 or not len(mean):
        shapes = tuple(mean.shape), tuple(sd.shape), tuple(values.shape)
        raise ValueError(f"mean, sd and values must be vectors of one length, at least 1; got {shapes}")
    median = mean.clamp(min=floor)
    return Diagnosis(
        n=len(values),
        mae=(values - median).abs().mean().item(),
        crps=crps_clipped(mean, sd, values, floor).mean().item(),
        coverage_90=_central(mean, sd, values, floor).mean().item(),
        spearman=_spearman(median, values),
    )


def diagnose(surrogate: "Surrogate") -> dict[tuple[int, int], Diagnosis]:
    """Leave-one-out diagnosis by (property, rung), for those that were measured."""
    return {
        (entry.property, entry.fidelity): assess(entry.mean, entry.sd, entry.values, entry.floor)
        for entry in surrogate.leave_one_out()
    }


def _central(mean: Tensor, sd: Tensor, values: Tensor, floor: float) -> Tensor:
    """How far each value is in the central 90 % of its prediction, `n`, from 0 to 1."""
    inside = ((values - mean).abs() <= _HALF_WIDTH_90 * sd).to(mean)
    if math.isinf(floor):
        return inside
    at_floor = torch.special.ndtr((floor - mean) / sd.clamp_min(torch.finfo(sd.dtype).tiny)).clamp_min(1e-12)
    part = (at_floor.clamp(max=0.95) - 0.05).clamp_min(0) / at_floor
    return torch.where(values <= floor, part, inside)


def _spearman(one: Tensor, other: Tensor) -> float:
    ranks = torch.stack([_ranks(one), _ranks(other)])
    if len(one) < 2 or (ranks.std(dim=1) == 0).any():
        return math.nan
    return torch.corrcoef(ranks)[0, 1].item()


def _ranks(values: Tensor) -> Tensor:
    """Ranks from 0, ties sharing the mean of theirs."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    return (last - (counts + 1) / 2).to(torch.float64)[inverse]
