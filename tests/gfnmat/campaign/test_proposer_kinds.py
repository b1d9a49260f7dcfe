"""Campaigns with each kind of proposer, with a surrogate and without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gfnmat import Campaign
from gfnmat.config import ConfigError

WITHOUT = {"surrogate": {"kind": "none"}}
KINDS: dict[str, dict[str, Any]] = {
    "gflownet": {"trajectories": 640},
    "evolutionary": {"population": 10},
    "pool": {"path": "pool.csv"},
    "random": {},
}
OXIDES = ["MgO", "Li2O", "Al2O3", "TiO2", "Li2TiO3", "MgTiO3", "LiAlO2", "MgAl2O4", "MgTi2O4", "Ti2O3", "LiTiO2"]
POOL = [*OXIDES, "Li3N", "Mg3N2", "AlN", "TiN", "Ti3N4", "MgLiN", "Li2S", "MgS", "TiS2", "FeO"]


@pytest.fixture
def started(content: dict[str, Any], tmp_path: Path) -> Callable[..., Campaign]:
    """A campaign file with one kind of proposer and other parts replaced; opened again at each call."""
    from ruamel.yaml import YAML

    (tmp_path / "pool.csv").write_text("\n".join(["formula", *POOL]))
    file = tmp_path / "campaign.yaml"

    def opened(kind: str, store: str = "kinds.db", **changes: Any) -> Campaign:
        proposer = {"kind": kind, "pool": 40, **KINDS[kind]}
        YAML().dump({**content, "proposer": proposer, "budget": {"cost": 14, "rounds": 3}, **changes}, file)
        return Campaign.open(file, store=f"sqlite:///{tmp_path / store}")

    return opened


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_surrogate_what_is_proposed_is_evaluated_at_the_target(
    started: Callable[..., Campaign], kind: str
) -> None:
    campaign = started(kind, **WITHOUT)
    campaign.run()
    told = campaign.measurements()
    assert len(told) == 14
    assert set(told["fidelity"]) == {"real"}
    assert told["formula"].is_unique
    assert campaign.rounds()["coverage"].isna().all()


@pytest.mark.parametrize("kind", ["evolutionary", "pool"])
def test_with_a_surrogate_they_follow_its_reward(started: Callable[..., Campaign], kind: str) -> None:
    campaign = started(kind)
    campaign.run()
    assert set(campaign.measurements()["fidelity"]) == {"hint", "real"}
    assert campaign.measurements().query("fidelity == 'real'")["formula"].is_unique


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaign_that_is_opened_again_goes_on_as_one_that_was_not(
    started: Callable[..., Campaign], kind: str
) -> None:
    whole = started(kind, "whole.db", **WITHOUT)
    whole.run()
    started(kind, "broken.db", **WITHOUT, budget={"cost": 14, "rounds": 1}).run()
    broken = started(kind, "broken.db", **WITHOUT)
    broken.run()
    assert broken.measurements()["formula"].tolist() == whole.measurements()["formula"].tolist()


def test_a_genetic_algorithm_learns_from_what_was_measured(started: Callable[..., Campaign]) -> None:
    changes = {
        **WITHOUT,
        "objectives": [{"property": "bulk_modulus", "goal": "maximize"}],
        "budget": {"cost": 48, "rounds": 8},
    }
    late = {}
    for kind in ("evolutionary", "random"):
        campaign = started(kind, f"{kind}.db", **changes)
        campaign.run()
        told = campaign.measurements().query("round >= 3 and status == 'done'")
        late[kind] = told["bulk_modulus"].mean()
    assert late["evolutionary"] > late["random"] + 20


def test_a_pool_says_what_it_leaves_out(started: Callable[..., Campaign], tmp_path: Path) -> None:
    campaign = started("pool", **WITHOUT)
    assert campaign.notes == (
        f"{tmp_path / 'pool.csv'}: 1 of the 21 candidates are not in the space, and are left out.",
    )
    campaign.run()
    members = set(campaign.space.encode(POOL[:-1]).keys)
    assert set(campaign.measurements()["formula"]) <= members


@pytest.mark.parametrize("surrogate", ["none", "multi_fidelity_gp"])
def test_a_pool_that_is_used_up_ends_the_campaign(started: Callable[..., Campaign], surrogate: str) -> None:
    campaign = started("pool", surrogate={"kind": surrogate}, budget={"cost": 100})
    assert "no candidate is left" in campaign.run()
    told = campaign.measurements().query("fidelity == 'real'")
    assert sorted(told["formula"]) == sorted(campaign.space.encode(POOL[:-1]).formulas)


def test_a_pool_without_a_file_is_refused(started: Callable[..., Campaign]) -> None:
    with pytest.raises(ConfigError, match="proposer: kind pool needs a path"):
        started("pool", proposer={"kind": "pool"})
