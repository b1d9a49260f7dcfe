"""Candidates from a list, a table of formulas or a folder of CIF files."""

from pathlib import Path

import pytest
import torch
from pymatgen.core import Lattice, Structure

from gfnmat import Candidates, CompositionSpace, CrystalSpace
from gfnmat.proposers.pool import PoolProposer
from gfnmat.proposers.pool_file import PoolFile
from gfnmat.proposers.proposer import Measured

SPACE = CompositionSpace(["Li", "Mg", "Ti", "O", "Na", "Cl"], (2, 3), (2, 9))
CRYSTALS = CrystalSpace(["Na", "Mg", "O", "Cl"], (2, 2), (2, 8))


def rock_salt(cation: str, anion: str, a: float) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for structure in (rock_salt("Na", "Cl", 5.64), rock_salt("Mg", "O", 4.21), rock_salt("K", "F", 5.3)):
        structure.to(filename=str(tmp_path / f"{structure.composition.reduced_formula}.cif"))
    (tmp_path / "broken.cif").write_text("data_nothing\n")
    return tmp_path


def test_all_members_are_proposed_but_for_those_that_were_measured() -> None:
    members = SPACE.enumerate()
    known = Measured(members[::3], torch.zeros(len(members[::3])))
    found = PoolProposer(members).propose(10_000, None, 1, known).candidates
    assert set(found.keys) == set(members.keys) - set(members[::3].keys)


def test_the_best_are_proposed_where_there_are_more() -> None:
    members = SPACE.enumerate()
    found = PoolProposer(members).propose(20, lambda c: c.counts[:, 7].float(), 1).candidates
    assert found.counts[:, 7].tolist() == members.counts[:, 7].sort(descending=True).values[:20].tolist()


def test_without_a_reward_every_member_is_as_likely_to_be_the_first() -> None:
    members = SPACE.enumerate()[:4]
    first = [PoolProposer(members).propose(1, None, seed).candidates.keys[0] for seed in range(200)]
    assert all(30 < first.count(key) < 75 for key in members.keys)


def test_a_table_gives_what_the_space_admits_and_says_what_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "pool.csv"
    path.write_text("formula,score\nTi2O4,1\nTiO2,1\nNaCl,2\nNaCl2,2\nFeO,3\nnonsense,4\nTi0.3O,5\n")
    file = PoolFile.of(path, SPACE)
    assert file.members.formulas == ("TiO2", "NaCl")
    assert file.notes == (f"{path}: 4 of the 7 candidates are not in the space, and are left out.",)


def test_a_folder_gives_crystals_or_their_formulas(folder: Path) -> None:
    crystals = PoolFile.of(folder, CRYSTALS)
    expected = CRYSTALS.encode([rock_salt("Mg", "O", 4.21), rock_salt("Na", "Cl", 5.64)])
    assert crystals.members.keys == expected.keys
    assert "2 of the 4" in crystals.notes[0]
    assert set(PoolFile.of(folder, SPACE).members.formulas) == {"MgO", "NaCl"}


def test_a_list_that_is_all_in_the_space_needs_no_note(tmp_path: Path) -> None:
    (tmp_path / "pool.csv").write_text("formula\nTiO2\n")
    assert PoolFile.of(tmp_path / "pool.csv", SPACE).notes == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [("name\nTiO2\n", "has no column 'formula'; it has: name"), ("formula\nFeO\n", "none of the 1 candidates is in")],
)
def test_a_table_that_is_of_no_use_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "pool.csv").write_text(text)
    with pytest.raises(ValueError, match=reason):
        PoolFile.of(tmp_path / "pool.csv", SPACE)


def test_what_is_not_there_or_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no file"):
        PoolFile.of(tmp_path / "nothing.csv", SPACE)
    with pytest.raises(ValueError, match="holds no CIF file"):
        PoolFile.of(tmp_path, SPACE)
    with pytest.raises(ValueError, match="takes a folder of CIF files"):
        PoolFile.of(tmp_path / "nothing.csv", CRYSTALS)


def test_among_tells_candidates_apart_as_their_keys_do() -> None:
    one, other = SPACE.enumerate()[:40], SPACE.enumerate()[20:60]
    assert one.among(other).tolist() == [key in other.keys for key in one.keys]
    assert Candidates.of([]).among(one).tolist() == []
    assert not bool(one.among(one[:0]).any())
