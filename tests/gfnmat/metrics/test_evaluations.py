import pytest
import torch

from gfnmat import Campaign
from gfnmat.metrics.curves import best_so_far
from gfnmat.metrics.evaluations import Evaluations

CAMPAIGN = {
    "space": {"elements": ["Li", "Na", "K", "Mg", "Ca", "O", "S", "F", "Cl"], "n_atoms": [2, 8]},
    "objectives": [{"property": "formation_energy", "goal": "minimize"}],
    "fidelities": [
        {"name": "cheap", "oracle": "pauling", "cost": 0.25},
        {"name": "dear", "oracle": "pauling", "cost": 1},
    ],
    "proposer": {"kind": "random"},
    "budget": {"cost": 9},
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    campaign = Campaign.open(CAMPAIGN, store=f"sqlite:///{tmp_path_factory.mktemp('run') / 'campaign.db'}")
    campaign.run()
    return campaign


def test_what_is_paid_is_what_the_campaign_spent(campaign):
    measurements = campaign.measurements()
    assert set(measurements["fidelity"]) == {"cheap", "dear"}
    assert Evaluations.of(measurements, campaign.problem).spent == pytest.approx(campaign.status().spent)


def test_the_best_is_the_campaigns_own(campaign):
    best = best_so_far(Evaluations.of(campaign.measurements(), campaign.problem)).final
    assert -best == pytest.approx(float(campaign.pareto()["formation_energy"].iloc[0]))


def test_what_the_budget_was_not_charged_with_is_free(tmp_path):
    by_hand = Campaign.open({**CAMPAIGN, "budget": {"cost": 4}}, store=f"sqlite:///{tmp_path / 'hand.db'}")
    issued = by_hand.ask(4)["id"].tolist()
    statuses = ("withdrawn", "retryable", "infeasible")
    by_hand.tell([{"id": number, "status": status} for number, status in zip(issued, statuses, strict=False)])
    by_hand.tell([{"id": issued[3], "formation_energy": -1.0}])
    found = Evaluations.of(by_hand.measurements(), by_hand.problem)
    assert found.spent == pytest.approx(by_hand.status().spent) == pytest.approx(2.0)
    assert found.counts.tolist() == [False, False, False, True]


def test_replicates_count_once_where_they_were_first_and_by_their_mean(tmp_path):
    by_hand = Campaign.open(CAMPAIGN, store=f"sqlite:///{tmp_path / 'hand.db'}")
    first, second = by_hand.ask(2)["id"].tolist()
    lucky = [{"id": first, "replicate": n, "formation_energy": value} for n, value in enumerate((-3.0, -1.0, -0.5))]
    by_hand.tell([*lucky, {"id": second, "formation_energy": -2.0}])
    measurements = by_hand.measurements()
    found = Evaluations.of(measurements, by_hand.problem)
    assert found.spent == pytest.approx(by_hand.status().spent) == pytest.approx(4.0)
    assert found.counts.tolist() == [True, True, False, False]
    assert found.utilities[found.counts, 0].tolist() == [1.5, 2.0]
    assert measurements["formation_energy"].tolist() == [-3.0, -2.0, -1.0, -0.5]
    assert by_hand.pareto()["id"].tolist() == [second]


def test_those_that_count_keep_what_was_paid_before_them():
    found = Evaluations(
        torch.tensor([0.5, 1.0, 2.0]), torch.zeros(3, 1), torch.tensor([False, True, True]), ("A", "B", "C")
    ).counting()
    assert found.paid.tolist() == [1.5, 2.0]
    assert found.names == ("B", "C")
