"""Utilities, bounds and scores of a property with a floor, against sampling of clipped normal variables."""

import math

import pytest
import torch
from botorch.utils.objective import compute_smoothed_feasibility_indicator
from torch import Tensor

from gfnmat import Candidates
from gfnmat.campaign.feasibility import Feasibility
from gfnmat.campaign.features import features_of
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.reward import Span, SurrogateReward
from gfnmat.campaign.scores import ImprovementScore, OptimisticScore, Scale, draw_preferences
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem
from surrogates import Prediction

MINIMIZED = Objective(property="gap", goal="minimize")
MAXIMIZED = Objective(property="gap", goal="maximize")
METALLIC = Objective(property="gap", goal="target", window=(0.0, 0.5))
SEMICONDUCTING = Objective(property="gap", goal="target", window=(0.5, 1.5))
GOALS = [MINIMIZED, MAXIMIZED, METALLIC, SEMICONDUCTING]
LATENT = [(-3.0, 0.4), (-0.5, 1.0), (0.1, 0.3), (0.7, 0.6), (2.0, 1.0)]  # means and deviations, eV
UNIT = Scale(torch.zeros(1).double(), torch.ones(1).double())


def goals(objective: Objective, *constraints: Constraint, floor: float = 0.0) -> Goals:
    fidelities = (Fidelity(name="only", oracle="pauling", cost=1),)
    problem = Problem(objectives=(objective,), constraints=constraints, fidelities=fidelities, budget=Budget(cost=10))
    return Goals(problem).above(floor)


def column(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)[:, None]


MEAN, SD = column(*(mean for mean, _ in LATENT)), column(*(sd for _, sd in LATENT))


def drawn(n: int = 200_000) -> Tensor:
    """Measurements, `n x len(LATENT) x 1`: normal variables that the floor clips."""
    generator = torch.Generator().manual_seed(0)
    return (MEAN + SD * torch.randn(n, *MEAN.shape, generator=generator, dtype=torch.float64)).clamp(min=0)


@pytest.mark.parametrize("objective", GOALS)
def test_what_lies_below_the_floor_is_worth_what_lies_at_it(objective: Objective) -> None:
    g = goals(objective)
    at_floor, below = g.utilities(column(0.0)), g.utilities(column(-0.1, -3.0, -30.0))
    assert below.eq(at_floor).all()
    above = column(0.2, 1.0, 4.0)
    assert torch.equal(g.utilities(above), goals(objective, floor=-math.inf).utilities(above))


def test_only_a_property_with_a_floor_is_clipped() -> None:
    fidelities = (Fidelity(name="only", oracle="pauling", cost=1),)
    both = (MINIMIZED, Objective(property="formation_energy", goal="minimize"))
    problem = Problem(objectives=both, fidelities=fidelities, budget=Budget(cost=10))
    g = Goals(problem).above(torch.tensor([0.0, -math.inf]))
    assert g.floors == {"gap": 0.0}
    assert g.utilities(torch.tensor([[-2.0, -2.0]])).tolist() == [[0.0, 2.0]]


BOUNDS = [
    Constraint(property="gap", min=0.0),
    Constraint(property="gap", max=0.0),
    Constraint(property="gap", min=0.0, max=0.5),
    Constraint(property="gap", min=0.4, max=1.0),
    Constraint(property="gap", max=-1.0),
    Constraint(property="gap", min=-1.0),
]


@pytest.mark.parametrize("bound", BOUNDS)
def test_bounds_are_met_as_often_as_by_measurements(bound: Constraint) -> None:
    g = goals(MAXIMIZED, bound)
    low, high = -math.inf if bound.min is None else bound.min, math.inf if bound.max is None else bound.max
    met = (drawn() >= low) & (drawn() <= high)
    found = g.log_probability_of_meeting(MEAN, SD).exp()
    assert found.tolist() == pytest.approx(met.double().mean(0)[:, 0].tolist(), abs=4e-3)
    latent = torch.linspace(-3, 3, 101, dtype=torch.float64)[:, None]
    clipped = latent[:, 0].clamp(min=0)
    assert torch.equal(g.meets_constraints(latent), (clipped >= low) & (clipped <= high))
    assert not g.meets_constraints(column(math.nan)).any()


@pytest.mark.parametrize("bound", BOUNDS[:3])
def test_botorch_takes_what_is_well_below_a_floor_to_meet_a_bound_at_it(bound: Constraint) -> None:
    excesses = goals(MAXIMIZED, bound).excesses()
    if excesses:  # a bound that everything meets is none
        feasible = compute_smoothed_feasibility_indicator(excesses, column(-0.5)[None], eta=1e-3)
        assert float(feasible) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("objective", [MINIMIZED, MAXIMIZED])
@pytest.mark.parametrize("best", [0.0, 0.3, 1.2])
def test_the_chance_to_beat_a_value_is_that_of_measurements(objective: Objective, best: float) -> None:
    g = goals(objective)
    utility = g.utilities(column(best))[0, 0]
    beaten = (g.utilities(drawn())[..., 0] > utility).double().mean(0)
    assert g.probability_of_beating(utility, MEAN, SD).tolist() == pytest.approx(beaten.tolist(), abs=4e-3)


@pytest.mark.parametrize("objective", GOALS)
def test_the_optimistic_utility_is_the_best_within_a_deviation(objective: Objective) -> None:
    g = goals(objective)
    steps = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    within = (MEAN[:, 0] + steps[:, None] * SD[:, 0]).clamp(min=0)[..., None]
    assert g.optimistic(MEAN, SD)[:, 0].tolist() == pytest.approx(g.utilities(within).amax(0)[:, 0].tolist(), abs=2e-3)


@pytest.mark.parametrize("objective", GOALS)
def test_the_expected_improvement_is_that_of_measurements(objective: Objective) -> None:
    g = goals(objective)
    front = g.utilities(column(0.3 if objective is MINIMIZED else 1.7))
    found = ImprovementScore(g, UNIT, front, seed=0)(MEAN, SD).exp()
    expected = (g.utilities(drawn()) - front).clamp(min=0).mean(0)[:, 0]
    assert found.tolist() == pytest.approx(expected.tolist(), rel=0.1, abs=0.02)


@pytest.mark.parametrize("objective", [MINIMIZED, METALLIC])
def test_no_bound_of_confidence_is_better_than_the_floor(objective: Objective) -> None:
    g = goals(objective)
    score = OptimisticScore(g, UNIT, draw_preferences(1, seed=0), 1.0)
    found = score(column(-0.2, -3.0, -30.0), torch.full((3, 1), 2.0).double())
    assert found.eq(score(column(0.0), torch.zeros(1, 1).double())).all()


class Fixed:
    """A surrogate that predicts what it was given."""

    def predict(self, features: Tensor, fidelity: int | None = None) -> Prediction:
        return Prediction(column(-3.0, 0.2, 2.0), column(0.1, 0.1, 0.1), torch.zeros(1).double())


def test_a_metal_is_rewarded_where_metals_are_wanted() -> None:
    g = goals(METALLIC, Constraint(property="gap", min=0.0))
    reward = SurrogateReward(
        surrogate=Fixed(),  # type: ignore[arg-type]
        features=features_of,
        goals=g,
        score=OptimisticScore(g, UNIT, draw_preferences(1, seed=0), 1.0),
        span=Span(-1.5, 0.0),
        sharpness=10,
        screen=lambda candidates: torch.ones(len(candidates), dtype=torch.bool),
        feasibility=Feasibility(None),
    )
    metal, narrow, wide = reward(Candidates.of(["NaCl"] * 3)).tolist()
    assert metal == pytest.approx(narrow)
    assert metal > wide + 9
