"""The loop on oracles that cost nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign, Candidates
from gfnmat.campaign.evaluation import EvaluationError
from gfnmat.campaign.store import StoreError, owner
from gfnmat.config import ConfigError
from gfnmat.proposers.gflownet import GFlowNetProposer
from gfnmat.proposers.proposer import Proposal

Opener = Callable[..., Campaign]


def oracle_module(content: dict[str, Any]) -> Any:
    return sys.modules[content["fidelities"][1]["function"].split(":")[0]]


def table(campaign: Campaign) -> pd.DataFrame:
    return campaign.measurements().drop(columns="seconds")


def test_the_loop_closes_within_budget_and_rounds(open_campaign: Opener) -> None:
    seen: list[Any] = []
    campaign = open_campaign()
    campaign.run(seen.append)
    measured, status = campaign.measurements(), campaign.status()
    assert status.finished
    assert status.outstanding == 0
    assert status.spent == pytest.approx(measured.cost.sum())
    assert status.spent <= 20
    assert set(measured.status) <= {"done", "infeasible"}
    assert not measured.duplicated(["formula", "fidelity"]).any()
    assert {p.phase for p in seen} == {"learn", "propose", "select", "evaluate"}
    assert seen[-1].spent == pytest.approx(status.spent)
    rounds = campaign.rounds()
    assert list(rounds.acquisition.iloc[:2]) == ["first design"] * 2
    assert rounds.acquisition.iloc[2:].str.startswith("improvement: there are 2 objectives").all()
    assert rounds.spent.is_monotonic_increasing
    assert rounds.spent.iloc[-1] == pytest.approx(status.spent)
    assert rounds.evaluations.sum() == len(measured)
    assert rounds.coverage[2:].between(0, 1).all()
    trust = campaign.trust()
    assert set(trust["round"]) == set(rounds["round"][rounds.coverage.notna()])
    assert set(trust.fidelity) == {fidelity.name for fidelity in campaign.config.fidelities}
    at_target = trust[trust.fidelity == campaign.config.fidelities[-1].name].groupby("round")
    pd.testing.assert_series_equal(
        at_target.coverage.mean(), rounds.set_index("round").coverage.dropna(), check_names=False
    )
    assert rounds.rank_correlation[2:].between(-1, 1).all()


def test_failures_of_materials_are_kept_and_not_repeated(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.run()
    failed = campaign.measurements().query("status == 'infeasible'")
    assert not failed.empty
    assert (failed.error.str.contains("sulphides melt")).all()
    assert failed[["bulk_modulus", "density"]].isna().all(axis=None)
    assert not failed.formula.duplicated().any()


def test_the_pareto_set_is_what_no_feasible_target_measurement_beats(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.run()
    measured = campaign.measurements().query("fidelity == 'real' and status == 'done' and density <= 6")
    beaten = [
        any(
            (other.bulk_modulus >= row.bulk_modulus and other.density <= row.density)
            and (other.bulk_modulus > row.bulk_modulus or other.density < row.density)
            for other in measured.itertuples()
        )
        for row in measured.itertuples()
    ]
    assert set(campaign.pareto().id) == set(measured.id[[not b for b in beaten]])


def test_an_interrupted_campaign_ends_as_an_uninterrupted_one(open_campaign: Opener, content: dict[str, Any]) -> None:
    whole = open_campaign("whole.db")
    whole.run()
    n_real = int((whole.measurements().fidelity == "real").sum())
    for stop in (2, n_real // 2, n_real):
        broken = open_campaign(f"broken-{stop}.db")
        module = oracle_module(content)
        module.calls, module.interrupt_at = 0, stop
        with pytest.raises(KeyboardInterrupt):
            broken.run()
        module.interrupt_at = None
        resumed = open_campaign(f"broken-{stop}.db")
        resumed.run()
        pd.testing.assert_frame_equal(table(resumed), table(whole))
        pd.testing.assert_frame_equal(resumed.rounds().drop(columns="seconds"), whole.rounds().drop(columns="seconds"))


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_told(content: dict[str, Any], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'killed.db'}"
    (tmp_path / "campaign.json").write_text(json.dumps(content))
    program = (
        "import json, sys, torch; torch.set_num_threads(1)\n"
        "from gfnmat import Campaign\n"
        f"c = Campaign.open(json.load(open({str(tmp_path / 'campaign.json')!r})), store={store!r})\n"
        "c.run(lambda p: print(p.evaluations, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = 0
    for line in process.stdout:
        told = int(line)
        if told >= 8:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    resumed = Campaign.open(content, store=store)
    assert len(resumed.measurements()) >= told
    resumed.run()
    whole = Campaign.open(content, store=f"sqlite:///{tmp_path / 'whole.db'}")
    whole.run()
    pd.testing.assert_frame_equal(table(resumed), table(whole))


def test_machine_failures_are_retried_and_then_given_up(open_campaign: Opener, content: dict[str, Any]) -> None:
    campaign = open_campaign(budget={"cost": 20, "rounds": 1})
    real = oracle_module(content).stiffness
    attempts: dict[str, int] = {}

    def flaky(materials: list[Any]) -> list[Any]:
        answers = real(materials)
        for index, material in enumerate(materials):
            n = attempts[material.reduced_formula] = attempts.get(material.reduced_formula, 0) + 1
            if index == 0 and n < 3:
                answers[index] = OSError("the node went away")
            if "Ti" in material and "Li" in material:
                answers[index] = OSError("the node never comes back")
        return answers

    campaign._ladder._oracles[1].function = flaky  # the failure is injected where a machine would fail
    campaign.run()
    measured = campaign.measurements().query("fidelity == 'real'").set_index("formula")
    assert not measured.empty
    assert campaign.status().outstanding == 0
    for formula, row in measured.iterrows():
        hopeless = "Ti" in str(formula) and "Li" in str(formula)
        assert row.status == "retryable" if hopeless else row.status in ("done", "infeasible")
    assert max(attempts.values()) == 3


def test_the_first_design_leaves_half_of_a_small_budget(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 6}, acquisition={"batch_size": 12})
    campaign.run()
    first = campaign.measurements().query("round <= 1")
    assert 0 < first.cost.sum() <= 3
    assert set(first.fidelity[first["round"] == 0]) == {"hint"}
    assert set(first.fidelity[first["round"] == 1]) == {"real"}


def test_the_target_is_asked_first_of_what_the_rung_below_has_answered(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.run()
    measured = campaign.measurements()
    below, above = (measured[(measured["round"] == number)] for number in (0, 1))
    assert set(above.fidelity) == {"real"}
    assert set(above.formula) <= set(below.formula[below.status == "done"])


def test_a_store_of_another_campaign_is_refused(open_campaign: Opener) -> None:
    open_campaign().ask(1)
    with pytest.raises(StoreError, match=r"has a campaign 'small' already, .* differs in objectives"):
        open_campaign(objectives=[{"property": "density", "goal": "minimize"}])
    # what does not change the question is the same campaign
    changed = open_campaign(budget={"cost": 30}, acquisition={"batch_size": 3}, proposer={"pool": 100})
    assert len(changed.outstanding()) == 1
    # and another name is another campaign in the same place
    assert open_campaign(name="another", objectives=[{"property": "density", "goal": "minimize"}]).outstanding().empty


def test_a_file_that_is_no_store_is_refused(open_campaign: Opener, tmp_path: Path) -> None:
    (tmp_path / "campaign.db").write_text("these are my notes\n" * 50)
    with pytest.raises(StoreError, match="is not a store"):
        open_campaign()


def test_opening_and_reading_writes_nothing(open_campaign: Opener, tmp_path: Path) -> None:
    campaign = open_campaign("unwritten.db")
    assert campaign.measurements().empty
    assert campaign.pareto().empty
    assert campaign.structures() == {}
    assert campaign.rounds().empty
    assert not campaign.status().finished
    assert not (tmp_path / "unwritten.db").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fidelities": [{"name": "a", "oracle": "crystal ball", "cost": 1}]}, "unknown oracle"),
        ({"fidelities": [{"name": "a", "oracle": "pauling", "cost": 1}]}, "does not answer bulk_modulus, density"),
        ({"fidelities": [{"name": "a", "oracle": "pauling", "cost": -1}]}, "cost is -1"),
        ({"space": {"elements": ["Li", "Na"]}}, "space: no neutral composition"),
        ({"budget": {"cost": 0.05}}, "does not pay for the cheapest"),
        ({"constraints": [{"property": "density"}]}, "needs min or max"),
        ({"constraints": [{"property": "density", "max": float("nan")}]}, "finite"),
        ({"surrogate": {"kind": "gp"}}, "multi_fidelity_gp"),
        ({"budget": {"cost": 0.5}}, "one evaluation at the target"),
        ({"proposer": {"device": "cuda:99"}}, "cuda:99 is not on this machine"),
        ({"proposer": {"device": "abacus"}}, "device"),
    ],
)
def test_a_campaign_that_cannot_run_is_refused_at_once(
    content: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        Campaign.open({**content, **changes})


def test_a_store_that_is_no_database_url_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="no database URL"):
        Campaign.open(content, store="nothing://here")


def test_a_function_that_fails_for_all_stops_the_loop_and_spends_nothing(
    open_campaign: Opener, content: dict[str, Any]
) -> None:
    campaign = open_campaign()
    module = oracle_module(content)
    campaign._ladder._oracles[1].function = lambda materials: materials.no_such_attribute
    with pytest.raises(EvaluationError, match=r"real failed for every one of .* no attribute"):
        campaign.run()
    assert campaign.status().outstanding > 0
    campaign._ladder._oracles[1].function = module.stiffness
    campaign.run()
    assert set(campaign.measurements().status) == {"done", "infeasible"}
    assert campaign.status().finished


def test_what_ends_the_process_each_time_is_given_up(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.ask(1)  # starts the store
    plan = campaign._planner.plan(campaign._history(), n=4, round_number=0)
    store, names = campaign._store, ["hint", "real"]
    deadly, *others = store.issue(plan.choices, names, plan.record, None, 0, asked=False)
    for _ in range(3):  # as if the process had died three times on the way
        died = owner.take_up()
        assert store.claim(died, deadly.choice.rung, 1, 60.0, but_not=[s.id for s in others])
        owner.retire(died)
    campaign.run()
    answer = campaign.measurements().set_index("id").loc[deadly.id]
    assert answer.status == "retryable"
    assert "did not end" in answer.error


def test_a_budget_lowered_below_what_was_spent_issues_nothing(open_campaign: Opener) -> None:
    random = {"proposer": {"kind": "random"}, "acquisition": {"kind": "random", "batch_size": 5}}
    open_campaign(**random).run()
    assert open_campaign(**random, budget={"cost": 5}).ask(4).empty


def test_a_rung_that_cannot_answer_a_material_does_not_close_the_target(
    open_campaign: Opener, content: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "known.csv").write_text("formula,bulk_modulus\nMgO,160\nLi2O,80\n")
    known = {"name": "known", "oracle": "table", "path": str(tmp_path / "known.csv"), "cost": 0.01}
    campaign = open_campaign(fidelities=[known, content["fidelities"][1]])
    campaign.run()
    measured = campaign.measurements()
    assert set(measured[measured.fidelity == "known"].formula) <= {"MgO", "Li2O"}
    assert set(measured[measured.fidelity == "known"].status) <= {"done"}
    assert (measured.fidelity == "real").sum() > 10


def test_functions_and_frames_may_be_given_in_python(content: dict[str, Any], tmp_path: Path) -> None:
    def weigh(materials: list[Any]) -> list[dict[str, float]]:
        return [{"density": m.weight / 10, "bulk_modulus": 1.0} for m in materials]

    given = {**content, "fidelities": [{"name": "mine", "oracle": "python", "function": weigh, "cost": 1}]}
    campaign = Campaign.open(given, store=f"sqlite:///{tmp_path / 'python.db'}")
    campaign.run()
    assert not campaign.pareto().empty
    Campaign.open(given, store=f"sqlite:///{tmp_path / 'python.db'}")


def test_the_random_comparator_evaluates_at_the_target_alone(open_campaign: Opener) -> None:
    campaign = open_campaign(proposer={"kind": "random"}, acquisition={"kind": "random", "batch_size": 5})
    campaign.run()
    assert set(campaign.measurements().fidelity) == {"real"}
    assert campaign.status().spent == 20


def test_a_sampler_that_repeats_what_is_known_does_not_end_the_campaign(
    open_campaign: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = Proposal(Candidates.of(["AlN", "MgO", "TiO2"]), distinct=1.0)
    monkeypatch.setattr(GFlowNetProposer, "propose", lambda self, n, log_reward, seed, measured=None: same)
    campaign = open_campaign(budget={"cost": 12})
    assert "does not pay" in campaign.run()
    assert campaign.status().spent > 11


@pytest.mark.parametrize("reward", ["upper_confidence_bound", "expected_improvement"])
def test_a_campaign_may_name_what_its_sampler_is_trained_on(open_campaign: Opener, reward: str) -> None:
    settings = {"pool": 50, "trajectories": 320, "reward": reward}
    campaign = open_campaign(proposer=settings, budget={"cost": 8, "rounds": 3})
    campaign.run()
    assert campaign.rounds()["log_z"].iloc[-1] > 0


def test_a_campaign_of_two_rounds_learns_from_the_first(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 20, "rounds": 2})
    campaign.run()
    assert list(campaign.rounds().acquisition.str.startswith("first design")) == [True, False]


def test_what_a_person_asked_of_a_lower_rung_is_no_first_design(open_campaign: Opener) -> None:
    campaign = open_campaign()
    campaign.ask(1, fidelity="hint")
    campaign.run()
    measured = campaign.measurements()
    assert set(measured.fidelity[measured["round"] == 0]) == {"hint"}
