"""One crystal written in several groups and cells is one, by pymatgen's matcher."""

from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from gfnmat import Campaign, Candidates, CrystalSpace, GFlowNet
from gfnmat.campaign.features import identities
from gfnmat.space.structure.cell import VOLUME_BINS

ROCKSALT = [
    "MgO|225|Mg-a,O-b||4",
    "MgO|196|Mg-a,O-b||4",
    "MgO|202|Mg-a,O-b||4",
    "MgO|209|Mg-a,O-b||4",
    "MgO|216|Mg-a,O-b||4",
    "Mg4O4|200|Mg-a,Mg-c,O-b,O-d||4",
    "Mg4O4|201|Mg-b,O-c||4",
    "Mg4O4|205|Mg-a,O-b||4",
    "Mg4O4|221|Mg-a,Mg-c,O-b,O-d||4",
    "Mg4O4|224|Mg-b,O-c||4",
]
CUBIC_MGO = {"formula": "MgO", "n_atoms": [2, 8], "crystal_systems": ["cubic"]}
EQUAL = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1, scale=False)
ORACLES = '''
"""Properties of structures that cost nothing."""

def stiffness(materials):
    return [{"bulk_modulus": 300 / (1 + abs(s.volume / len(s) - 10))} for s in materials]
'''


def identity(key: str) -> str:
    return identities(Candidates.of_keys([key]))[0]


def test_rocksalt_is_one_crystal_in_every_group_and_cell() -> None:
    structures = Candidates.of_keys(ROCKSALT).structures
    assert all(EQUAL.fit(structures[0], other) for other in structures)
    assert len(set(identities(Candidates.of_keys(ROCKSALT)))) == 1
    assert len({identity(key) for key in ROCKSALT}) == 1  # whatever the company


@pytest.mark.parametrize(
    "other",
    [
        "MgO|225|Mg-a,O-b||5",  # larger
        "MgO|221|Mg-a,O-b||4",  # caesium chloride
        "MgO|216|Mg-a,O-c||4",  # zincblende
        "CaO|225|Ca-a,O-b||4",
        "MgS|225|Mg-a,S-b||4",
        "LiF|225|Li-a,F-b||4",
    ],
)
def test_another_volume_structure_type_or_element_is_another_crystal(other: str) -> None:
    assert identity(other) != identity(ROCKSALT[0])


def test_every_volume_is_another_crystal() -> None:
    keys = [f"MgO|225|Mg-a,O-b||{volume}" for volume in range(VOLUME_BINS)]
    assert len(set(identities(Candidates.of_keys(keys)))) == VOLUME_BINS


def test_exchanged_elements_are_one_crystal_only_where_their_places_are_alike() -> None:
    assert identity("MgO|225|Mg-b,O-a||4") == identity(ROCKSALT[0])
    assert identity("Ti2O4|136|Ti-a,O-f.7|5|6") != identity("Ti4O2|136|Ti-f.7,O-a|5|6")


def test_identities_agree_where_the_matcher_finds_one_crystal() -> None:
    sample = GFlowNet(CrystalSpace(**CUBIC_MGO), seed=1).sample(900).distinct()
    assert sample.crystals is not None
    sample = sample[sample.crystals.volume == 6]
    classes: dict[str, list[Structure]] = defaultdict(list)
    for name, structure in zip(identities(sample), sample.structures, strict=True):
        classes[name].append(structure)
    assert 5 < len(classes) < len(sample) / 2
    for members in classes.values():
        assert all(EQUAL.fit(members[0], other) for other in members[1:])
    assert not any(EQUAL.fit(a[0], b[0]) for a, b in combinations(classes.values(), 2))


def test_crystals_of_low_symmetry_are_one_only_if_the_matcher_says_so() -> None:
    space = CrystalSpace(["Li", "Ti", "O"], n_elements=(2, 2), n_atoms=(2, 4), point_groups=["6mm", "4/mmm", "mmm"])
    sample = GFlowNet(space, seed=2).sample(250).distinct()
    names, structures = identities(sample), sample.structures
    by_formula: dict[tuple[str, float], list[int]] = defaultdict(list)
    for row, (formula, structure) in enumerate(zip(sample.formulas, structures, strict=True)):
        by_formula[formula, round(structure.volume / len(structure), 4)].append(row)
    pairs = [pair for rows in by_formula.values() for pair in combinations(rows, 2)]
    assert len(pairs) > 80
    for a, b in pairs:
        assert (names[a] == names[b]) == EQUAL.fit(structures[a], structures[b]), (sample.keys[a], sample.keys[b])


def test_a_composition_is_its_key() -> None:
    candidates = Candidates.of(["TiO2", "Ti2O4", "Li2O"])
    assert identities(candidates) == candidates.keys == ("TiO2", "TiO2", "Li2O")


@pytest.mark.parametrize("kind", ["random", "gflownet"])
def test_a_campaign_never_asks_for_one_crystal_twice_at_a_fidelity(kind: str, tmp_path: Path) -> None:
    """In a space where most crystals can be written in several ways."""
    module = f"identity_oracles_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(ORACLES)
    python: dict[str, Any] = {"oracle": "python", "function": f"{module}:stiffness", "path": str(tmp_path)}
    content = {
        "name": "one of each",
        "space": {"kind": "crystal", **CUBIC_MGO, "n_atoms": [2, 4]},
        "objectives": [{"property": "bulk_modulus", "goal": "maximize"}],
        "fidelities": [{"name": "hint", "cost": 0.1, **python}, {"name": "real", "cost": 1, **python}],
        "proposer": {"kind": kind, "pool": 60, "trajectories": 128},
        "acquisition": {"batch_size": 12, **({"kind": "random"} if kind == "random" else {})},
        "budget": {"cost": 30, "rounds": 3},
    }
    campaign = Campaign.open(content, store=f"sqlite:///{tmp_path / 'campaign.db'}")
    campaign.run()
    measured, structures = campaign.measurements(), campaign.numbered_structures("proposed")
    assert len(measured) > 20
    for _, part in measured.groupby("fidelity"):
        assert len(set(identities(Candidates.of_keys(list(part.key))))) == len(part)
        assert not any(EQUAL.fit(structures[a], structures[b]) for a, b in combinations(part.id, 2))
