"""Structures as sentences: decoding undone, and textbook structures in every form in which they may be given."""

import numpy as np
import pytest
import spglib
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, DummySpecies, Lattice, Structure
from pymatgen.core.operations import SymmOp

from gfnmat import Candidates, GFlowNet
from gfnmat.space.crystal.space import CrystalSpace
from gfnmat.space.encoding.normaliser import normaliser, operations
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

TEXTBOOK: dict[str, Structure] = {
    "rock salt": Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "caesium chloride": Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ),
    "diamond": Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.567), ["C"], [[0, 0, 0]]),
    "zinc blende": Structure.from_spacegroup(
        "F-43m", Lattice.cubic(5.41), ["Zn", "S"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    ),
    "wurtzite": Structure.from_spacegroup(
        "P6_3mc", Lattice.hexagonal(3.25, 5.207), ["Zn", "O"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]]
    ),
    "fluorite": Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.463), ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]]),
    "rutile": Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    ),
    "anatase": Structure.from_spacegroup(
        "I4_1/amd", Lattice.tetragonal(3.785, 9.514), ["Ti", "O"], [[0, 0, 0], [0, 0, 0.2081]]
    ),
    "perovskite": Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    ),
    "spinel": Structure.from_spacegroup(
        "Fd-3m", Lattice.cubic(8.083), ["Mg", "Al", "O"], [[0, 0, 0], [5 / 8, 5 / 8, 5 / 8], [0.3874, 0.3874, 0.3874]]
    ),
    "corundum": Structure.from_spacegroup(
        "R-3c", Lattice.hexagonal(4.759, 12.991), ["Al", "O"], [[0, 0, 0.3522], [0.3063, 0, 0.25]]
    ),
    "quartz": Structure.from_spacegroup(
        "P3_221", Lattice.hexagonal(4.913, 5.405), ["Si", "O"], [[0.4697, 0, 2 / 3], [0.4135, 0.2669, 0.7858]]
    ),
    "calcite": Structure.from_spacegroup(
        "R-3c", Lattice.hexagonal(4.99, 17.06), ["Ca", "C", "O"], [[0, 0, 0], [0, 0, 0.25], [0.257, 0, 0.25]]
    ),
    "baddeleyite": Structure.from_spacegroup(
        "P2_1/c",
        Lattice.monoclinic(5.15, 5.21, 5.317, 99.2),
        ["Zr", "O", "O"],
        [[0.2754, 0.0395, 0.2083], [0.07, 0.3317, 0.3447], [0.4496, 0.7569, 0.4792]],
    ),
    "tenorite": Structure.from_spacegroup(
        "C2/c", Lattice.monoclinic(4.684, 3.423, 5.129, 99.5), ["Cu", "O"], [[0.25, 0.25, 0], [0, 0.418, 0.25]]
    ),
    "aragonite": Structure.from_spacegroup(
        "Pnma",
        Lattice.orthorhombic(5.741, 4.961, 7.967),
        ["Ca", "C", "O", "O"],
        [[0.2405, 0.25, 0.4150], [0.0852, 0.25, 0.7622], [0.0956, 0.25, 0.9225], [0.0873, 0.4736, 0.6810]],
    ),
    "triclinic": Structure.from_spacegroup(
        "P-1",
        Lattice.from_parameters(5.1, 5.9, 7.3, 97, 104, 112),
        ["K", "F", "O"],
        [[0.21, 0.33, 0.14], [0.62, 0.11, 0.41], [0.17, 0.78, 0.37]],
    ),
}

SPACES = {
    "ionic": {"elements": ["Sr", "Ti", "O"], "n_atoms": (2, 12)},
    "small": {"elements": ["Na", "Cl"], "n_atoms": (2, 6)},
    "any": {"elements": ["Mg", "Al", "O"], "n_atoms": (2, 12), "chemistry": "any"},
    "polar": {"elements": ["Ga", "N"], "n_atoms": (2, 8), "point_groups": ["1", "m", "2", "mm2", "3", "4", "6mm"]},
}


@pytest.fixture(scope="module")
def textbook_space() -> CrystalSpace:
    elements = {element.symbol for structure in TEXTBOOK.values() for element in structure.composition}
    return CrystalSpace(sorted(elements), n_elements=(1, 3), n_atoms=(1, 20), chemistry="any")


def keeps_its_symmetry(structure: Structure, group: int) -> bool:
    """Whether spglib finds the group, and no smaller cell."""
    atoms = (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers)
    found = [spglib.get_symmetry_dataset(atoms, symprec=symprec) for symprec in (1e-3, 1e-2)]
    return all(
        dataset is not None and dataset.number == group and len(set(dataset.mapping_to_primitive)) == len(structure)
        for dataset in found
    )


def forms(structure: Structure) -> dict[str, Structure]:
    """The same crystal in other cells, with another origin and in other orientations."""
    rng = np.random.default_rng(len(structure))
    shifted = structure.copy()
    shifted.translate_sites(range(len(structure)), rng.random(3))
    rotated = structure.copy()
    rotated.apply_operation(SymmOp.from_axis_angle_and_translation(rng.random(3), 77.0))
    primitive = structure.get_primitive_structure(tolerance=0.01)
    skewed = primitive * [[1, 0, 0], [1, 1, 0], [0, -1, 1]]
    permuted = Structure(structure.lattice.matrix[[2, 0, 1]], structure.species, structure.frac_coords[:, [2, 0, 1]])
    shuffled = Structure.from_sites([structure[int(index)] for index in rng.permutation(len(structure))])
    charged = structure.copy()
    charged.add_oxidation_state_by_element({element.symbol: 0 for element in structure.composition})
    return {
        "conventional": structure,
        "primitive": primitive,
        "shifted": shifted,
        "rotated": rotated,
        "skewed": skewed,
        "permuted": permuted,
        "shuffled": shuffled,
        "charged": charged,
        "supercell": shifted * [[2, 0, 0], [0, 1, 0], [0, 1, 1]],
    }


@pytest.mark.parametrize("settings", SPACES.values(), ids=SPACES)
def test_encoding_undoes_decoding(settings: dict[str, object]) -> None:
    space = CrystalSpace(**settings)
    network = GFlowNet(space, seed=5)
    sampled = network.sample(120).distinct()
    assert sampled.crystals is not None
    kept = [
        row
        for row, (structure, group) in enumerate(zip(sampled.structures, sampled.crystals.group.tolist(), strict=True))
        if keeps_its_symmetry(structure, group)
    ]
    assert len(kept) > 30
    known = sampled[kept]
    found = space.encode([structure.copy() for structure in known.structures])
    assert found.keys == known.keys
    assert torch.isfinite(network.log_prob(found)).all()


def test_what_a_sentence_decodes_to_is_written_without_loss_in_every_form() -> None:
    space = CrystalSpace(["Sr", "Ti", "O"], n_atoms=(2, 10))
    sampled = GFlowNet(space, seed=3).sample(60)
    assert sampled.crystals is not None
    matcher = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.1)
    checked = 0
    for structure, group in zip(sampled.structures, sampled.crystals.group.tolist(), strict=True):
        if group <= 15 or not keeps_its_symmetry(structure, group):  # oblique axes are reduced, and rounded anew
            continue
        given = forms(structure)
        moved = space.encode([given[name] for name in ("shifted", "skewed", "supercell")])
        assert len(set(moved.keys)) == 1
        assert matcher.fit(structure, moved.structures[0]), moved.keys[0]
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_structures_have_one_key_in_every_form(name: str, textbook_space: CrystalSpace) -> None:
    structure = TEXTBOOK[name]
    variants = forms(structure)
    found = textbook_space.encode(list(variants.values()))
    assert set(found.keys) == {found.keys[0]}, dict(zip(variants, found.keys, strict=True))
    assert bool(textbook_space.admits(found).all())
    assert StructureMatcher().fit(structure, found.structures[0])


def test_structures_without_free_coordinates_are_written_without_loss(textbook_space: CrystalSpace) -> None:
    names = ("rock salt", "caesium chloride", "zinc blende", "fluorite", "perovskite", "diamond")
    found = textbook_space.encode([TEXTBOOK[name] for name in names])
    matcher = StructureMatcher(ltol=0.001, stol=0.001, angle_tol=0.01)
    for name, decoded in zip(names, found.structures, strict=True):
        assert matcher.fit(TEXTBOOK[name], decoded), name
        assert decoded.volume / len(decoded) == pytest.approx(TEXTBOOK[name].volume / len(TEXTBOOK[name]), rel=0.1)


def test_keys_say_what_is_known_of_the_structures(textbook_space: CrystalSpace) -> None:
    names = ("rock salt", "rutile", "spinel", "corundum")
    parts = [key.split("|")[:2] for key in textbook_space.encode([TEXTBOOK[name] for name in names]).keys]
    assert parts == [["NaCl", "225"], ["Ti2O4", "136"], ["Mg2Al4O8", "227"], ["Al4O6", "167"]]


def test_no_structures_are_no_candidates(textbook_space: CrystalSpace) -> None:
    assert len(textbook_space.encode([])) == 0


@pytest.mark.parametrize("raises", [False, True])
def test_what_is_not_in_the_space_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, raises: bool) -> None:
    monkeypatch.setattr("spglib.error.OLD_ERROR_HANDLING", not raises)  # as phonopy sets it where it is imported
    space = CrystalSpace(["Sr", "Ti", "O"], n_atoms=(2, 6), space_groups=[136, 221, 225])
    disordered = TEXTBOOK["perovskite"].copy()
    disordered.replace_species({"Sr": {"Sr": 0.5, "Ti": 0.5}})
    strange = TEXTBOOK["perovskite"].copy()
    strange.replace_species({"Sr": DummySpecies("Xa")})
    coinciding = Structure(Lattice.cubic(4), ["Sr", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    huge = TEXTBOOK["perovskite"].copy()
    huge.scale_lattice(250)
    for structure, words in [
        (disordered, "disordered"),
        (strange, "no element"),
        (coinciding, "no symmetry"),
        (TEXTBOOK["rock salt"], "NaCl is not in the space: Cl, Na is not among its elements"),
        (TEXTBOOK["anatase"], r"its space group is 141 \(I4_1/amd\); allowed are 136, 221, 225"),
        (huge, "its volume is .* of what is predicted"),
    ]:
        with pytest.raises(ValueError, match=words):
            space.encode([TEXTBOOK["rutile"], structure])
    with pytest.raises(ValueError, match="10 atoms in the primitive cell; allowed are 2 to 6"):
        CrystalSpace(["Al", "O"], (2, 2), (2, 6)).encode([TEXTBOOK["corundum"]])
    peroxide = Structure.from_spacegroup("Pm-3m", Lattice.cubic(4), ["Sr", "O"], [[0, 0, 0], [0.5, 0.5, 0]])
    with pytest.raises(ValueError, match="SrO3 is not in the space: with one oxidation state"):
        CrystalSpace(["Sr", "O", "Ti"], (2, 2), (2, 6)).encode([peroxide])
    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    exchanged = Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.905), ["O", "Ti", "Sr"], sites)
    with pytest.raises(ValueError, match="its formula is not SrTiO3"):
        CrystalSpace(formula="SrTiO3", n_atoms=(5, 10)).encode([exchanged])
    layers = Structure.from_spacegroup("P4/mmm", Lattice.tetragonal(1.3, 20), ["Sr", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(ValueError, match=r"its c/a of 15\.38 is outside 0\.25 to"):
        CrystalSpace(["Sr", "O"], n_atoms=(2, 4)).encode([layers])


@pytest.mark.parametrize("group", [1, 2, 5, 14, 15, 19, 22, 43, 62, 92, 122, 148, 161, 178, 198, 214, 227])
def test_moves_of_the_normaliser_map_the_group_onto_itself(group: int) -> None:
    tables = load_wyckoff_tables()
    rotations, translations = operations(group)
    centring = tables.centring[group - 1, : int(tables.n_centring[group - 1])].numpy() / 48
    for mirrored in (False, True):
        moves = normaliser(group, mirrored)
        for rotation, shift in zip(moves.rotations, moves.shifts, strict=True):
            assert np.linalg.det(rotation) == pytest.approx(-1 if mirrored else 1)
            inverse = np.linalg.inv(rotation)
            for own, translation in zip(rotations, translations, strict=True):
                turned = np.rint(rotation @ own @ inverse)
                moved = rotation @ translation + shift - turned @ shift
                same = translations[(rotations == turned).all((1, 2))]
                difference = moved - same[:1] - centring
                assert len(same) == len(centring)
                assert np.isclose(difference, np.rint(difference), atol=1e-9).all(-1).any()


def test_the_moves_cover_every_permutation_of_the_letters() -> None:
    tables = load_wyckoff_tables()
    for group in range(16, 231):
        moves = len(normaliser(group)) + len(normaliser(group, mirrored=True))
        assert moves >= len(tables.normaliser(group)), group


def test_candidates_of_known_structures_have_the_atoms_of_the_primitive_cell(textbook_space: CrystalSpace) -> None:
    found = textbook_space.encode([TEXTBOOK["spinel"]])
    assert isinstance(found, Candidates)
    assert found.compositions[0] == Composition("Mg2Al4O8")
