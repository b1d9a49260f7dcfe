"""Campaigns whose target answers the energy above the hull."""

import pytest

from gfnmat import Campaign
from gfnmat.config import ConfigError


def content(tmp_path, phases) -> dict:
    return {
        "name": "salts",
        "store": f"sqlite:///{tmp_path / 'campaign.db'}",
        "space": {"kind": "composition", "elements": ["Na", "K", "Cl"], "n_elements": [2, 2], "n_atoms": [2, 2]},
        "objectives": [{"property": "bulk_modulus", "goal": "maximize"}],
        "constraints": [{"property": "energy_above_hull", "max": 0.05}],
        "fidelities": [
            {"name": "eos", "oracle": "chgnet", "protocol": "equation_of_state", "cost": 1, "competing_phases": phases}
        ],
        "acquisition": {"kind": "random", "batch_size": 2},
        "proposer": {"kind": "random"},
        "budget": {"cost": 2},
    }


def test_the_energy_above_the_hull_is_a_constraint(tmp_path, monkeypatch):
    monkeypatch.setenv("GFNMAT_CACHE", str(tmp_path / "cache"))
    campaign = Campaign.open(content(tmp_path, "guessed"))
    campaign.run()
    found = campaign.measurements()
    assert set(found.formula) == {"NaCl", "KCl"}
    assert (found.energy_above_hull < 0.01).all()
    assert (tmp_path / "cache" / "competing_phases.db").exists()


def test_a_file_of_phases_is_looked_for_beside_the_campaign_file(tmp_path):
    (tmp_path / "phases.csv").write_text("formula,formation_energy\nNaCl,-2.5\n")
    (tmp_path / "campaign.yaml").write_text(repr(content(tmp_path, ["guessed", "phases.csv"])))
    Campaign.open(tmp_path / "campaign.yaml")
    (tmp_path / "phases.csv").unlink()
    with pytest.raises(ConfigError, match=r"eos: the competing phases .*phases\.csv cannot be read"):
        Campaign.open(tmp_path / "campaign.yaml")
