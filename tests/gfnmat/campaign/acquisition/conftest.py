"""A surrogate fitted to a smooth function at two rungs, and selections from it."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.pick import Pick
from gfnmat.campaign.acquisition.selection import Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

N_FEATURES = 3
N_POOL = 60
N_SHARED = 12


def problem(objectives: Sequence[Objective], constraints: tuple[Constraint, ...] = ()) -> Problem:
    return Problem(
        objectives=tuple(objectives),
        constraints=constraints,
        fidelities=tuple(Fidelity(name=f"f{i}", oracle="pauling", cost=10.0**i) for i in range(2)),
        budget=Budget(cost=1000),
    )


def truth(features: Tensor) -> Tensor:
    return torch.sin(3 * features[:, 0]) + features[:, 1] ** 2


class Setting:
    """Twelve candidates measured at both rungs and as many at the lower one, which is related to the target or not."""

    def __init__(
        self,
        lower_is_related: bool = True,
        objectives: Sequence[Objective] = (Objective(property="a", goal="maximize"),),
        constraints: tuple[Constraint, ...] = (),
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pool = torch.rand(N_POOL, N_FEATURES, generator=generator, dtype=torch.float64)
        known = torch.rand(2 * N_SHARED, N_FEATURES, generator=generator, dtype=torch.float64)
        random = torch.randn(2 * N_SHARED, generator=generator, dtype=torch.float64)
        lower = 2 * truth(known) + 1 if lower_is_related else random
        values = torch.cat([truth(known[:N_SHARED]), lower])[:, None]
        features = torch.cat([known[:N_SHARED], known])
        goals = Goals(problem(objectives, constraints))
        if len(goals.problem.properties) > 1:
            values = torch.cat([values, features[:, 2:]], dim=1)
        rungs = torch.tensor([1] * N_SHARED + [0] * 2 * N_SHARED)
        surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=2, n_properties=values.shape[1])
        surrogate.fit(features, rungs, values)
        names = [str(i) for i in [*range(N_SHARED), *range(2 * N_SHARED)]]
        self.values = values
        self.situation = Situation(
            surrogate=surrogate,
            goals=goals,
            scale=Scale.of(goals.utilities(values[:N_SHARED])),
            measured=known[:N_SHARED],
            pending=known[:0],
            pending_rungs=rungs[:0],
            agreement=Agreement.of(names, rungs, values, 2),
        )

    def offer(
        self,
        costs: tuple[float, ...] = (0.1, 1.0),
        budget: float = 1000.0,
        open_pairs: Tensor | None = None,
        reserve: float = 0.0,
        log_feasibility: Tensor | None = None,
    ) -> Offer:
        if open_pairs is None:
            open_pairs = torch.ones(len(self.pool), 2, dtype=torch.bool)
        return Offer(self.pool, open_pairs, costs, budget, reserve, log_feasibility)

    def select(self, offer: Offer | None = None, kind: str = "improvement", n: int = 6, seed: int = 0) -> list[Pick]:
        return select(self.situation, offer or self.offer(), Policy(kind), n, seed)


@pytest.fixture(scope="session")
def setting() -> Setting:
    """One objective, and a lower rung that tells of it."""
    return Setting()


@pytest.fixture(scope="session")
def make_setting() -> Callable[..., Setting]:
    """Other settings."""
    return Setting


@pytest.fixture(scope="session")
def value() -> Callable[[Tensor], Tensor]:
    """The target's value, `n x d` to `n`."""
    return truth
