"""Answers that are not computed twice."""

import sqlite3

import pytest
from pymatgen.core import Composition, Lattice, Structure

import oracles
from gfnmat import Campaign
from oracles.contract import OracleContract
from oracles.oracle import Oracle

ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
).get_primitive_structure()
COINCIDENT = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]])
MATERIALS = [ROCK_SALT, COINCIDENT, Composition("MgO"), None, Composition("HeNe")]


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path))
    return tmp_path / "evaluations.db"


class TestRemembering(OracleContract):
    good = (Composition("NaCl"), ROCK_SALT)
    bad = (COINCIDENT, Composition("HeNe"))

    def make(self) -> Oracle:
        return oracles.build("chgnet", remember=True)


def unasked(monkeypatch) -> Oracle:
    """An oracle whose potential must not be asked."""
    oracle = oracles.build("chgnet", remember=True)
    monkeypatch.setattr(oracle.oracle, "evaluate", lambda materials: [] if not materials else pytest.fail("asked"))
    return oracle


def test_the_same_is_answered_from_memory_as_it_was(monkeypatch):
    first = oracles.build("chgnet", remember=True).evaluate(MATERIALS)
    again = unasked(monkeypatch).evaluate([m for m in MATERIALS if m is not None])
    for before, after in zip([e for e, m in zip(first, MATERIALS, strict=True) if m is not None], again, strict=True):
        assert (after.status, after.values, after.error) == (before.status, before.values, before.error)
        assert (after.seconds, after.provenance) == (before.seconds, before.provenance)
        assert (after.structure is None) == (before.structure is None)
        if after.structure is not None:
            assert after.structure == before.structure
    assert [e.status for e in first] == ["done", "infeasible", "done", "infeasible", "infeasible"]


def test_another_crystal_or_setting_is_computed(file):
    def kept() -> int:
        return sqlite3.connect(file).execute("SELECT count(*) FROM computed").fetchone()[0]

    oracle = oracles.build("chgnet", remember=True)
    oracle.evaluate([ROCK_SALT])
    oracle.evaluate([ROCK_SALT.copy()])
    assert kept() == 1
    (moved,) = oracle.evaluate([ROCK_SALT.copy().scale_lattice(46)])
    assert kept() == 2
    assert moved.values != oracle.evaluate([ROCK_SALT])[0].values
    oracles.build("chgnet", remember=True, protocol="equation_of_state").evaluate([ROCK_SALT])
    oracles.build("chgnet", remember=True, max_atoms=50).evaluate([ROCK_SALT])
    assert kept() == 4


def test_faults_of_the_machine_are_not_remembered(monkeypatch, file):
    oracle = oracles.build("chgnet", remember=True)

    def full(structures):
        raise MemoryError("full")

    with monkeypatch.context() as broken:
        broken.setattr(oracle.oracle.potential, "energies", full)
        assert oracle.evaluate([ROCK_SALT])[0].status == "retryable"
    assert oracle.evaluate([ROCK_SALT])[0].status == "done"


def test_a_memory_that_is_broken_says_so_and_loses_nothing(file):
    file.write_text("this is no database, whatever its name says" * 50)
    (answer,) = oracles.build("chgnet", remember=True).evaluate([ROCK_SALT])
    assert answer.status == "retryable"
    assert "evaluations.db does not work" in answer.error


def test_a_second_campaign_computes_nothing_and_is_the_same(tmp_path, monkeypatch):
    def content(name: str) -> dict:
        return {
            "name": name,
            "store": f"sqlite:///{tmp_path / name}.db",
            "space": {"kind": "composition", "elements": ["Na", "K", "Cl", "F"],
                      "n_elements": [2, 2], "n_atoms": [2, 2]},
            "objectives": [{"property": "formation_energy", "goal": "minimize"}],
            "fidelities": [{"name": "point", "oracle": "chgnet", "cost": 1, "remember": True}],
            "acquisition": {"kind": "random", "batch_size": 2},
            "proposer": {"kind": "random"},
            "budget": {"cost": 4},
        }  # fmt: skip

    first = Campaign.open(content("one"))
    first.run()
    monkeypatch.setattr(
        "oracles.potential.oracle.PotentialOracle.evaluate",
        lambda self, materials: [] if not materials else pytest.fail("asked"),
    )
    second = Campaign.open(content("two"))
    second.run()
    columns = ["formula", "formation_energy", "cost"]
    assert second.measurements()[columns].equals(first.measurements()[columns])
