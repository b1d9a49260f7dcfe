"""The choice of candidates and rungs."""

from collections.abc import Sequence

import pytest
import torch
from botorch.acquisition.multi_objective import logei
from torch import Tensor

import surrogates
from gfnmat.campaign import acquisition
from gfnmat.campaign.acquisition import Pick, prices, select
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

N_FEATURES = 3


def problem(n_rungs: int, two_objectives: bool = False, constraints: tuple[Constraint, ...] = ()) -> Problem:
    objectives = [Objective(property="a", goal="maximize"), Objective(property="b", goal="minimize")]
    return Problem(
        objectives=tuple(objectives[: 1 + two_objectives]),
        constraints=constraints,
        fidelities=tuple(Fidelity(name=f"f{i}", oracle="pauling", cost=10.0**i) for i in range(n_rungs)),
        budget=Budget(cost=1000),
    )


def truth(features: Tensor) -> Tensor:
    return torch.sin(3 * features[:, 0]) + features[:, 1] ** 2


class Setting:
    """A surrogate fitted to a smooth function at two rungs, the lower one related to it or not."""

    def __init__(self, lower_is_related: bool = True, two_objectives: bool = False) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pool = torch.rand(60, N_FEATURES, generator=generator, dtype=torch.float64)
        known = torch.rand(24, N_FEATURES, generator=generator, dtype=torch.float64)
        lower = 2 * truth(known) + 1 if lower_is_related else torch.randn(24, generator=generator, dtype=torch.float64)
        values = torch.cat([truth(known[:12]), lower])[:, None]
        features = torch.cat([known[:12], known])
        if two_objectives:
            values = torch.cat([values, features[:, 2:]], dim=1)
        self.goals = Goals(problem(2, two_objectives))
        self.surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=2, n_properties=values.shape[1])
        self.surrogate.fit(features, torch.tensor([1] * 12 + [0] * 24), values)
        self.measured = known[:12]
        self.scale = Scale.of(self.goals.utilities(values[:12]))

    def select(
        self,
        costs: Sequence[float],
        n: int = 6,
        budget: float = 1000.0,
        open_pairs: Tensor | None = None,
        pending: Tensor | None = None,
        reserve: float = 0.0,
        seed: int = 0,
    ) -> list[Pick]:
        return select(
            surrogate=self.surrogate,
            goals=self.goals,
            scale=self.scale,
            pool=self.pool,
            open_pairs=torch.ones(60, 2, dtype=torch.bool) if open_pairs is None else open_pairs,
            measured=self.measured,
            pending=self.pool[:0] if pending is None else pending,
            costs=costs,
            n=n,
            budget=budget,
            reserve=reserve,
            seed=seed,
        )


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting()


def test_a_declared_cost_changes_the_choice(setting: Setting) -> None:
    cheap = [pick.rung for pick in setting.select(costs=(0.01, 1.0))]
    dear = [pick.rung for pick in setting.select(costs=(0.9, 1.0))]
    assert cheap.count(0) > dear.count(0)
    assert dear.count(1) > cheap.count(1)


def test_a_lower_rung_that_tells_nothing_is_not_asked_however_cheap() -> None:
    assert all(pick.rung == 1 for pick in Setting(lower_is_related=False).select(costs=(0.001, 1.0)))


def test_the_best_known_direction_is_followed(setting: Setting) -> None:
    best = setting.pool[[pick.index for pick in setting.select(costs=(1.0, 1.0), n=5)]]
    assert truth(best).mean() > truth(setting.pool).quantile(0.7)


@pytest.mark.parametrize("two_objectives", [False, True])
def test_picks_are_distinct_open_and_within_budget(two_objectives: bool) -> None:
    setting = Setting(two_objectives=two_objectives)
    open_pairs = torch.rand(60, 2, generator=torch.Generator().manual_seed(1)) < 0.3
    picks = setting.select(costs=(0.2, 1.0), n=10, budget=4.5, open_pairs=open_pairs)
    assert picks
    assert len({pick.index for pick in picks}) == len(picks)
    assert all(bool(open_pairs[pick.index, pick.rung]) for pick in picks)
    assert sum((0.2, 1.0)[pick.rung] for pick in picks) <= 4.5
    assert all(0 <= pick.share <= 1 for pick in picks)


def test_nothing_below_is_bought_once_the_target_cannot_be_paid(setting: Setting) -> None:
    only_lower = torch.tensor([[True, False]]).expand(60, 2)
    assert len(setting.select(costs=(0.2, 1.0), n=10, budget=1.5, reserve=1.0, open_pairs=only_lower)) == 2
    assert setting.select(costs=(0.2, 1.0), n=10, budget=0.9, reserve=1.0) == []
    assert len(setting.select(costs=(0.2, 1.0), n=10, budget=0.9, open_pairs=only_lower)) == 4


def test_what_is_awaited_is_not_chosen_for_the_same_reason(setting: Setting) -> None:
    first = setting.select(costs=(1.0, 1.0), n=1)[0]
    twin = setting.select(costs=(1.0, 1.0), n=1, pending=setting.pool[[first.index]])[0]
    assert twin.index != first.index or twin.log_improvement < first.log_improvement - 1


def test_one_seed_gives_one_choice_whatever_torch_drew_before(setting: Setting) -> None:
    torch.manual_seed(1)
    first = setting.select(costs=(0.1, 1.0))
    torch.rand(100)
    assert setting.select(costs=(0.1, 1.0)) == first


def test_closed_leaders_do_not_hide_what_is_open(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquisition, "SHORTLIST", 8)
    closed = torch.ones(60, 2, dtype=torch.bool)
    first = setting.select(costs=(1.0, 1.0), n=60)
    closed[[pick.index for pick in first[:50]]] = False
    rest = setting.select(costs=(1.0, 1.0), n=10, open_pairs=closed)
    assert {pick.index for pick in rest} == set(range(60)) - {pick.index for pick in first[:50]}


def test_nothing_is_compiled_on_the_way() -> None:
    assert logei._load_attempted is not None  # the name is BoTorch's own
    Setting(two_objectives=True).select(costs=(1.0, 1.0), n=1)
    assert logei._C is None


def test_a_price_is_the_declared_cost_and_the_confirmation() -> None:
    assert prices((0.1, 0.4, 2.0)).tolist() == pytest.approx([1.1, 1.4, 2.0])
