"""Tables from the Materials Project, by a client that pretends to ask it."""

import pytest
from pymatgen.core import SETTINGS, Composition
from pymatgen.ext import matproj

import oracles
from oracles.materials_project import load_systems


def entry(formula: str, formation_energy: float, energy_above_hull: float, band_gap: float, density: float, **others):
    return {
        "formula_pretty": formula,
        "formation_energy_per_atom": formation_energy,
        "energy_above_hull": energy_above_hull,
        "band_gap": band_gap,
        "density": density,
        **others,
    }


ENTRIES = [
    entry("Fe2O3", -1.6, 0.2, 0.0, 5.0),
    entry(
        "Fe2O3", -1.8, 0.0, 1.6, 5.1, bulk_modulus={"voigt": 210.0, "reuss": 190.0, "vrh": 200.0}, shear_modulus=None
    ),
    entry("FeO", -1.2, 0.1, 0.5, 5.8),
]


@pytest.fixture
def asked(monkeypatch):
    """What the client was asked, by a user who has a key."""
    queries = []

    def get_summary(self, criteria, fields):
        queries.append((criteria, fields))
        return ENTRIES

    monkeypatch.setitem(SETTINGS, "PMG_MAPI_KEY", "k" * 32)
    monkeypatch.setattr(matproj.MPRester, "get_summary", get_summary)
    return queries


def test_the_crystal_nearest_to_the_hull_counts_with_all_its_values(asked):
    oracle = oracles.build("table", materials_project=["O-Fe"])
    assert asked[0][0] == {"chemsys": "Fe-O"}
    iron, wustite, other = oracle.evaluate([Composition("Fe4O6"), Composition("FeO"), Composition("NaCl")])
    assert iron.values == {
        "formation_energy": -1.8, "energy_above_hull": 0.0, "band_gap": 1.6, "density": 5.1, "bulk_modulus": 200.0,
    }  # fmt: skip
    assert "bulk_modulus" not in wustite.values
    assert other.status == "infeasible"
    assert oracle.provenance["table"] == "Materials Project, O-Fe"
    assert len(oracle.provenance["sha256"]) == 64


def test_what_is_no_system_and_no_key_are_refused(asked, monkeypatch):
    with pytest.raises(ValueError, match="'Fe2O3' is no chemical system; write elements with hyphens"):
        load_systems(["Fe2O3"])
    for systems in ("Fe-O", []):
        with pytest.raises(ValueError, match="is a list of chemical systems"):
            load_systems(systems)
    monkeypatch.setitem(SETTINGS, "PMG_MAPI_KEY", "")
    with pytest.raises(ValueError, match=r"asks for a key: .* set PMG_MAPI_KEY"):
        load_systems(["Fe-O"])


def test_a_query_that_fails_or_finds_nothing_says_so(asked, monkeypatch):
    monkeypatch.setattr(matproj.MPRester, "get_summary", lambda self, criteria, fields: [])
    with pytest.raises(ValueError, match="has nothing of Fe-O"):
        load_systems(["Fe-O"])

    def unreachable(self, criteria, fields):
        raise ConnectionError("no network")

    monkeypatch.setattr(matproj.MPRester, "get_summary", unreachable)
    with pytest.raises(OSError, match="cannot be asked: ConnectionError: no network"):
        load_systems(["Fe-O"])
