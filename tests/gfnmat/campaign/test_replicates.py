"""Measuring the same again: what it makes of values, what may be measured again, and whole campaigns with noise."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from gfnmat import Campaign
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice, Measurement, Suggestion
from gfnmat.campaign.replicates import Replication, next_replicate, pooled
from gfnmat.campaign.store import StoreError
from gfnmat.config import ConfigError
from gfnmat.metrics.evaluations import Evaluations
from gfnmat.problem import Budget, Fidelity, Objective, Problem

METALS, ANIONS = ("Li", "Na", "K", "Mg", "Ca", "Ti", "Al"), ("O", "F", "S", "Cl")
FORMULAS = [f"{metal}{m}{anion}{a}" for metal in METALS for anion in ANIONS for m, a in ((1, 1), (1, 2), (2, 3))]
NAN = float("nan")


def suggestion(number: int, key: str, replicate: int = 0, rung: int = 0) -> Suggestion:
    return Suggestion(number, Choice(key, key, rung, 1.0, {}, {}, "", replicate=replicate), 0)


def measurement(number: int, key: str, score: float, replicate: int = 0) -> Measurement:
    return Measurement(suggestion(number, key, replicate), Answer("done", {"score": score}))


def history(*measurements: Measurement, awaited: tuple[Suggestion, ...] = ()) -> History:
    problem = Problem(
        objectives=(Objective(property="score", goal="maximize"),),
        fidelities=(Fidelity(name="lab", oracle="python", cost=1, replicates=3),),
        budget=Budget(cost=100),
    )
    return History(Goals(problem), [*(m.suggestion for m in measurements), *awaited], measurements)


def test_a_value_is_the_mean_of_its_replicates_property_by_property() -> None:
    first = Measurement(suggestion(1, "MgO"), Answer("done", {"a": 1.0, "b": 5.0}, {"a": 0.1}))
    second = Measurement(suggestion(3, "MgO", 1), Answer("done", {"a": 4.0}))
    other = Measurement(suggestion(2, "LiF"), Answer("done", {"a": 7.0}))
    mean, alone = pooled([first, other, second])
    assert mean.suggestion is first.suggestion
    assert mean.answer.values == {"a": 2.5, "b": 5.0}
    assert alone is other


def test_the_best_is_not_the_luckiest() -> None:
    told = history(
        measurement(1, "MgO", 9.0),
        measurement(2, "LiF", 7.0),
        measurement(3, "MgO", 1.0, replicate=1),
        measurement(4, "LiF", 6.0, replicate=1),
    )
    assert [(m.suggestion.choice.key, m.answer.values["score"]) for m in told.best()] == [("LiF", 6.5)]


def test_a_pair_is_open_while_all_of_it_is_answered_and_fewer_than_its_most() -> None:
    lost = Measurement(suggestion(7, "NaF"), Answer("infeasible", error="it melts"))
    gone = Measurement(suggestion(8, "KF"), Answer("withdrawn"))
    told = history(
        measurement(1, "MgO", 1.0),
        measurement(2, "LiF", 1.0),
        measurement(3, "LiF", 2.0, replicate=1),
        measurement(4, "CaO", 2.0),
        lost,
        gone,
        awaited=(suggestion(5, "CaO", 1), suggestion(6, "TiO2")),
    )
    pool = ["MgO", "LiF", "CaO", "TiO2", "NaF", "KF", "Al2O3"]
    identity = {s.choice.key: s.choice.key for s in told.suggestions}
    always = [False, False, False, False, False, True, True]
    for most, again in ((1, []), (2, ["MgO"]), (3, ["MgO", "LiF"])):
        expected = [name in again or is_open for name, is_open in zip(pool, always, strict=True)]
        assert told.open_pairs(pool, identity, [most])[:, 0].tolist() == expected
    assert told.answered_pairs(pool, identity)[:, 0].tolist() == [True] * 3 + [False] * 4


def test_the_next_number_is_the_least_that_is_free() -> None:
    assert next_replicate([]) == 0
    assert next_replicate([suggestion(1, "MgO", n).choice for n in (0, 1, 3)]) == 2


@pytest.mark.parametrize(
    ("noise", "names", "values", "most", "is_untried"),
    [
        (0.0, "abc", [1.0, 2.0, 3.0], 1, True),
        (1e-5, "abc", [1.0, 2.0, 3.0], 1, True),
        (0.1, "abc", [1.0, 2.0, 3.0], 3, True),
        (0.1, "abb", [1.0, 2.0, 2.0], 1, False),  # measured twice, and the same
        (0.1, "aabb", [1.0, 1.2, 2.0, 2.0], 3, False),
        (0.1, "aab", [1.0, NAN, 2.0], 3, True),  # nothing to compare
        (0.1, "aaa", [NAN, NAN, NAN], 1, True),
        (0.1, "a", [1.0], 1, True),
    ],
)
def test_how_often_is_measured_is_what_noise_and_replicates_say(
    noise: float, names: str, values: list[float], most: int, is_untried: bool
) -> None:
    column = torch.tensor(values, dtype=torch.float64)[:, None]
    rungs = torch.zeros(len(values), dtype=torch.long)
    found = Replication.of([3], torch.tensor([[noise]]), list(names), rungs, column)
    assert found == Replication((most,), frozenset({0} if is_untried else ()))


def test_rungs_agree_as_far_as_means_of_replicates_do() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(10.0, dtype=torch.float64)
    names = [str(i) for i in range(10)]
    noise = torch.randn(10, generator=generator, dtype=torch.float64) * 20
    values = torch.cat([truth + noise, truth - noise, truth])[:, None]
    rungs = torch.tensor([0] * 20 + [1] * 10)
    found = Agreement.of(names * 3, rungs, values, 2)
    assert found.shared == (10, 10)
    torch.testing.assert_close(found.trust, Agreement.of(names * 2, rungs[10:], truth.repeat(2)[:, None], 2).trust)


class Laboratory:
    """Answers with a noise that depends on the material and on how often it was asked."""

    def __init__(self, noise: float) -> None:
        self.noise = noise
        self.asked: Counter[str] = Counter()

    def __call__(self, materials: list[Any]) -> list[dict[str, float]]:
        answers = []
        for material in materials:
            formula = material.reduced_formula
            seed = hashlib.sha256(f"{formula} {self.asked[formula]}".encode()).digest()
            self.asked[formula] += 1
            truth = 20 * material.get_atomic_fraction("O") + material.average_electroneg
            answers.append({"score": truth + self.noise * random.Random(seed).gauss(0, 1)})
        return answers


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Campaign]:
    """Opens a campaign on 84 formulas in one laboratory."""

    def of(function: Laboratory, replicates: int = 3, store: str = "a.db", **changes: Any) -> Campaign:
        ladder = {"name": "lab", "oracle": "python", "function": function, "cost": 1, "replicates": replicates}
        content = {
            "space": {"kind": "table", "frame": pd.DataFrame({"formula": FORMULAS})},
            "objectives": [{"property": "score", "goal": "maximize"}],
            "fidelities": [ladder],
            "proposer": {"kind": "random", "pool": 84},
            "acquisition": {"batch_size": 6},
            "budget": {"cost": 30},
            **changes,
        }
        return Campaign.open(content, store=f"sqlite:///{tmp_path / store}")

    return of


@pytest.mark.parametrize("kind", ["entropy_search", "improvement"])
def test_a_noisy_campaign_measures_what_may_be_best_again(opened: Callable[..., Campaign], kind: str) -> None:
    campaign = opened(Laboratory(noise=3.0), acquisition={"kind": kind, "batch_size": 6})
    campaign.run()
    told = campaign.measurements()
    assert len(told) == 30
    counts = told.groupby("formula").size()
    assert 1 < counts.max() <= 3
    assert not told.duplicated(["formula", "replicate"]).any()
    again = told[told["replicate"] > 0]
    first = told[told["replicate"] == 0]
    assert again["score"].mean() > first["score"].mean()  # of what promises most
    best = campaign.pareto()
    means = told.groupby("formula")["score"].mean()
    assert best["formula"].tolist() == [means.idxmax()]
    assert best["score"].tolist() == pytest.approx([means.max()])
    assert campaign.status().best == pytest.approx({"score": means.max()})
    found = Evaluations.of(told, campaign.problem)
    assert found.spent == campaign.status().spent == 30
    assert int(found.counts.sum()) == told["formula"].nunique()
    assert float(found.utilities[found.counts].max()) == pytest.approx(means.max())


def test_without_being_told_so_nothing_is_measured_again(opened: Callable[..., Campaign]) -> None:
    campaign = opened(Laboratory(noise=3.0), replicates=1)
    campaign.run()
    assert campaign.measurements()["formula"].is_unique


def test_a_laboratory_without_noise_shows_it_at_once(opened: Callable[..., Campaign]) -> None:
    campaign = opened(Laboratory(noise=0.0))
    campaign.run()
    told = campaign.measurements()
    assert (told["replicate"] > 0).sum() <= 1


@pytest.mark.slow
def test_a_resumed_campaign_goes_on_as_an_uninterrupted_one(opened: Callable[..., Campaign]) -> None:
    straight = opened(Laboratory(3.0), store="a.db")
    straight.run()
    laboratory = Laboratory(3.0)
    opened(laboratory, store="b.db", budget={"cost": 30, "rounds": 3}).run()
    resumed = opened(laboratory, store="b.db")
    resumed.run()
    columns = ["formula", "replicate", "score", "round"]
    pd.testing.assert_frame_equal(straight.measurements()[columns], resumed.measurements()[columns])
    assert straight.measurements()["replicate"].max() > 0


def test_a_person_tells_replicates_and_is_asked_for_them(opened: Callable[..., Campaign]) -> None:
    campaign = opened(Laboratory(0.0), space={"kind": "table", "frame": pd.DataFrame({"formula": FORMULAS[:6]})})
    first = campaign.ask(6)
    assert first["replicate"].tolist() == [0] * 6
    rows = [{"id": number, "score": 10.0 * (number % 3)} for number in first["id"]]
    again = [{**row, "replicate": 1, "score": row["score"] + 3, "score_error": 0.5} for row in rows]
    assert campaign.tell([*rows, *again]) == 12
    assert campaign.tell([*rows, *again]) == 0
    told = campaign.measurements()
    assert told["replicate"].tolist() == [0] * 6 + [1] * 6
    assert told["score_error"].tolist() == pytest.approx([NAN] * 6 + [0.5] * 6, nan_ok=True)
    assert campaign.status().spent == 12
    asked = campaign.ask(2)  # everything was measured twice and contradicts itself: a third time is all that is left
    assert asked["replicate"].tolist() == [2, 2]
    assert all("measured 2 times by lab, and again because of its noise" in why for why in asked["why"])
    campaign.tell(asked.assign(score=1.0))
    assert campaign.measurements()["replicate"].tolist()[-2:] == [2, 2]


def test_a_contradiction_is_a_replicate_or_a_correction_and_never_both(opened: Callable[..., Campaign]) -> None:
    campaign = opened(Laboratory(0.0))
    number = int(campaign.ask(2)["id"].iloc[0])
    campaign.tell([{"id": number, "score": 5.0}])
    with pytest.raises(
        StoreError, match=r"Tell it as a correction \(`--correct`\), or another measurement of the same"
    ):
        campaign.tell([{"id": number, "score": 50.0}])
    campaign.tell([{"id": number, "replicate": 1, "score": 50.0}])
    with pytest.raises(StoreError, match="contradicts it"):
        campaign.tell([{"id": number, "replicate": 1, "score": 7.0}])
    assert campaign.pareto()["score"].tolist() == [27.5]
    campaign.tell([{"id": number, "replicate": 1, "score": 7.0}], correct=True)
    assert campaign.pareto()["score"].tolist() == [6.0]


@pytest.mark.parametrize(
    "rows",
    [
        [{"score": 1.0}, {"score": 1e6}],
        [{"score": 1.0}, {"status": "infeasible"}],
        [{"score": 1.0}, {"score": 1.0}],
    ],
)
def test_the_loop_goes_on_with_replicates_that_contradict_each_other(
    opened: Callable[..., Campaign], rows: list[dict[str, Any]]
) -> None:
    campaign = opened(Laboratory(1.0), budget={"cost": 24})
    asked = campaign.ask(4)
    for number in asked["id"]:
        campaign.tell([{"id": number, "replicate": replicate, **row} for replicate, row in enumerate(rows)])
    campaign.run()
    told = campaign.measurements()
    assert len(told) == 24
    assert told["status"].isin(["done", "infeasible"]).all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"replicate": -1}, "replicate is -1; number the measurements of one pair 0, 1, 2"),
        ({"replicate": float("inf")}, "replicate is inf; number the measurements of one pair 0, 1, 2"),
        ({"replicate": 0.5}, "replicate is 0.5"),
        ({"replicate": "second"}, "replicate is 'second'"),
        ({"score_error": -0.1}, "score_error is -0.1; a standard error is a number from 0"),
        ({"score_error": "large"}, "score_error is 'large'"),
    ],
)
def test_replicates_that_cannot_be_kept_are_refused(
    opened: Callable[..., Campaign], row: dict[str, Any], reason: str
) -> None:
    campaign = opened(Laboratory(0.0))
    number = int(campaign.ask(1)["id"].iloc[0])
    with pytest.raises(ValueError, match=reason):
        campaign.tell([{"id": number, "score": 1.0, **row}])
    assert campaign.measurements().empty


def test_one_result_told_twice_in_one_table_says_how_to_number_replicates(opened: Callable[..., Campaign]) -> None:
    campaign = opened(Laboratory(0.0))
    number = int(campaign.ask(1)["id"].iloc[0])
    with pytest.raises(ValueError, match="number several measurements of the same by a column `replicate`"):
        campaign.tell([{"id": number, "score": 1.0}, {"id": number, "score": 2.0}])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fidelities": [{"name": "t", "oracle": "pauling", "cost": 1, "replicates": 3}]}, "the same answer each time"),
        ({"acquisition": {"kind": "random"}}, "replicates of lab are chosen by a surrogate"),
        ({"surrogate": {"kind": "none"}}, "replicates of lab are chosen by a surrogate"),
        ({"fidelities": [{"name": "t", "oracle": "pauling", "cost": 1, "replicates": 0}]}, "replicates is 0"),
    ],
)
def test_replicates_that_could_not_be_chosen_are_refused(
    opened: Callable[..., Campaign], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        opened(Laboratory(0.0), **changes)


def test_how_often_is_measured_may_change_on_the_way(opened: Callable[..., Campaign]) -> None:
    laboratory = Laboratory(3.0)
    opened(laboratory, replicates=1, budget={"cost": 18}).run()
    campaign = opened(laboratory, replicates=3)
    campaign.run()
    assert campaign.measurements()["replicate"].max() > 0
