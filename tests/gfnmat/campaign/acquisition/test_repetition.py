"""What another measurement of a candidate is worth: against closed forms, against sampling, and in a selection."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.repetition import gain_of_repeating
from gfnmat.campaign.acquisition.selection import SCORERS, Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import REFERENCE, Scale
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

SEVERAL = (Objective(property="a", goal="maximize"), Objective(property="b", goal="minimize"))


def goals(objectives: Sequence[Objective] = SEVERAL[:1], constraints: tuple[Constraint, ...] = ()) -> Goals:
    ladder = (Fidelity(name="lab", oracle="python", cost=1.0, replicates=3),)
    return Goals(
        Problem(objectives=tuple(objectives), constraints=constraints, fidelities=ladder, budget=Budget(cost=100))
    )


def unit(n_objectives: int) -> Scale:
    return Scale(torch.zeros(n_objectives, dtype=torch.float64), torch.ones(n_objectives, dtype=torch.float64))


def expected_best(mean: float, reach: float, other: float) -> float:
    """`E max(mean + reach Z, other)`, C. E. Clark, Oper. Res. 9, 145 (1961)."""
    normal, distance = NormalDist(), (mean - other) / reach
    return mean * normal.cdf(distance) + other * normal.cdf(-distance) + reach * normal.pdf(distance)


def test_of_one_objective_it_is_the_closed_form() -> None:
    mean = torch.tensor([[0.9], [0.7], [0.2]], dtype=torch.float64)
    sd = torch.tensor([[0.3], [0.4], [0.3]], dtype=torch.float64)
    noise = torch.tensor([0.25], dtype=torch.float64)
    gain = gain_of_repeating(mean, sd, noise, torch.arange(3), goals(), unit(1), seed=0)
    for row, best_other in enumerate((0.7, 0.9, 0.9)):
        variance = float(sd[row]) ** 2
        reach = variance / (variance + 0.25) ** 0.5
        expected = expected_best(float(mean[row]), reach, best_other) - 0.9
        assert float(gain[row]) == pytest.approx(expected, rel=0.05, abs=2e-4)


def test_of_several_objectives_it_is_the_sampled_growth_of_the_hypervolume() -> None:
    mean = torch.tensor([[0.9, -0.2], [0.5, -0.8], [0.45, -0.7]], dtype=torch.float64)
    sd = torch.full((3, 2), 0.2, dtype=torch.float64)
    noise = torch.full((2,), 0.01, dtype=torch.float64)
    problem = goals(SEVERAL)
    gain = gain_of_repeating(mean, sd, noise, torch.arange(3), problem, unit(2), seed=0)
    volume = Hypervolume(torch.full((2,), REFERENCE, dtype=torch.float64))

    def of(means: Tensor) -> float:
        utilities = problem.utilities(means)
        return volume.compute(utilities[problem.non_dominated(utilities)])

    reach = 0.04 / 0.05**0.5
    normal = torch.randn(1500, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for row in range(3):
        grown = []
        for drawn in torch.cat([normal, -normal]):
            means = mean.clone()
            means[row] += reach * drawn
            grown.append(of(means))
        assert float(gain[row]) == pytest.approx(sum(grown) / len(grown) - of(mean), rel=0.1, abs=5e-4)


def test_what_is_known_exactly_or_out_of_the_question_gains_nothing() -> None:
    mean = torch.tensor([[0.9], [0.8], [-3.0]], dtype=torch.float64)
    sd = torch.tensor([[0.0], [0.0], [0.1]], dtype=torch.float64)
    for noise in (0.0, 0.5):
        gain = gain_of_repeating(
            mean, sd, torch.tensor([noise], dtype=torch.float64), torch.arange(3), goals(), unit(1), seed=0
        )
        assert gain.tolist() == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_candidate_that_may_miss_a_constraint_is_worth_another_look() -> None:
    limited = goals(constraints=(Constraint(property="b", max=0.0),))
    mean = torch.tensor([[0.5, -1.0], [0.9, 0.05]], dtype=torch.float64)
    sd = torch.tensor([[0.01, 0.3], [0.01, 0.3]], dtype=torch.float64)
    noise = torch.tensor([0.01, 0.01], dtype=torch.float64)
    gain = gain_of_repeating(mean, sd, noise, torch.arange(2), limited, unit(1), seed=0)
    assert gain[1] > 0.1  # 0.4 better, and allowed with probability 0.43
    assert gain[0] < 0.01


class Noisy:
    """A noisy line, of which the pool holds what was measured and as many candidates that were not."""

    def __init__(self, noise: float, n: int = 16, measured: int = 2) -> None:
        generator = torch.Generator().manual_seed(0)
        self.n = n
        self.pool = torch.linspace(0, 1, 2 * n, dtype=torch.float64)[torch.randperm(2 * n, generator=generator), None]
        truth = 3 * self.pool[:n, 0] + torch.sin(7 * self.pool[:n, 0])
        rows = torch.arange(n).repeat(measured)
        values = truth[rows] + noise * torch.randn(len(rows), generator=generator, dtype=torch.float64)
        features, rungs = self.pool[rows], torch.zeros(len(rows), dtype=torch.long)
        surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=1, n_properties=1, reference=self.pool)
        surrogate.fit(features, rungs, values[:, None])
        problem = goals()
        self.situation = Situation(
            surrogate=surrogate,
            goals=problem,
            scale=Scale.of(values[:, None]),
            measured=self.pool[:n],
            pending=self.pool[:0],
            pending_rungs=rungs[:0],
            agreement=Agreement.of([str(row) for row in rows.tolist()], rungs, values[:, None], 1),
        )

    def offer(self) -> Offer:
        answered = (torch.arange(2 * self.n) < self.n)[:, None]
        return Offer(self.pool, torch.ones(2 * self.n, 1, dtype=torch.bool), (1.0,), 100.0, answered=answered)


@pytest.mark.parametrize("kind", SCORERS)
def test_where_nothing_else_is_left_the_uncertain_best_are_measured_again(kind: str) -> None:
    noisy = Noisy(noise=1.0)
    offer = noisy.offer()
    offer = replace(offer, open_pairs=offer.repeats)
    picked = [pick.index for pick in select(noisy.situation, offer, Policy(kind), 3, seed=0)]
    mean = noisy.situation.surrogate.predict(noisy.pool[: noisy.n]).mean[:, 0]
    assert set(picked) <= set(mean.topk(8).indices.tolist())


@pytest.mark.parametrize("kind", SCORERS)
def test_replicates_are_picked_with_what_is_new_where_noise_is_large(kind: str) -> None:
    noisy = Noisy(noise=1.0, measured=1)
    picks = select(noisy.situation, noisy.offer(), Policy(kind), 12, seed=0)
    assert 1 < sum(pick.index < noisy.n for pick in picks) < 12
    untried = replace(noisy.offer(), untried=frozenset({0}))
    picks = select(noisy.situation, untried, Policy(kind), 12, seed=0)
    assert sum(pick.index < noisy.n for pick in picks) == 1


def test_a_replicate_is_not_asked_beside_the_target_to_compare_rungs(make_setting: Callable[..., Any]) -> None:
    setting = make_setting(lower_is_related=False)
    situation = replace(setting.situation, agreement=replace(setting.situation.agreement, shared=(0, 0)))
    offer = setting.offer()
    assert any(pick.compares for pick in select(situation, offer, Policy("improvement", fidelity="auto"), 6, seed=0))
    below = torch.tensor([True, False]).expand(len(setting.pool), 2)
    measured = replace(offer, answered=below)
    assert not any(pick.compares for pick in select(situation, measured, Policy("improvement"), 6, seed=0))
