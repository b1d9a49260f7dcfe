"""Price and its like as objectives and constraints beside what oracles answer."""

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.config import ConfigError


def content(tmp_path, **others) -> dict:
    return {
        "name": "cheap",
        "store": f"sqlite:///{tmp_path / 'campaign.db'}",
        "space": {"kind": "composition", "elements": ["Na", "Ag", "Mg", "O", "Cl"],
                  "n_elements": [2, 3], "n_atoms": [2, 8]},
        "objectives": [
            {"property": "formation_energy", "goal": "minimize"}, {"property": "log_price", "goal": "minimize"},
        ],
        "fidelities": [{"name": "estimate", "oracle": "pauling", "cost": 1}],
        "acquisition": {"kind": "random", "batch_size": 6},
        "proposer": {"kind": "random"},
        "budget": {"cost": 12},
    } | others  # fmt: skip


def test_a_price_is_an_objective_beside_any_oracle(tmp_path):
    campaign = Campaign.open(content(tmp_path))
    campaign.run()
    found = campaign.measurements().set_index("formula")
    assert found.log_price.notna().all()
    assert set(campaign.pareto().columns) >= {"formation_energy", "log_price"}
    silver = found.index.str.contains("Ag")
    assert found.log_price[silver].min() > found.log_price[~silver].max()


def test_a_constraint_on_it_is_met_by_all_that_is_proposed(tmp_path):
    free = Campaign.open(content(tmp_path, budget={"cost": 30}))
    free.run()
    assert free.measurements().formula.str.contains("Ag").any()
    file = content(
        tmp_path, store=f"sqlite:///{tmp_path / 'other.db'}", budget={"cost": 30},
        objectives=[{"property": "formation_energy", "goal": "minimize"}],
        constraints=[{"property": "price", "max": 10}],
    )  # fmt: skip
    bound = Campaign.open(file)
    bound.run()
    found = bound.measurements()
    assert len(found) == 30
    assert (found.price <= 10).all()
    assert not found.formula.str.contains("Ag").any()


def test_what_a_person_tells_is_completed(tmp_path):
    file = content(tmp_path, fidelities=[{"name": "lab", "oracle": "laboratory", "cost": 1}])
    campaign = Campaign.open(file)
    (asked,) = campaign.ask(1).to_dict("records")
    campaign.tell([{"id": asked["id"], "formation_energy": -1.0}])
    assert campaign.measurements().log_price.notna().all()
    assert campaign.tell([{"id": asked["id"], "formation_energy": -1.0}]) == 0


def test_what_the_target_answers_itself_stands(tmp_path):
    table = pd.DataFrame(
        {"formula": ["NaCl", "MgO", "AgCl"], "formation_energy": [-2.0, -3.0, -0.6], "price": [1.0, 2.0, 3.0]}
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    file = content(
        tmp_path,
        space={"kind": "table", "path": str(tmp_path / "table.csv")},
        objectives=[{"property": "price", "goal": "minimize"}],
        fidelities=[{"name": "table", "oracle": "table", "path": str(tmp_path / "table.csv"), "cost": 1}],
        budget={"cost": 3},
    )
    campaign = Campaign.open(file)
    campaign.run()
    assert dict(campaign.measurements().set_index("formula").price) == {"NaCl": 1.0, "MgO": 2.0, "AgCl": 3.0}


def test_other_properties_are_still_refused(tmp_path):
    with pytest.raises(ConfigError, match="does not answer band_gap"):
        Campaign.open(content(tmp_path, objectives=[{"property": "band_gap", "goal": "minimize"}]))
