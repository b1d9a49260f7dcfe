"""Campaigns of which little or nothing can be learned: the loop goes on, or stops with a sentence that says why."""

import math
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pymatgen.core import Composition

from gfnmat import Campaign
from gfnmat.campaign.evaluation import EvaluationError
from gfnmat.config import ConfigError

Answer = dict[str, float] | Exception
Function = Callable[[Sequence[Composition]], list[Answer]]
Runner = Callable[..., Campaign]

ONE = [{"property": "a", "goal": "maximize"}]
TWO = [*ONE, {"property": "b", "goal": "minimize"}]
WINDOW = [{"property": "a", "goal": "target", "window": [20, 30]}]
NEVER_MET = [{"property": "b", "max": -5}]
ACQUISITIONS = [
    pytest.param(kind, objectives, id=f"{kind}-{name}")
    for kind, objectives, name in [
        ("improvement", ONE, "one"),
        ("improvement", TWO, "two"),
        ("improvement", WINDOW, "window"),
        ("entropy_search", ONE, "one"),
        ("knowledge_gradient", ONE, "one"),
    ]
]
PROPOSERS = [
    pytest.param(proposer, objectives, id=f"{'-'.join(map(str, proposer.values()))}-{len(objectives)}")
    for proposer in (
        {"kind": "random"},
        {"kind": "evolutionary"},
        {"kind": "pool"},
        {"kind": "gflownet"},
        {"kind": "gflownet", "reward": "expected_improvement"},
    )
    for objectives in (ONE, TWO)
]
OXIDES = ["MgO", "Li2O", "Al2O3", "TiO2", "Li2TiO3", "MgTiO3", "LiAlO2", "MgAl2O4", "MgTi2O4", "Ti2O3", "LiTiO2"]


def each(answer: Callable[[Composition], Answer]) -> Function:
    return lambda materials: [answer(material) for material in materials]


def oxygen(material: Composition) -> float:
    return 100 * material.get_atomic_fraction("O") + 30 * material.get_atomic_fraction("Ti")


good = each(lambda m: {"a": oxygen(m), "b": m.weight / m.num_atoms})
equal = each(lambda m: {"a": 5.0, "b": 2.0})
refuses = each(lambda m: ValueError("it melts"))


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Runs a campaign of one or two rungs whose oracles are functions; anything said by a library is an error."""

    def ran(real: Function, hint: Function | None = None, kind: str = "auto", n: int = 4, **changes: Any) -> Campaign:
        rungs = [{"name": "hint", "oracle": "python", "function": hint, "cost": 0.2}] if hint else []
        rungs.append({"name": "real", "oracle": "python", "function": real, "cost": 1})
        content: dict[str, Any] = {
            "name": "little",
            "space": {"elements": ["Li", "Mg", "Al", "Ti", "O"], "n_elements": [2, 3], "n_atoms": [2, 7]},
            "objectives": ONE,
            "fidelities": rungs,
            "proposer": {"kind": "random"},
            "acquisition": {"kind": kind, "batch_size": n},
            "budget": {"cost": 8, "rounds": 3},
            **changes,
        }
        content["proposer"] = {"pool": 40, **content["proposer"]}
        if content["proposer"]["kind"] == "gflownet":
            content["proposer"]["trajectories"] = 160
        if content["proposer"]["kind"] == "pool":
            (tmp_path / "pool.csv").write_text("\n".join(["formula", *OXIDES]))
            content["proposer"]["path"] = str(tmp_path / "pool.csv")
        campaign = Campaign.open(content, store=f"sqlite:///{tmp_path / 'campaign.db'}")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("default", category=DeprecationWarning)
            campaign.run()
        return campaign

    return ran


def told(campaign: Campaign, fidelity: str = "real") -> pd.DataFrame:
    measured = campaign.measurements()
    return measured[measured.fidelity == fidelity]


@pytest.mark.parametrize(("kind", "objectives"), ACQUISITIONS)
@pytest.mark.parametrize("hint", [None, equal], ids=["alone", "with a hint"])
def test_values_that_are_all_equal_do_not_end_the_loop(
    run: Runner, kind: str, objectives: list[dict[str, Any]], hint: Function | None
) -> None:
    campaign = run(equal, hint, kind, objectives=objectives)
    assert len(told(campaign)) >= 6
    assert len(campaign.pareto()) == 1 or campaign.pareto()["a"].nunique() == 1


@pytest.mark.parametrize(("kind", "objectives"), ACQUISITIONS)
def test_one_and_two_measurements_are_enough_to_choose_the_next(
    run: Runner, kind: str, objectives: list[dict[str, Any]]
) -> None:
    campaign = run(good, None, kind, n=1, objectives=objectives)
    assert len(told(campaign)) == 3
    assert campaign.rounds().acquisition.iloc[1:].str.startswith(kind).all()


@pytest.mark.parametrize(("kind", "objectives"), ACQUISITIONS)
def test_a_lower_rung_that_never_answers_is_left(run: Runner, kind: str, objectives: list[dict[str, Any]]) -> None:
    campaign = run(good, refuses, kind, objectives=objectives)
    assert set(told(campaign, "hint").status) == {"infeasible"}
    assert set(told(campaign, "hint")["round"]) == {0}
    assert (told(campaign).status == "done").sum() >= 4


@pytest.mark.parametrize(("kind", "objectives"), ACQUISITIONS)
def test_a_constraint_that_nothing_meets_leaves_no_best_and_a_loop_that_goes_on(
    run: Runner, kind: str, objectives: list[dict[str, Any]]
) -> None:
    campaign = run(good, None, kind, objectives=objectives, constraints=NEVER_MET)
    assert len(told(campaign)) == 8
    assert campaign.pareto().empty
    assert campaign.status().best is None


@pytest.mark.parametrize(("proposer", "objectives"), PROPOSERS)
@pytest.mark.parametrize("real", [equal, good], ids=["all equal", "a constraint unmet"])
def test_every_proposer_goes_on_where_little_is_learned(
    run: Runner, proposer: dict[str, Any], objectives: list[dict[str, Any]], real: Function
) -> None:
    constraints = NEVER_MET if real is good else []
    campaign = run(real, proposer=proposer, objectives=objectives, constraints=constraints, n=3)
    assert len(told(campaign)) >= 6
    assert told(campaign).formula.is_unique


@pytest.mark.parametrize(("proposer", "objectives"), PROPOSERS)
def test_a_target_that_answers_nothing_is_named_at_the_end(
    run: Runner, proposer: dict[str, Any], objectives: list[dict[str, Any]]
) -> None:
    campaign = run(refuses, good, proposer=proposer, objectives=objectives)
    assert re.search("real answered none of .* materials, the last with: .*it melts", campaign.run())
    assert set(campaign.rounds().acquisition) == {"first design"}


def test_the_end_says_nothing_of_failures_where_anything_was_answered(run: Runner) -> None:
    assert run(good).run() == "all 3 rounds are done"


def test_a_number_that_is_none_is_a_failure_that_is_named(run: Runner) -> None:
    campaign = run(each(lambda m: {"a": oxygen(m), "b": math.nan}), objectives=TWO)
    assert set(told(campaign).status) == {"infeasible"}
    assert "b is nan" in campaign.run()


@pytest.mark.parametrize("hint", [None, good], ids=["alone", "with a hint that answers it"])
@pytest.mark.parametrize(
    "changes", [{"objectives": TWO}, {"constraints": [{"property": "b", "max": 50}]}], ids=["objective", "constraint"]
)
def test_a_property_that_the_target_never_answers_stops_the_loop_before_the_budget_is_gone(
    run: Runner, hint: Function | None, changes: dict[str, Any]
) -> None:
    budget = {"cost": 100, "rounds": 30}
    with pytest.raises(EvaluationError, match=r"real answered (8|9) materials and b for none of them.*goes on"):
        run(each(lambda m: {"a": oxygen(m)}), hint, budget=budget, **changes)
    campaign = run(good, hint, budget=budget | {"rounds": 8}, **changes)  # put right, the same command goes on
    assert told(campaign)["b"].notna().sum() > 8
    assert not campaign.pareto().empty


def test_a_property_that_a_lower_rung_leaves_out_is_learned_from_the_target(run: Runner) -> None:
    campaign = run(good, each(lambda m: {"a": oxygen(m)}), objectives=TWO)
    assert told(campaign, "hint")["b"].isna().all()
    assert not campaign.pareto().empty


def test_a_property_that_is_answered_now_and_then_does_not_stop_the_loop(run: Runner) -> None:
    campaign = run(
        each(lambda m: {"a": oxygen(m), **({"b": 1.0} if "Ti" in m else {})}), objectives=TWO, budget={"cost": 20}
    )
    assert 0 < told(campaign)["b"].notna().sum() < 20


def test_an_objective_that_no_oracle_answers_is_named_before_anything_is_spent(run: Runner) -> None:
    hardest = [{"property": "hardness", "goal": "maximize"}]
    with pytest.raises(EvaluationError, match=r"real failed for every one of .* returned a, b, and of the declared"):
        run(good, objectives=hardest)
    table = pd.DataFrame({"formula": OXIDES, "a": range(len(OXIDES))})
    rungs = [{"name": "known", "oracle": "table", "frame": table, "cost": 1}]
    with pytest.raises(ConfigError, match="the target known does not answer hardness; it answers a"):
        run(good, objectives=hardest, fidelities=rungs)


def test_a_column_without_a_value_stops_the_loop(run: Runner) -> None:
    table = pd.DataFrame({"formula": OXIDES, "a": range(len(OXIDES)), "b": [math.nan] * len(OXIDES)})
    rungs = [{"name": "known", "oracle": "table", "frame": table, "cost": 1}]
    pool = {"kind": "pool"}
    with pytest.raises(EvaluationError, match=r"known answered 8 materials and b for none of them"):
        run(good, objectives=TWO, fidelities=rungs, proposer=pool, budget={"cost": 20})


def test_a_rung_that_nobody_answers_does_not_hold_up_the_others(tmp_path: Path) -> None:
    content = {
        "space": {"elements": ["Li", "Mg", "Ti", "O"], "n_elements": [2, 3], "n_atoms": [2, 7]},
        "objectives": ONE,
        "fidelities": [
            {"name": "hint", "oracle": "python", "function": good, "cost": 0.2},
            {"name": "laboratory", "oracle": "python", "function": good, "cost": 1},
        ],
        "proposer": {"kind": "random", "pool": 40},
        "budget": {"cost": 6},
    }
    campaign = Campaign.open(content, store=f"sqlite:///{tmp_path / 'waiting.db'}")
    asked = [campaign.ask(2, fidelity="laboratory") for _ in range(3)]  # and nobody tells
    assert not pd.concat(asked).formula.duplicated().any()
    lower = campaign.ask(2, fidelity="hint")
    assert lower.empty, "what was asked for has reserved the budget"
    campaign.tell([{"id": int(asked[0].id[0]), "status": "withdrawn"}])
    lower = campaign.ask(2, fidelity="hint")
    campaign.tell([{"id": int(number), "a": 1.0} for number in lower.id])
    assert len(campaign.ask(2, fidelity="hint")) == 2
    assert campaign.status().outstanding == 7
    assert campaign.pareto().empty


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"constraints": [{"property": "band_gap", "max": -0.1}]},
            r"max -0.1: nothing .* band_gap is between 0 and 25 eV",
        ),
        ({"constraints": [{"property": "density", "min": 40, "max": 50}]}, r"min 40 and max 50: nothing could meet it"),
        (
            {"objectives": [{"property": "band_gap", "goal": "target", "window": [-2, -1]}]},
            r"the window \[-2.0, -1.0\]",
        ),
    ],
)
def test_what_no_material_can_meet_is_refused_at_once(run: Runner, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        run(good, **changes)


def test_gaps_at_their_floor_reach_the_reward_and_the_acquisition(run: Runner) -> None:
    def gap(material: Composition) -> Answer:
        return {"band_gap": max(0.0, oxygen(material) / 20 - 2.8)}

    window = [{"property": "band_gap", "goal": "target", "window": [0.0, 0.2]}]
    campaign = run(each(gap), objectives=window, budget={"cost": 30}, n=6)
    learned = campaign._planner._learn(campaign._history(), 0, lambda phase: None)
    assert learned is not None
    assert learned.reward.goals.floors == {"band_gap": 0.0}
    found = told(campaign)
    first, later = found[found["round"] == 0], found[found["round"] > 0]
    assert (later.band_gap <= 0.2).mean() >= (first.band_gap <= 0.2).mean()
