"""Which kind suits which problem, and what is said of a pick."""

import math
from typing import Any

import pytest

from gfnmat.campaign.acquisition.explanation import explain
from gfnmat.campaign.acquisition.kinds import choose_kind
from gfnmat.campaign.acquisition.pick import Pick
from gfnmat.campaign_file import load
from gfnmat.config import ConfigError
from gfnmat.problem import Budget, Fidelity, Objective, Problem

ONE: list[dict[str, Any]] = [{"property": "a", "goal": "minimize"}]
TWO = [*ONE, {"property": "b", "goal": "maximize"}]
WINDOW = [{"property": "a", "goal": "target", "window": [1, 2]}]
LADDER = (Fidelity(name="hint", oracle="pauling", cost=0.1), Fidelity(name="real", oracle="pauling", cost=1))


def problem(objectives: list[dict[str, Any]]) -> Problem:
    return Problem(
        objectives=tuple(Objective(**objective) for objective in objectives),
        fidelities=LADDER,
        budget=Budget(cost=10),
    )


@pytest.mark.parametrize(
    ("objectives", "kind", "because"),
    [(ONE, "entropy_search", "a is the one objective"), (TWO, "improvement", "2"), (WINDOW, "improvement", "window")],
)
def test_auto_goes_by_the_problem_and_says_why(objectives: list[dict[str, Any]], kind: str, because: str) -> None:
    chosen = choose_kind("auto", problem(objectives))
    assert chosen.name == kind
    assert because in chosen.why
    assert choose_kind("random", problem(objectives)).name == "random"


@pytest.mark.parametrize("kind", ["entropy_search", "knowledge_gradient"])
@pytest.mark.parametrize("objectives", [TWO, WINDOW], ids=["two", "window"])
def test_a_kind_for_one_objective_refuses_others_at_once(kind: str, objectives: list[dict[str, Any]]) -> None:
    content = {
        "space": {"elements": ["Li", "O"]},
        "objectives": objectives,
        "fidelities": [{"name": "real", "oracle": "pauling", "cost": 1}],
        "acquisition": {"kind": kind},
        "budget": {"cost": 10},
    }
    with pytest.raises(ConfigError, match=rf"{kind} is for one objective to minimize or maximize.*choose improvement"):
        load(content)
    assert load({**content, "objectives": ONE}).acquisition.kind == kind


def test_a_pick_says_what_spoke_for_it() -> None:
    pick = Pick(index=0, rung=0, log_value=math.log(0.25), share=0.8, price=0.4)
    said = explain(pick, "improvement", LADDER, {"a": 12.0}, {"a": 1.5})
    for part in ("a 12 +- 1.5", "expected improvement 0.25", "80%", "real", "cost 0.1", "0.4 with confirming"):
        assert part in said
    at_target = explain(Pick(0, 1, math.log(0.25), 1.0, 1.0), "entropy_search", LADDER, {"a": 12.0}, {"a": 1.5})
    assert at_target == "a 12 +- 1.5; nats about the best 0.25 at cost 1"
    compared = explain(Pick(0, 0, 0.0, 1.0, 0.1, compares=True), "improvement", LADDER, {"a": 12.0}, {"a": 1.5})
    assert "how far hint agrees with real" in compared
