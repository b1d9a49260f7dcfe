"""Candidates as numbers: compositions and crystals."""

import torch

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.campaign.features import features_of, padded_atoms
from surrogates import MagpieFeatures

SPACE = CrystalSpace(["Li", "Ti", "O"], (2, 3), (2, 8), crystal_systems=["cubic", "hexagonal"])


def test_compositions_have_magpies_features() -> None:
    candidates = Candidates.of(["TiO2", "Li2O"])
    assert torch.equal(features_of(candidates), MagpieFeatures()(candidates.counts))


def test_atoms_of_crystals_are_those_of_their_structures() -> None:
    candidates = GFlowNet(SPACE).sample(30)
    assert candidates.crystals is not None
    numbers, points = padded_atoms(candidates.crystals)
    assert numbers.shape == (30, max(len(structure) for structure in candidates.structures))
    for row, structure in enumerate(candidates.structures):
        assert numbers[row].tolist()[: len(structure)] == list(structure.atomic_numbers)
        assert not numbers[row, len(structure) :].any()
        assert torch.allclose(points[row, : len(structure)], torch.tensor(structure.frac_coords))


def test_crystals_of_one_formula_have_features_that_tell_them_apart() -> None:
    keys = ["TiO2|136|Ti-a,O-f.7|5|6", "TiO2|136|Ti-a,O-f.7|5|8", "TiO2|136|Ti-a,O-f.9|5|6"]
    candidates = Candidates.of_keys([key.replace("TiO2", "Ti2O4", 1) for key in keys])
    found = features_of(candidates)
    assert found.dtype == torch.float64
    assert bool(found.isfinite().all())
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.allclose(features_of(candidates[[1]]), found[[1]])
