"""Crystals as candidates: keys, parts, batches of different sizes."""

import pytest
import torch

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.space.structure.crystals import Crystals


@pytest.fixture(scope="module")
def sample() -> Candidates:
    return GFlowNet(CrystalSpace(["Li", "Na", "Ti", "O", "Cl"], (2, 3), (2, 12)), seed=6).sample(300)


def same(one: Candidates, other: Candidates) -> bool:
    return torch.equal(one.counts, other.counts) and one.keys == other.keys


def test_keys_say_all_of_a_crystal(sample: Candidates) -> None:
    again = Candidates.of_keys(sample.keys)
    assert same(again, sample)
    assert again.crystals is not None
    assert sample.crystals is not None
    narrow = sample.crystals.rows, Crystals.concatenate([sample.crystals, again.crystals]).rows[len(sample) :]
    assert torch.equal(*narrow)
    for one, other in zip(sample[:40].structures, again[:40].structures, strict=True):
        assert one == other


def test_keys_of_known_crystals_read_as_one_would_write_them() -> None:
    salt = "NaCl|225|Na-a,Cl-b||5"
    rutile = "Ti2O4|136|Ti-a,O-f.7|5|6"
    candidates = Candidates.of_keys([salt, rutile])
    assert candidates.keys == (salt, rutile)
    assert candidates.formulas == ("NaCl", "TiO2")
    assert [len(structure) for structure in candidates.structures] == [2, 6]
    assert candidates.compositions[1].get_el_amt_dict() == {"Ti": 2, "O": 4}
    assert candidates.materials == candidates.structures
    halite = candidates.structures[0]
    assert halite.get_distance(0, 1) == pytest.approx((halite.volume / 2) ** (1 / 3))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "NaCl",
        "NaCl|225|Na-a,Cl-b|5",
        "NaCl|225|Na-a,Cl-b||5|6",
        "NaCl|0|Na-a,Cl-b||5",
        "NaCl|-1|Na-a,Cl-b||5",
        "NaCl|231|Na-a,Cl-b||5",
        "NaCl|Fm-3m|Na-a,Cl-b||5",
        "NaCl|225|Na-a,Cl-z||5",
        "NaCl|225|Na-a,Xx-b||5",
        "NaCl|225|Na-a,Cl-b.3||5",
        "NaCl|225|Na-a;Cl-b||5",
        "NaCl|225|Na-a,Cl-b|3|5",
        "NaCl|225|Na-a,Cl-b||",
        "NaCl|225|Na-a,Cl-b||-1",
        "NaCl|225|Na-a,Cl-b||12",
        "Ti2O4|136|Ti-a,O-f|5|6",
        "Ti2O4|136|Ti-a,O-f.24|5|6",
        "Ti2O4|136|Ti-a,O-f.7||6",
        "Ti2O4|136|Ti-a,O-f.7|32|6",
        "TiO2|136|Ti-a,O-f.7|5|6",
    ],
)
def test_what_is_no_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match="is not the key of a crystal") as error:
        Candidates.of_keys(["NaCl|225|Na-a,Cl-b||5", key])
    assert repr(key) in str(error.value)


def test_parts_of_a_batch_are_batches(sample: Candidates) -> None:
    assert sample[3].keys == (sample.keys[3],)
    assert sample[-1].keys == (sample.keys[-1],)
    assert sample[10:20].keys == sample.keys[10:20]
    assert sample[[5, 2, 5]].keys == (sample.keys[5], sample.keys[2], sample.keys[5])
    assert sample[torch.tensor([4, 1])].keys == (sample.keys[4], sample.keys[1])
    assert [part.keys[0] for part in sample[:5]] == list(sample.keys[:5])
    assert len(sample[:0]) == 0
    assert sample[:0].keys == ()
    assert sample[:0].structures == ()
    with pytest.raises(IndexError, match="outside a batch of 300"):
        sample[300]


def test_batches_with_room_for_different_numbers_of_sites_are_joined(sample: Candidates) -> None:
    small = Candidates.of_keys(["NaCl|225|Na-a,Cl-b||5"])
    one = Candidates.concatenate([small, sample, small[:0], small])
    assert one.keys == small.keys + sample.keys + small.keys
    assert one.crystals is not None
    assert torch.equal(one.crystals.counts, one.counts)
    assert len(one.distinct()) == len({*one.keys})
    assert Candidates.concatenate([sample[:0], small]).keys == small.keys
    nothing = Candidates.concatenate([sample[:0], small[:0]])
    assert len(nothing) == 0
    assert nothing.keys == ()


def test_distinct_keeps_the_first_of_each(sample: Candidates) -> None:
    twice = Candidates.concatenate([sample[:50], sample[20:70]])
    assert twice.distinct().keys == tuple(dict.fromkeys(twice.keys))
    assert len(sample[:0].distinct()) == 0


def test_moving_to_a_device_keeps_everything(sample: Candidates) -> None:
    assert same(sample.to("cpu"), sample)
    moved = sample.to("meta")
    assert moved.crystals is not None
    assert {moved.counts.device.type, moved.crystals.bins.device.type, moved.crystals.group.device.type} == {"meta"}


def test_compositions_have_no_structures() -> None:
    compositions = Candidates.of(["NaCl", "TiO2"])
    with pytest.raises(TypeError, match="are compositions; only those of a CrystalSpace have structures"):
        _ = compositions.structures
    assert compositions.materials == compositions.compositions


def test_compositions_and_crystals_are_not_joined() -> None:
    crystal = Candidates.of_keys(["NaCl|225|Na-a,Cl-b||5"])
    with pytest.raises(ValueError, match="compositions and crystals"):
        Candidates.concatenate([Candidates.of(["NaCl"]), crystal])


def test_one_crystal_in_other_bins_is_another_key_with_the_same_formula() -> None:
    keys = [f"NaCl|225|Na-a,Cl-b||{volume}" for volume in range(12)]
    candidates = Candidates.of_keys(keys)
    assert len(set(candidates.keys)) == 12
    assert set(candidates.formulas) == {"NaCl"}
    volumes = [structure.volume for structure in candidates.structures]
    assert volumes == sorted(volumes)
