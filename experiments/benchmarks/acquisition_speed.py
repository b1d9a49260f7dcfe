"""How long a selection takes: a pool of 10,000 at three fidelities, 500 measurements, eight picks.

    python experiments/benchmarks/acquisition_speed.py [--pool 10000] [--measurements 500] [--picks 8] [--deadline 1]

On one thread, for every kind, and for two objectives with a constraint; the surrogate is fitted before the clock
starts. Last comes the time with a deadline, and how many picks were made by then.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import torch
from machine import describe
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.selection import SCORERS, Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Constraint, Fidelity, Objective, Problem

COSTS = (0.05, 0.3, 1.0)
N_FEATURES = 24


def make_situation(pool: Tensor, n: int, several: bool, seed: int) -> Situation:
    """A smooth function, and for several objectives a second one, measured at n (candidate, rung) pairs of the pool."""
    objectives = [Objective(property="a", goal="maximize"), Objective(property="b", goal="minimize")]
    problem = Problem(
        objectives=tuple(objectives[: 1 + several]),
        constraints=(Constraint(property="b", max=0.9),) if several else (),
        fidelities=tuple(Fidelity(name=f"rung {i}", oracle="table", cost=cost) for i, cost in enumerate(COSTS)),
        budget=Budget(cost=1000),
    )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pool), generator=generator)[: n // 2]
    shares = [n // 2, n // 3, n - n // 2 - n // 3]
    rows = torch.cat([order[:share] for share in shares])
    rungs = torch.arange(3).repeat_interleave(torch.tensor(shares))
    bias = 0.2 * (2 - rungs) * torch.cos(5 * pool[rows, 3])
    values = (torch.sin(3 * pool[rows, 0]) + pool[rows, 1].square() + torch.cos(4 * pool[rows, 2]) + bias)[:, None]
    if several:
        values = torch.cat([values, pool[rows, 4:5] + 0.3 * bias[:, None]], dim=1)
    surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=3, n_properties=values.shape[1], reference=pool)
    surrogate.fit(pool[rows], rungs, values)
    goals = Goals(problem)
    return Situation(
        surrogate=surrogate,
        goals=goals,
        scale=Scale.of(goals.utilities(values[rungs == 2])),
        measured=pool[rows[rungs == 2]],
        pending=pool[:0],
        pending_rungs=rungs[:0],
        agreement=Agreement.of([str(row) for row in rows.tolist()], rungs, values, 3),
    )


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=int, default=10_000)
    parser.add_argument("--measurements", type=int, default=500)
    parser.add_argument("--picks", type=int, default=8)
    parser.add_argument("--deadline", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(describe("botorch"))
    generator = torch.Generator().manual_seed(arguments.seed)
    pool = torch.rand(arguments.pool, N_FEATURES, generator=generator, dtype=torch.float64)
    offer = Offer(pool, torch.ones(arguments.pool, 3, dtype=torch.bool), COSTS, budget=1000.0, reserve=1.0)
    for several in (False, True):
        situation = make_situation(pool, arguments.measurements, several, arguments.seed)
        for kind in ["improvement"] if several else list(SCORERS):
            start = perf_counter()
            picks = select(situation, offer, Policy(kind), arguments.picks, arguments.seed)
            seconds = perf_counter() - start
            start = perf_counter()
            hurried = select(
                situation, offer, Policy(kind, deadline=arguments.deadline), arguments.picks, arguments.seed
            )
            late = perf_counter() - start
            print(
                f"{kind:18} {'2 objectives, 1 constraint' if several else '1 objective':27} {seconds:5.1f} s, "
                f"rungs {[pick.rung for pick in picks]}; deadline {arguments.deadline:g} s: {late:.1f} s, "
                f"{len(hurried)} picks",
                flush=True,
            )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
