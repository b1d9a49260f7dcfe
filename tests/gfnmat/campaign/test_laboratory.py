"""Campaigns with a rung that a person answers: the loop issues it, does the rest, and waits."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pymatgen.core import Composition

from gfnmat import Campaign
from gfnmat.config import ConfigError


def hint(materials: list[Composition]) -> list[dict[str, float]]:
    return [{"hardness": float(material.num_atoms)} for material in materials]


def content(**changes: Any) -> dict[str, Any]:
    return {
        "space": {"elements": ["Li", "Mg", "Ti", "O", "F"], "n_elements": [2, 3], "n_atoms": [2, 8]},
        "objectives": [{"property": "hardness", "goal": "maximize"}],
        "fidelities": [
            {"name": "estimate", "oracle": "python", "function": hint, "cost": 0.1},
            {"name": "lab", "oracle": "laboratory", "cost": 1},
        ],
        "proposer": {"kind": "random", "pool": 60},
        "acquisition": {"batch_size": 4},
        "budget": {"cost": 8},
        **changes,
    }


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.open(content(), store=f"sqlite:///{tmp_path / 'lab.db'}")


def awaited(campaign: Campaign) -> pd.DataFrame:
    found = campaign.outstanding()
    assert set(found["fidelity"]) <= {"lab"}
    return found


def test_the_other_rungs_are_done_and_the_end_says_what_is_awaited(campaign: Campaign) -> None:
    reason = campaign.run()
    waiting = awaited(campaign)
    assert f"results are awaited: {len(waiting)} of lab" in reason
    assert len(waiting) > 0
    told = campaign.measurements()
    assert set(told["fidelity"]) == {"estimate"}
    assert (told["status"] == "done").all()
    assert not campaign.status().finished


def test_waiting_issues_nothing_more(campaign: Campaign) -> None:
    first = campaign.run()
    before, rounds = awaited(campaign)["id"].tolist(), len(campaign.rounds())
    assert campaign.run() == first
    assert awaited(campaign)["id"].tolist() == before
    assert len(campaign.rounds()) == rounds


def test_results_told_late_and_withdrawn_ones_let_it_go_on_until_the_budget_is_spent(campaign: Campaign) -> None:
    withdrawn = 0
    for _ in range(20):
        if "awaited" not in (reason := campaign.run()):
            break
        rows = awaited(campaign)
        done = [
            {"id": int(n), "hardness": 2.0 * Composition(formula).num_atoms}
            for n, formula in zip(rows["id"], rows["formula"], strict=True)
        ]
        if not withdrawn and len(done) > 1:
            withdrawn = int(done.pop()["id"])
        assert campaign.tell(done) == len(done)
        if len(done) < len(rows):
            assert "results are awaited: 1 of lab" in campaign.run()
            campaign.tell([{"id": withdrawn, "status": "withdrawn"}])
    assert "budget" in reason
    assert campaign.status().finished
    assert withdrawn
    told = campaign.measurements()
    assert (told[told["fidelity"] == "lab"]["status"] == "done").sum() >= 2
    assert not told[told["fidelity"] == "lab"]["provenance"].any()
    assert told[told["fidelity"] == "estimate"]["provenance"].str.contains("test_laboratory:hint").all()
    assert not campaign.pareto().empty


def test_what_a_person_asked_for_holds_nothing_up(campaign: Campaign) -> None:
    asked = campaign.ask(1, fidelity="lab")
    assert "awaited" in campaign.run()
    rest = awaited(campaign)
    rest = rest[~rest["id"].isin(asked["id"])]
    campaign.tell([{"id": int(n), "hardness": 5.0} for n in rest["id"]])
    before = len(campaign.rounds())
    campaign.run()
    assert len(campaign.rounds()) > before


def test_what_a_laboratory_measures_is_a_list(tmp_path: Path) -> None:
    rung = {"name": "lab", "oracle": "laboratory", "properties": "hardness", "cost": 1}
    with pytest.raises(ConfigError, match="`properties` is a list of property names, not 'hardness'"):
        Campaign.open(content(fidelities=[rung]), store=f"sqlite:///{tmp_path / 'lab.db'}")
