"""How measured candidates are ranked, against definitions written out."""

from typing import Any

import pytest
import torch

from gfnmat.campaign.fitness import crowding_distance, fitness_of, measured, pareto_order
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice, Measurement, Status, Suggestion
from gfnmat.problem import Problem


def goals(objectives: int = 1, **constraint: float) -> Goals:
    names = [("bulk_modulus", "maximize"), ("density", "minimize")][:objectives]
    content: dict[str, Any] = {
        "objectives": [{"property": name, "goal": goal} for name, goal in names],
        "constraints": [{"property": "density", **constraint}] if constraint else [],
        "fidelities": [{"name": "hint", "oracle": "pauling", "cost": 0.1}, {"name": "real", "oracle": "x", "cost": 1}],
        "budget": {"cost": 9},
    }
    return Goals(Problem.model_validate(content))


def test_of_one_objective_the_median_is_0_and_the_best_is_1() -> None:
    fitness = fitness_of(goals(), torch.tensor([[10.0], [50.0], [30.0]], dtype=torch.float64))
    assert fitness.tolist() == [-1.0, 1.0, 0.0]


def test_what_misses_a_constraint_is_below_all_that_meet_it_by_how_much_it_misses() -> None:
    values = torch.tensor([[10.0, 3], [90, 9], [50, 4], [99, 6], [30, 5]], dtype=torch.float64)
    order = fitness_of(goals(max=5.0), values).argsort(descending=True).tolist()
    assert order == [2, 4, 0, 3, 1]


def test_all_that_miss_are_ranked_by_how_much() -> None:
    values = torch.tensor([[10.0, 7], [90, 9], [50, 6]], dtype=torch.float64)
    assert fitness_of(goals(max=5.0), values).argsort(descending=True).tolist() == [2, 0, 1]


def beats(one: list[float], other: list[float]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def brute_force_ranks(utilities: torch.Tensor) -> list[int]:
    left, ranks = dict(enumerate(utilities.tolist())), {}
    for rank in range(len(left)):
        front = [row for row, value in left.items() if not any(beats(other, value) for other in left.values())]
        for row in front:
            ranks[row] = rank
            del left[row]
    return [ranks[row] for row in range(len(utilities))]


def test_of_several_objectives_the_pareto_rank_counts_first_and_then_the_room_around() -> None:
    utilities = torch.rand(60, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    order = pareto_order(goals(2), utilities)
    ranks = torch.tensor(brute_force_ranks(utilities))
    assert (order.floor() == -ranks).all()
    for rank in ranks.unique():
        front = ranks == rank
        by_room = crowding_distance(utilities[front]).argsort(stable=True)
        assert (order[front][by_room].diff() >= 0).all()


def test_room_is_the_distance_between_neighbours_as_deb_has_it() -> None:
    front = torch.tensor([[0.0, 10.0], [1.0, 8.0], [4.0, 7.0], [10.0, 0.0]])
    expected = [torch.inf, 4 / 10 + 3 / 10, 9 / 10 + 8 / 10, torch.inf]
    assert crowding_distance(front).tolist() == pytest.approx(expected)


def measurement(number: int, key: str, rung: int, status: Status = "done", **values: float) -> Measurement:
    choice = Choice(key=key, formula=key, rung=rung, cost=1, means={}, sds={}, why="")
    return Measurement(Suggestion(number, choice, 0), Answer(status, values))


def test_only_the_target_counts_and_failures_come_last() -> None:
    told = [
        measurement(1, "TiO2", 1, bulk_modulus=200),
        measurement(2, "MgO", 0, bulk_modulus=900),
        measurement(3, "NaCl", 1, bulk_modulus=25),
        measurement(4, "LiF", 0, "infeasible"),
        measurement(5, "CaO", 1, "retryable"),
    ]
    history = History(goals(), [m.suggestion for m in told], told)
    found = measured(history)
    assert found is not None
    assert found.candidates.keys == ("TiO2", "NaCl", "LiF")
    assert found.fitness.argsort(descending=True).tolist() == [0, 1, 2]


def test_nothing_is_known_before_the_target_answers() -> None:
    told = [measurement(1, "TiO2", 0, bulk_modulus=200), measurement(2, "LiF", 1, "infeasible")]
    assert measured(History(goals(), [m.suggestion for m in told], told)) is None
