"""Crystals one bin away, and crystals that differ in bins alone."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.space.structure import neighbours as module
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.wyckoff import BINS


def crystals_of(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals


def spelled(crystals: Crystals) -> Tensor:
    """What no step changes: group, elements and letters."""
    return torch.cat([crystals.group[:, None], crystals.number, crystals.letter], dim=1)


@pytest.fixture(scope="module")
def space() -> CrystalSpace:
    return CrystalSpace(["Li", "Ti", "O"], n_elements=(2, 3), n_atoms=(2, 8))


@pytest.fixture(scope="module")
def sample(space: CrystalSpace) -> Candidates:
    low = CrystalSpace(["Li", "Ti", "O"], n_elements=(2, 3), n_atoms=(2, 8), crystal_systems=["monoclinic"])
    high = CrystalSpace(["Li", "Ti", "O"], n_elements=(2, 3), n_atoms=(2, 8), point_groups=["6mm", "4/mmm", "-43m"])
    return Candidates.concatenate([GFlowNet(part, seed=3).sample(5) for part in (space, low, high)]).distinct()


def test_a_neighbour_differs_by_one_step_in_one_bin(space: CrystalSpace, sample: Candidates) -> None:
    n_steps = 0
    for candidate in sample:
        before, after = crystals_of(candidate), crystals_of(space.neighbours(candidate))
        assert (spelled(after) == spelled(before)).all()
        in_cell = torch.cat([after.shape - before.shape, (after.volume - before.volume)[:, None]], dim=1).abs()
        apart = (after.bins - before.bins).flatten(1) % BINS
        in_place = torch.minimum(apart, BINS - apart)
        assert (in_cell.sum(1) + in_place.sum(1) == 1).all()
        assert ((after.bins < 0) == (before.bins < 0)).all()
        n_steps += len(after)
    assert n_steps > 3 * len(sample)


def test_neighbours_are_distinct_members_of_the_space_other_than_the_crystal(
    space: CrystalSpace, sample: Candidates
) -> None:
    for candidate in sample:
        near = space.neighbours(candidate)
        assert len(set(near.keys)) == len(near)
        assert candidate.keys[0] not in near.keys
        assert bool(space.admits(near).all())
    of_all = space.neighbours(sample)
    assert len(set(of_all.keys)) == len(of_all)
    assert set(of_all.keys) == {key for candidate in sample for key in space.neighbours(candidate).keys}


def test_the_neighbours_in_an_enumerated_space_are_all_members_one_step_away() -> None:
    space = CrystalSpace(formula="ZnO", n_atoms=(4, 4), space_groups=[186])
    members = space.enumerate()
    crystals = crystals_of(members)
    words = spelled(crystals)
    for row in range(0, len(members), len(members) // 12):
        apart = (crystals.bins - crystals.bins[row]).flatten(1) % BINS
        distance = torch.minimum(apart, BINS - apart).sum(1) + (crystals.volume - crystals.volume[row]).abs()
        distance += (crystals.shape - crystals.shape[row]).abs().sum(1)
        expected = ((distance == 1) & (words == words[row]).all(1)).nonzero().squeeze(-1).tolist()
        assert set(space.neighbours(members[row]).keys) == {members.keys[other] for other in expected}


def test_coordinates_wrap_around_and_the_cell_does_not() -> None:
    found = module.neighbours(Crystals.of_keys([f"Ti2O4|136|Ti-a,O-f.{BINS - 1}|0|11"])).keys
    assert set(found) == {
        f"Ti2O4|136|Ti-a,O-f.{BINS - 2}|0|11",
        "Ti2O4|136|Ti-a,O-f.0|0|11",
        f"Ti2O4|136|Ti-a,O-f.{BINS - 1}|1|11",
        f"Ti2O4|136|Ti-a,O-f.{BINS - 1}|0|10",
    }


def test_a_cubic_crystal_without_free_coordinates_has_its_volumes_alone() -> None:
    space = CrystalSpace(["Mg", "O"], n_elements=(2, 2), n_atoms=(2, 2), space_groups=[225])
    for volume, near in ((0, {1}), (4, {3, 5}), (11, {10})):
        found = space.neighbours(Candidates.of_keys([f"MgO|225|Mg-a,O-b||{volume}"]))
        assert set(found.keys) == {f"MgO|225|Mg-a,O-b||{v}" for v in near}


def test_compositions_have_no_neighbours() -> None:
    space = CompositionSpace(["Mg", "Ti", "O"], (2, 3), (2, 6))
    assert len(space.neighbours(space.enumerate())) == 0


def test_nothing_has_no_neighbours(space: CrystalSpace, sample: Candidates) -> None:
    assert len(space.neighbours(sample[:0])) == 0
    assert len(space.neighbours(Candidates.of_keys([]))) == 0
    assert len(module.neighbours(crystals_of(sample[:0]))) == 0


def test_crystals_share_a_motif_exactly_if_they_differ_in_bins_alone(space: CrystalSpace, sample: Candidates) -> None:
    near = space.neighbours(sample[:4])
    crystals = crystals_of(Candidates.concatenate([sample, near]).distinct())
    words, motifs = spelled(crystals), crystals.motifs
    agree = [(a, b) for a, b in combinations(range(len(crystals)), 2) if torch.equal(words[a], words[b])]
    assert len(agree) > 10
    assert [(a, b) for a, b in combinations(range(len(crystals)), 2) if motifs[a] == motifs[b]] == agree


@pytest.mark.parametrize("other", ["Ti-b,O-f.7", "Ti-a,O-g.7", "Ti-a,S-f.7", "Ti-a,O-h.7"])
def test_only_bins_are_left_out_of_a_motif(other: str) -> None:
    rutile = "Ti2O4|136|Ti-a,O-f.7|5|6"
    same = ["Ti2O4|136|Ti-a,O-f.17|5|6", "Ti2O4|136|Ti-a,O-f.7|15|6", "Ti2O4|136|Ti-a,O-f.7|5|10"]
    assert len(set(Crystals.of_keys([rutile, *same]).motifs)) == 1
    counts = {"Ti-a,S-f.7": "Ti2S4", "Ti-a,O-h.7": "Ti2O8"}.get(other, "Ti2O4")
    different = Crystals.of_keys([rutile, f"{counts}|136|{other}|5|6", "Ti2O4|137|Ti-a,O-d.7|5|6"])
    assert len(set(different.motifs)) == 3
