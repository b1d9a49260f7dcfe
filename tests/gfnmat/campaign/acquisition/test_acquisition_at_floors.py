"""Acquisitions of a property with a floor, against sampling of what the floor clips."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from scipy.stats import truncnorm
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.entropy_search import EntropySearch
from gfnmat.campaign.acquisition.improvement import Improvement
from gfnmat.campaign.acquisition.information import Information
from gfnmat.campaign.acquisition.joint import Joint
from gfnmat.campaign.acquisition.knowledge_gradient import KnowledgeGradient, expected_gain
from gfnmat.campaign.acquisition.scalar import Clip
from gfnmat.campaign.acquisition.selection import SCORERS, Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

N_KNOWN, N_POOL = 30, 40
ONE_RUNG = Agreement((N_KNOWN,), torch.ones(1, 2).double())


def gap(features: Tensor) -> Tensor:
    """The property before the floor clips it: half of the known lie below."""
    return 3 * features[:, 0] + torch.sin(4 * features[:, 1]) - 1.6


@cache
def known() -> tuple[Tensor, Any]:
    """Features of what was measured, and a surrogate of gaps at a floor of 0 and of a property without one."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(N_KNOWN, 3, generator=generator, dtype=torch.float64)
    values = torch.stack([gap(features).clamp(min=0), features[:, 2]], dim=1)
    surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=1, n_properties=2)
    surrogate.fit(features, torch.zeros(N_KNOWN), values)
    return features, surrogate


def setting(*objectives: Objective, constraints: tuple[Constraint, ...] = (), lowest: float = -1.0) -> Any:
    """A situation of which only what has a gap above the lowest is measured, and an offer."""
    features, surrogate = known()
    problem = Problem(
        objectives=objectives,
        constraints=constraints,
        fidelities=(Fidelity(name="only", oracle="pauling", cost=1.0),),
        budget=Budget(cost=100),
    )
    assert problem.properties == ("gap", "other")
    goals = Goals(problem).above(surrogate.predict(features).floor)
    assert goals.floors == {"gap": 0.0}
    measured = features[gap(features) > lowest]
    values = torch.stack([gap(measured).clamp(min=0), measured[:, 2]], dim=1)
    pool = torch.rand(N_POOL, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    situation = Situation(
        surrogate=surrogate,
        goals=goals,
        scale=Scale.of(goals.utilities(values)),
        measured=measured,
        pending=measured[:0],
        pending_rungs=torch.zeros(0, dtype=torch.long),
        agreement=ONE_RUNG,
    )
    return situation, Offer(pool, torch.ones(N_POOL, 1, dtype=torch.bool), (1.0,), 100.0)


ANY = (Constraint(property="other", min=-10.0),)  # it names the second property and is met by all
MINIMIZED = Objective(property="gap", goal="minimize")
MAXIMIZED = Objective(property="gap", goal="maximize")
METALLIC = Objective(property="gap", goal="target", window=(0.0, 0.3))
OTHER = Objective(property="other", goal="maximize")


def joint_draws(situation: Situation, features: Tensor, n: int = 4000) -> Tensor:
    """Noise-free values at the target, clipped, drawn jointly, `n x features x 2`."""
    generator = torch.Generator().manual_seed(0)
    columns = []
    for index, floor in enumerate((0.0, -torch.inf)):
        joint = Joint.of(situation.surrogate, index, features, torch.zeros(len(features), dtype=torch.long))
        factor = torch.linalg.cholesky(joint.covariance + 1e-8 * torch.eye(len(features)))
        normal = torch.randn(n, len(features), generator=generator, dtype=torch.float64)
        columns.append((joint.mean + normal @ factor.T).clamp(min=floor))
    return torch.stack(columns, dim=-1)


@pytest.mark.parametrize("objective", [MINIMIZED, MAXIMIZED, METALLIC])
def test_the_improvement_is_that_of_clipped_values(objective: Objective) -> None:
    situation, offer = setting(objective, constraints=ANY, lowest=0.2)
    found = Improvement(situation, offer, seed=0).worth(torch.arange(N_POOL)).exp()
    draws = joint_draws(situation, torch.cat([situation.measured, offer.pool]))
    utilities = situation.scale.normalised(situation.goals.utilities(draws))[..., 0]
    best = utilities[:, : len(situation.measured)].amax(1, keepdim=True)
    expected = (utilities[:, len(situation.measured) :] - best).clamp(min=0).mean(0)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=0.1, abs=0.02)


def test_no_hypervolume_is_expected_below_the_floor() -> None:
    situation, offer = setting(MINIMIZED, OTHER, lowest=0.2)
    found = Improvement(situation, offer, seed=0).worth(torch.arange(N_POOL)).exp()
    clipped = situation.scale.normalised(situation.goals.utilities(torch.tensor([[0.0, 1.0]]).double()))[0]
    reference = torch.full((2,), -0.1).double()
    highest = (clipped - reference).prod()  # no gap is below 0, and the other property is not above 1
    assert float(found.max()) < float(highest)
    floorless = replace(situation, goals=Goals(situation.goals.problem))
    below = Improvement(floorless, offer, seed=0).worth(torch.arange(N_POOL)).exp()
    metal = situation.surrogate.predict(offer.pool).mean[:, 0].argmin()
    assert float(found[metal]) < 0.7 * float(below[metal])


@pytest.mark.parametrize("bound", [{"min": 0.0}, {"max": 0.0}, {"min": 0.2}])
def test_bounds_at_the_floor_are_kept_as_by_clipped_values(bound: dict[str, float]) -> None:
    constraint = Constraint(property="gap", **bound)
    goal = Objective(property="other", goal="maximize")
    situation, offer = setting(Objective(property="gap", goal="target", window=(0.0, 9.0)), goal)
    problem = situation.goals.problem.model_copy(update={"constraints": (constraint,)})
    situation = replace(situation, goals=Goals(problem, situation.goals.floors))
    found = Improvement(situation, offer, seed=0).worth(torch.arange(N_POOL)).exp()
    mean = situation.surrogate.predict(offer.pool).mean[:, 0]
    metals, others = found[mean < -0.4], found[mean > 0.6]
    if "max" in bound:
        assert float(metals.max()) > 10 * float(others.max())
    elif bound["min"] > 0:
        assert float(others.max()) > 10 * float(metals.max())
    else:
        free = replace(
            situation, goals=replace(situation.goals, problem=problem.model_copy(update={"constraints": ()}))
        )
        torch.testing.assert_close(found, Improvement(free, offer, seed=0).worth(torch.arange(N_POOL)).exp())


@pytest.mark.parametrize("objective", [MINIMIZED, MAXIMIZED])
@pytest.mark.parametrize("lowest", [-5.0, 0.2])
def test_entropy_search_learns_of_the_largest_clipped_value(objective: Objective, lowest: float) -> None:
    """Without noise the information of one draw of the maximum is half the log of how it narrows the candidate's."""
    situation, offer = setting(objective, constraints=ANY, lowest=lowest)
    offer = replace(offer, pool=offer.pool[situation.surrogate.predict(offer.pool).mean[:, 0] > lowest])
    offer = replace(offer, open_pairs=torch.ones(len(offer.pool), 1, dtype=torch.bool))
    search = EntropySearch(situation, offer, seed=0)
    sign = 1.0 if objective is MAXIMIZED else -1.0
    drawn = (sign * joint_draws(situation, offer.pool)[..., 0]).amax(1)
    assert float(search._maxima.mean()) == pytest.approx(float(drawn.mean()), abs=0.1)
    at_floor = float((drawn == 0).double().mean()) if objective is MINIMIZED else 0.0
    assert float((search._maxima >= search.view.clip.highest).double().mean()) == pytest.approx(at_floor, abs=0.15)
    rows = torch.arange(len(offer.pool))
    found = search._told(rows, torch.ones(len(rows), 1).double())[:, 0]
    for row in range(5):
        mean, sd = float(search.view.mean[row]), float(search.view.sd[row])
        expected = 0.0
        for largest in search._maxima.tolist():
            if objective is MAXIMIZED or largest < 0:
                within = truncnorm(-torch.inf, (largest - mean) / sd, loc=mean, scale=sd).std() / sd
                expected -= torch.log(torch.tensor(within)).item() / len(search._maxima)
        assert float(found[row]) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("clip", [Clip(0.4, is_ceiling=True), Clip(0.0, is_ceiling=False)], ids=["least", "most"])
def test_the_knowledge_gradient_is_that_of_clipped_values(clip: Clip) -> None:
    generator = torch.Generator().manual_seed(0)
    means = torch.tensor([0.1, -0.3, 0.0, -0.8]).double()
    slopes, left = torch.tensor([[0.1, 1.2, -0.7, 0.3], [0.2, 0.1, 0.5, 1.0]]).double()
    normal = torch.randn(1000, 1, 1, generator=generator, dtype=torch.float64)

    def sampled(means: Tensor, deviations: Tensor) -> Tensor:
        """Means of clipped normal values, `n x k`."""
        return (clip(means + deviations * normal) + clip(means - deviations * normal)).mean(0) / 2

    outcomes = torch.randn(2000, generator=generator, dtype=torch.float64)
    after = sampled(means + outcomes[:, None] * slopes, left)
    now = sampled(means[None], (left.square() + slopes.square()).sqrt())
    expected = float(after.amax(-1).mean() - now.amax())
    found = expected_gain(means, slopes, lambda means: clip.expected(means, left))
    assert float(found) == pytest.approx(expected, abs=0.015)
    assert expected > 0.05
    alone = expected_gain(means[:1], slopes[:1], lambda means: clip.expected(means, left[:1]))
    assert float(alone) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("clip", [Clip(-0.2, is_ceiling=True), Clip(0.3, is_ceiling=False)], ids=["least", "most"])
def test_clipped_normals_exceed_the_best_as_they_do_when_drawn(clip: Clip) -> None:
    generator = torch.Generator().manual_seed(0)
    mean, sd = torch.tensor([-1.0, 0.0, 0.8]).double(), torch.tensor([0.6, 1.2, 0.5]).double()
    best = torch.tensor(-0.5 if clip.is_ceiling else 0.4).double()
    values = clip(mean + sd * torch.randn(400_000, 3, generator=generator, dtype=torch.float64))
    assert clip.expected(mean, sd).tolist() == pytest.approx(values.mean(0).tolist(), abs=5e-3)
    excess = (values - best).clamp(min=0).mean(0)
    assert clip.expected_improvement(best, mean, sd).tolist() == pytest.approx(excess.tolist(), abs=5e-3)


def test_a_gap_well_below_the_floor_gains_nothing_by_being_lower_still() -> None:
    situation, offer = setting(MINIMIZED, constraints=ANY)  # 0 was measured
    gradient = KnowledgeGradient(situation, offer, seed=0)
    rows = torch.arange(N_POOL)
    information = Information.of(situation.surrogate, offer.pool, situation.agreement.trust)
    gain = gradient(rows, information, []).log_value.exp()[:, 0]
    floorless = replace(situation, goals=Goals(situation.goals.problem))
    latent = KnowledgeGradient(floorless, offer, seed=0)(rows, information, []).log_value.exp()[:, 0]
    assert float(gain.max()) < 0.01
    assert float(latent.max()) > 0.04


@pytest.mark.parametrize("kind", SCORERS)
@pytest.mark.parametrize("objective", [MINIMIZED, MAXIMIZED])
def test_every_kind_picks_beside_a_floor(kind: str, objective: Objective) -> None:
    situation, offer = setting(objective, constraints=ANY)
    picks = select(situation, offer, Policy(kind), 5, seed=0)
    assert len({pick.index for pick in picks}) == 5
    if objective is MAXIMIZED:
        chosen = gap(offer.pool[[pick.index for pick in picks]])
        assert float(chosen.mean()) > float(gap(offer.pool).quantile(0.8))


def test_metals_are_picked_where_metals_are_wanted() -> None:
    situation, offer = setting(METALLIC, constraints=ANY, lowest=0.5)
    picks = select(situation, offer, Policy("improvement"), 5, seed=0)
    assert gap(offer.pool[[pick.index for pick in picks]]).max() < 0.3
