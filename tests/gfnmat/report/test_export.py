"""What other tools read of a campaign."""

import json
import math

import ase.db
import ase.io
import pandas as pd
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from gfnmat import Campaign
from gfnmat.report.export import Format, export

CRYSTALS = {
    "name": "crystals",
    "space": {"kind": "crystal", "elements": ["Mg", "Ti", "O"], "n_elements": [2, 3], "n_atoms": [2, 6],
              "crystal_systems": ["cubic", "tetragonal"]},
    "objectives": [{"property": "formation_energy", "goal": "minimize"}],
    "fidelities": [{"name": "1", "oracle": "ionic", "cost": 1}],
    "proposer": {"kind": "random", "pool": 50},
    "acquisition": {"kind": "random", "batch_size": 8},
    "budget": {"cost": 8},
}  # fmt: skip
COMPOSITIONS = {
    **CRYSTALS,
    "space": {"elements": ["Mg", "O"], "n_elements": [2, 2], "n_atoms": [2, 4]},
    "fidelities": [{"name": "1", "oracle": "pauling", "cost": 1}],
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A finished campaign of crystals, whose fidelity has a name that reads as a number."""
    campaign = Campaign.open(CRYSTALS, store=f"sqlite:///{tmp_path_factory.mktemp('store') / 'campaign.db'}")
    campaign.run()
    assert campaign.structures()
    return campaign


@pytest.fixture(scope="module")
def folder(campaign, tmp_path_factory):
    """A folder with the campaign in every format, written twice."""
    folder = tmp_path_factory.mktemp("exported")
    for _ in range(2):
        written = export(campaign, list(Format), folder)
    assert all(path.is_file() for path in written)
    assert {path.name for path in folder.iterdir()} == {
        "measurements.csv", "measurements.json", "pareto.csv", "pareto.json", "structures", "structures.db",
        "structures.extxyz",
    }  # fmt: skip
    return folder


def done(campaign):
    return campaign.measurements().query("status == 'done'").set_index("id")


def same(atoms, structure):
    return StructureMatcher(scale=False).fit(Structure.from_ase_atoms(atoms), structure)


def test_tables_tell_crystals_apart(campaign, folder):
    table = pd.read_csv(folder / "measurements.csv")
    assert table["key"].tolist() == campaign.measurements()["key"].tolist()
    records = json.loads((folder / "measurements.json").read_text(encoding="utf-8"))
    assert [record["space_group"] for record in records] == campaign.measurements()["space_group"].tolist()
    assert {type(record["duplicate_of"]) for record in records} <= {int, type(None)}


def test_each_crystal_is_a_cif_as_judged_and_as_proposed(campaign, folder):
    expected = {f"{name}.cif": structure for name, structure in campaign.structures().items()}
    expected |= {f"{name}-proposed.cif": structure for name, structure in campaign.structures("proposed").items()}
    assert {path.name for path in (folder / "structures").iterdir()} == set(expected)
    for name, structure in expected.items():
        read = Structure.from_file(folder / "structures" / name)
        assert StructureMatcher(scale=False).fit(read, structure)


def test_extended_xyz_holds_every_structure_with_what_is_known(campaign, folder):
    frames = ase.io.read(folder / "structures.extxyz", index=":")
    judged, proposed = campaign.numbered_structures(), campaign.numbered_structures("proposed")
    assert [frame.info["structure"] for frame in frames] == ["judged"] * len(judged) + ["proposed"] * len(proposed)
    rows = done(campaign)
    for frame, (number, structure) in zip(frames, [*judged.items(), *proposed.items()], strict=True):
        assert frame.info["id"] == number
        assert str(frame.info["fidelity"]) == "1"
        assert same(frame, structure)
        assert isinstance(frame.info["space_group"], str)
        if frame.info["structure"] == "judged":
            assert frame.info["formula"] == rows.formula[number]
            assert frame.info["formation_energy"] == pytest.approx(rows.formation_energy[number])
            assert frame.info["density"] == pytest.approx(float(Structure.from_ase_atoms(frame).density))
        else:
            assert "formation_energy" not in frame.info


def test_the_database_can_be_searched_by_property(campaign, folder):
    rows, judged = done(campaign), campaign.numbered_structures()
    with ase.db.connect(folder / "structures.db") as database:
        assert len(database) == len(judged) + len(campaign.numbered_structures("proposed"))
        best = min(database.select(structure="judged"), key=lambda row: row.formation_energy)
        assert best.formation_energy == pytest.approx(rows.formation_energy.min())
        median = float(rows.formation_energy.median())
        found = {row.suggestion for row in database.select(f"formation_energy<={median}")}
        assert found == set(rows.index[rows.formation_energy <= median])
        for row in database.select(structure="judged"):
            assert same(row.toatoms(), judged[row.suggestion])
            assert row.data["key"] == rows.key[row.suggestion]
            assert row.data["formula"] == rows.formula[row.suggestion]
            assert row.data["fidelity"] == "1"  # a word that reads as a number is none of ASE's pairs
            assert math.isfinite(row.data["seconds"])


def test_what_has_no_structure_gives_no_file_of_structures(tmp_path):
    campaign = Campaign.open(COMPOSITIONS, store=f"sqlite:///{tmp_path / 'campaign.db'}")
    campaign.run()
    assert list(campaign.measurements().columns[:3]) == ["id", "formula", "fidelity"]
    assert "duplicate_of" not in campaign.measurements()
    assert export(campaign, [Format.CIF, Format.EXTXYZ, Format.ASE], tmp_path / "out") == []
