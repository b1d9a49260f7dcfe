"""Charges of the atoms of crystals by their elements, many crystals at once."""

import torch
from torch import Tensor

# Added to half the range of known oxidation states: no cation's charge is wholly fixed.
_LEAST_SPREAD = 0.1
# Least charge of a cation relative to its usual one, before all are scaled to balance the anions.
_LEAST_SHARE = 0.1
# A smaller difference from the mean electronegativity is none.
_ROUNDING = 1e-4


def balanced_charges(
    numbers: Tensor, electronegativity: Tensor, anion: Tensor, cation: Tensor, spread: Tensor
) -> Tensor:
    """Charges that sum to zero in each crystal, `n x A`.

    The elements are divided by electronegativity: those above are anions with their usual charges, those below share
    what balances them, each near its usual charge and the farther from it the wider its oxidation states spread. Of
    the divisions that leave no anion without an anion's charge, that is taken in which the cations are nearest to
    theirs. Where there is none (alloys, elements), the charge is the mean electronegativity less the atom's.

    Args:
        numbers: atomic numbers, 0 where there is no atom, `n x A`.
        electronegativity, anion, cation, spread: of the atoms, `n x A`, 0 where there is none.
    """
    exists = numbers > 0
    key = torch.where(exists, electronegativity + 1e-5 * numbers, torch.inf)
    order = key.argsort(dim=1, stable=True)
    key = key.gather(1, order)
    usual, flexible = cation.gather(1, order), (spread + _LEAST_SPREAD * exists).gather(1, order)
    given, present = anion.gather(1, order), exists.gather(1, order)
    positive, room = usual.cumsum(1), flexible.cumsum(1)
    negative = given.sum(1, keepdim=True) - given.cumsum(1)
    no_cation = ((usual <= 0) & present).cumsum(1) > 0
    no_anion = ((given >= 0) & present).flip(1).cumsum(1).flip(1) > 0
    divides = torch.zeros_like(present)
    divides[:, :-1] = (key[:, 1:] > key[:, :-1]) & present[:, 1:] & ~no_cation[:, :-1] & ~no_anion[:, 1:]
    excess = (-negative - positive) / room.clamp_min(_LEAST_SPREAD)
    strain, place = torch.where(divides, excess.abs(), torch.inf).min(dim=1, keepdim=True)
    ionic = strain.isfinite()
    is_cation = exists & (electronegativity + 1e-5 * numbers <= key.gather(1, place))
    charge = cation + excess.gather(1, place) * (spread + _LEAST_SPREAD)
    charge = torch.where(is_cation, torch.maximum(charge, _LEAST_SHARE * cation), 0)
    balance = -negative.gather(1, place) / charge.sum(1, keepdim=True).clamp_min(_LEAST_SPREAD)
    mean = electronegativity.sum(1, keepdim=True) / exists.sum(1, keepdim=True)
    metallic = mean - electronegativity
    metallic = torch.where(exists & (metallic.abs() > _ROUNDING), metallic, 0)
    return torch.where(ionic, torch.where(is_cation, charge * balance, anion), metallic)
