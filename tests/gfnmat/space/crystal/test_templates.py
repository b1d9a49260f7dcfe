"""Spaces of one prototype against pymatgen's matcher, which sees a structure without its elements."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.space.structure.cell import VOLUME_BINS
from oracles.potential.prototypes import library

ELEMENTS = ["Li", "Mg", "Zn", "Al", "Ti", "O", "F", "S"]
ALIKE = StructureMatcher(scale=True)  # up to the bins
EQUAL = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1, scale=True)
PROTOTYPES = {
    "spinel": "A2BC4_cF56_227_d_a_e (Spinel)",
    "rock salt": "AB_cF8_225_a_b (Halite, Rock Salt)",
    "wurtzite": "AB_hP4_186_b_b (Wurtzite)",
    "pyrite": "AB2_cP12_205_a_c (Pyrite)",
    "cubic perovskite": "AB3C_cP5_221_a_c_b ((Cubic) Perovskite)",
    "half-heusler": "ABC_cF12_216_b_c_a (half-Heusler)",
    "Scheelite": "scheelite",
}


@pytest.fixture(scope="module")
def rutile() -> Structure:
    return Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    )


def sampled(space: CrystalSpace, n: int = 60) -> Candidates:
    return GFlowNet(space, seed=2).sample(n).distinct()


@pytest.mark.parametrize(("name", "entry"), PROTOTYPES.items())
def test_crystals_of_a_prototype_differ_from_it_in_elements_and_volume_alone(name: str, entry: str) -> None:
    (known,) = [prototype for prototype in library() if prototype.name == entry]
    original = known.substitute(list(known.species), volume=12.0)
    space = CrystalSpace(ELEMENTS, prototype=name)
    candidates = sampled(space)
    structures = candidates.structures
    assert len(set(candidates.formulas)) > 5
    assert candidates.crystals is not None
    assert len(candidates.crystals.volume.unique()) > 6
    for structure in structures[:12]:
        assert ALIKE.fit_anonymous(structure, original)
        assert EQUAL.fit_anonymous(structure, structures[0])
        assert structure.get_space_group_info(1e-3)[1] == known.space_group
    assert bool(space.admits(candidates).all())
    assert bool(GFlowNet(space).log_prob(candidates).isfinite().all())


@pytest.mark.parametrize(("name", "of_three"), [("spinel", 6), ("cubic perovskite", 6), ("half-heusler", 3)])
def test_each_element_gets_each_place_that_is_not_like_another(name: str, of_three: int) -> None:
    """In half-Heusler crystals the outer two of three interpenetrating lattices are alike."""
    space = CrystalSpace(["Li", "Mg", "O"], prototype=name, chemistry="any", n_elements=(3, 3))
    candidates = space.enumerate()
    assert candidates.crystals is not None
    roomy = candidates[candidates.crystals.volume == VOLUME_BINS - 1].structures
    assert len(roomy) == of_three
    assert not any(EQUAL.fit(a, b) for a, b in combinations(roomy, 2))


def test_two_elements_in_alike_places_make_one_crystal_a_volume() -> None:
    candidates = CrystalSpace(["Mg", "O"], prototype="halite").enumerate()
    assert sorted(candidates.keys) == sorted(f"MgO|225|Mg-a,O-b||{volume}" for volume in range(VOLUME_BINS))


def test_the_members_of_a_prototype_space_share_all_probability() -> None:
    space = CrystalSpace(["Li", "Mg", "Ti", "O", "S"], prototype="fluorite")
    members = space.enumerate()
    assert len(members) > 50
    assert float(GFlowNet(space, seed=3).log_prob(members).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert set(sampled(space).keys) <= set(members.keys)


def test_other_crystals_of_the_same_elements_are_outside() -> None:
    space = CrystalSpace(["Mg", "O"], prototype="rock salt")
    others = Candidates.of_keys(["MgO|225|Mg-a,O-b||4", "MgO|221|Mg-a,O-b||4", "MgO|216|Mg-a,O-c||4"])
    assert space.admits(others).tolist() == [True, False, False]


def test_names_files_mappings_and_structures_give_one_space(rutile: Structure, tmp_path: Path) -> None:
    file = tmp_path / "mine.cif"
    rutile.to(str(file))
    given: list[Any] = [rutile, rutile.as_dict(), file, rutile * (1, 1, 2), "rutile", "A2B_tP6_136_f_a"]
    spaces = [CrystalSpace(ELEMENTS, prototype=prototype) for prototype in given]
    keys = [sampled(space, 30).keys for space in spaces]
    assert all(other == keys[0] for other in keys)
    (known,) = [prototype for prototype in library() if prototype.name == "A2B_tP6_136_f_a (Rutile)"]
    assert ALIKE.fit_anonymous(sampled(spaces[0]).structures[0], known.substitute(["Ti", "O"]))


def test_sizes_are_the_prototypes_whatever_else_is_said() -> None:
    space = CrystalSpace(ELEMENTS, n_elements=(2, 2), n_atoms=(2, 4), prototype="spinel")
    assert {(len(s), len(s.composition)) for s in sampled(space, 20).structures} == {(14, 3)}


@pytest.mark.parametrize("name", ["spinel", "wurtzite"])
def test_settings_make_the_space_again(name: str) -> None:
    space = CrystalSpace(ELEMENTS, prototype=name, require=["O"])
    settings = json.loads(json.dumps(space.settings))
    again = CrystalSpace(**settings)
    assert again.settings == space.settings
    assert sampled(again).keys == sampled(space).keys
    assert all("O" in structure.symbol_set for structure in sampled(again).structures)


def test_a_sampler_of_a_prototype_is_saved_and_loaded(tmp_path: Path) -> None:
    flow = GFlowNet(CrystalSpace(ELEMENTS, prototype="spinel"), seed=1)
    flow.save(tmp_path / "sampler.pt")
    loaded = GFlowNet.load(tmp_path / "sampler.pt")
    found = flow.sample(20)
    assert loaded.sample(20).keys == found.keys
    assert torch.equal(loaded.log_prob(found), flow.log_prob(found))


def test_an_unknown_name_is_refused_with_names_near_it() -> None:
    with pytest.raises(ValueError, match=r"prototype is 'spinell', which is neither .*names near it are .*spinel"):
        CrystalSpace(ELEMENTS, prototype="spinell")
    with pytest.raises(ValueError, match="neither a known prototype nor a file"):
        CrystalSpace(ELEMENTS, prototype="%%%")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_that_holds_no_structure_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.cif").write_text("data_nothing\n")
    with pytest.raises(ValueError, match=r"broken\.cif holds no structure"):
        CrystalSpace(ELEMENTS, prototype=tmp_path / "broken.cif")


def test_a_disordered_prototype_is_refused() -> None:
    mixed = Structure(Lattice.cubic(3), [{"Mg": 0.5, "Zn": 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    for prototype in (mixed, mixed.as_dict()):
        with pytest.raises(ValueError, match="disordered; give an ordered one"):
            CrystalSpace(ELEMENTS, prototype=prototype)


def test_a_prototype_that_no_elements_make_neutral_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no crystal exists .* as the prototype, no choice of elements is neutral"):
        CrystalSpace(["Li", "Na", "Cl"], prototype="spinel")


def test_a_prototype_of_more_elements_than_are_given_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3, and there are only 2 elements"):
        CrystalSpace(["Mg", "O"], prototype="spinel")
