"""What choosing the fidelity is worth: the cost of reaching what a single fidelity reaches.

    python experiments/benchmarks/fidelity_choice.py [--seeds 100:110] [--functions branin hartmann] [--methods ...]

Pools of Sobol points on which Branin and Hartmann-6 are the target (cost 1) and a lower rung costs 0.1: either a lower
fidelity of BoTorch's augmented version of the function, or a useless one, a random smooth function of the same mean and
deviation that has nothing to do with it. A campaign's surrogate and selection choose batches of pairs; the first design
is one batch, half of it at the target (a campaign's takes two rounds, and a quarter).

What counts is the gap from the best value measured at the target to the pool's best, against the
cost of everything measured, the first design included.

Printed for each method are the cost at which its median curve is down to where single fidelity's ends, as a share of
the cost at which single fidelity's came there, and the median gaps at a quarter, a half and all of single fidelity's
budget, each with a 90 % bootstrap interval over the seeds. A run ends early once it is where single fidelity typically
ends, so that later gaps are upper bounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
import torch
from botorch.test_functions.multi_fidelity import AugmentedBranin, AugmentedHartmann
from machine import describe
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.selection import Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Fidelity, Objective, Problem

POOL = 1000
COSTS = (0.1, 1.0)
BATCH = 8
BUDGETS = {"branin": 16.0, "hartmann": 40.0}
ROUNDS = 60
LOWEST = {"branin": 0.75, "hartmann": 0.0}  # the augmented functions' fidelity at the lower rung
GRID = np.arange(0, 641) / 10  # costs at which curves are compared
POLICIES = {
    "improvement": Policy("improvement"),
    "entropy_search": Policy("entropy_search"),
    "knowledge_gradient": Policy("knowledge_gradient"),
    "single fidelity": Policy("improvement", fidelity="target"),
    "random fidelity": Policy("improvement", fidelity="random"),
    "random": None,
}


@dataclass(frozen=True)
class Task:
    """A pool with the values of each rung.

    Attributes:
        features: `pool x d`, in the unit cube.
        values: `pool x 2`, to be maximised; the target is the last column.
    """

    features: Tensor
    values: Tensor

    def gap(self, value: float) -> float:
        """By how much the pool's best at the target is better."""
        return float(self.values[:, -1].max()) - value


@dataclass(frozen=True)
class Curve:
    """How the best value at the target grew.

    Attributes:
        costs: of everything measured so far, after each measurement.
        best: the best value at the target then; -inf before the first.
        pairs: what was measured, (row, rung) each, in order.
    """

    costs: np.ndarray
    best: np.ndarray
    pairs: Sequence[tuple[int, int]]

    def at(self, costs: np.ndarray) -> np.ndarray:
        """The best value at the target once this much was spent; -inf before the first."""
        before = np.concatenate([[-np.inf], self.best])
        return before[np.searchsorted(self.costs, costs + 1e-9, side="right")]


def make_task(function: str, informative: bool, seed: int) -> Task:
    """A pool of scrambled Sobol points, and what each rung says of them."""
    augmented = {"branin": AugmentedBranin, "hartmann": AugmentedHartmann}[function](negate=True).double()
    d = augmented.dim - 1
    features = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(POOL, dtype=torch.float64)
    low, high = augmented.bounds[:, :d].double()
    inputs = low + features * (high - low)

    def at(fidelity: float) -> Tensor:
        return augmented(torch.cat([inputs, torch.full_like(inputs[:, :1], fidelity)], dim=1))

    target = at(1.0)
    cheap = at(LOWEST[function]) if informative else _unrelated(features, seed) * target.std() + target.mean()
    return Task(features, torch.stack([cheap, target], dim=1))


def _unrelated(features: Tensor, seed: int) -> Tensor:
    """A draw of a Gaussian process with lengthscale 0.4 (by 200 random Fourier features), standardised, `pool`."""
    generator = torch.Generator().manual_seed(seed)
    frequencies = torch.randn(features.shape[1], 200, generator=generator, dtype=torch.float64) / 0.4
    phases = 2 * torch.pi * torch.rand(200, generator=generator, dtype=torch.float64)
    weights = torch.randn(200, generator=generator, dtype=torch.float64)
    values = torch.cos(features @ frequencies + phases) @ weights
    return (values - values.mean()) / values.std()


def run(task: Task, policy: Policy | None, budget: float, seed: int, until: float = 0.0) -> Curve:
    """One campaign; without a policy, random candidates at the target. It ends where the gap is down to `until`."""
    single = policy is None or policy.fidelity == "target"
    order = torch.randperm(POOL, generator=torch.Generator().manual_seed(seed)).tolist()
    pairs = _first_design(order, single)
    if policy is None:
        pairs = [(row, 1) for row in order[: int(budget / COSTS[1])]]
    for _ in range(ROUNDS):
        left = budget - sum(COSTS[rung] for _, rung in pairs)
        gap = task.gap(max(float(task.values[row, 1]) for row, rung in pairs if rung == 1))
        if policy is None or left < COSTS[0] or gap <= until:
            break
        chosen = _choose(task, policy, pairs, left, seed + len(pairs))
        if not chosen:
            break
        pairs += chosen
    costs = np.cumsum([COSTS[rung] for _, rung in pairs])
    at_target = [float(task.values[row, 1]) if rung == 1 else -np.inf for row, rung in pairs]
    return Curve(costs, np.maximum.accumulate(at_target), pairs)


def _first_design(order: Sequence[int], single: bool) -> list[tuple[int, int]]:
    """Half a batch at the target, and these and as many more at the rung below."""
    if single:
        return [(row, 1) for row in order[:BATCH]]
    half = BATCH // 2
    return [(row, 0) for row in order[: 2 * half]] + [(row, 1) for row in order[:half]]


def _choose(
    task: Task, policy: Policy, pairs: Sequence[tuple[int, int]], budget: float, seed: int
) -> list[tuple[int, int]]:
    rows, rungs = (torch.tensor([pair[part] for pair in pairs]) for part in (0, 1))
    values = task.values[rows, rungs][:, None]
    goals = Goals(
        Problem(
            objectives=(Objective(property="value", goal="maximize"),),
            fidelities=tuple(Fidelity(name=f"rung {i}", oracle="table", cost=cost) for i, cost in enumerate(COSTS)),
            budget=Budget(cost=1000),
        )
    )
    surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=2, n_properties=1, reference=task.features)
    surrogate.fit(task.features[rows], rungs, values)
    at_target = rungs == 1
    situation = Situation(
        surrogate=surrogate,
        goals=goals,
        scale=Scale.of(goals.utilities(values[at_target])),
        measured=task.features[rows[at_target]],
        pending=task.features[:0],
        pending_rungs=rungs[:0],
        agreement=Agreement.of([str(row) for row, _ in pairs], rungs, values, 2),
    )
    open_pairs = torch.ones(POOL, 2, dtype=torch.bool)
    open_pairs[rows, rungs] = False
    offer = Offer(task.features, open_pairs, COSTS, budget, reserve=0.0 if policy.fidelity == "target" else COSTS[-1])
    return [(pick.index, pick.rung) for pick in select(situation, offer, policy, BATCH, seed)]


def bootstrap(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Median, and the 90 % bootstrap interval of the median."""
    array = np.array(values)
    drawn = np.random.default_rng(seed).choice(array, size=(2000, len(array)))
    medians = np.sort(np.median(drawn, axis=1))
    return float(np.median(array)), float(medians[100]), float(medians[1900])


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100:110", help="first:last, the last not included")
    parser.add_argument("--functions", nargs="+", choices=list(BUDGETS), default=list(BUDGETS))
    parser.add_argument("--methods", nargs="+", choices=list(POLICIES), default=list(POLICIES))
    arguments = parser.parse_args()
    seeds = range(*map(int, arguments.seeds.split(":")))
    print(describe("botorch"))
    print(f"pool {POOL}, costs {COSTS}, batches of {BATCH}, seeds {list(seeds)}, budgets {BUDGETS}")
    for function in arguments.functions:
        budget = BUDGETS[function]
        alone = {seed: make_task(function, True, seed) for seed in seeds}
        singles = {seed: run(task, POLICIES["single fidelity"], budget, seed) for seed, task in alone.items()}
        typical = float(np.median([alone[seed].gap(singles[seed].best[-1]) for seed in seeds]))
        for informative in (True, False):
            tasks = alone if informative else {seed: make_task(function, False, seed) for seed in seeds}
            related = np.median([np.corrcoef(task.values.T)[0, 1] for task in tasks.values()])
            print(f"\n{function}, lower rung {'informative' if informative else 'useless'}, correlation {related:.2f}")
            for method in arguments.methods:
                start = process_time()
                curves = dict(singles)
                if method != "single fidelity":
                    most = budget if informative else 1.3 * budget
                    curves = {seed: run(tasks[seed], POLICIES[method], most, seed, until=typical) for seed in seeds}
                _print_row(method, tasks, curves, singles, budget, process_time() - start)


def _print_row(
    method: str,
    tasks: Mapping[int, Task],
    curves: Mapping[int, Curve],
    singles: Mapping[int, Curve],
    budget: float,
    seconds: float,
) -> None:
    optima = np.array([float(task.values[:, 1].max()) for task in tasks.values()])
    own, single = (
        optima[:, None] - np.stack([curve.at(GRID) for curve in some.values()]) for some in (curves, singles)
    )
    chosen = np.random.default_rng(0).integers(len(tasks), size=(2000, len(tasks)))
    ratios = np.sort([_cost_ratio(own[rows], single[rows], budget) for rows in chosen])
    gaps = ", ".join(
        "{:.2g} [{:.2g}, {:.2g}]".format(*bootstrap(own[:, np.searchsorted(GRID, part * budget)]))
        for part in (0.25, 0.5, 1.0)
    )
    print(
        f"{method:18} cost {_cost_ratio(own, single, budget):.2f} [{ratios[100]:.2f}, {ratios[1900]:.2f}]; gap {gaps}; "
        f"{seconds:.0f} CPU s",
        flush=True,
    )


def _cost_ratio(own: np.ndarray, single: np.ndarray, budget: float) -> float:
    """Cost at which a median curve is down to where single fidelity's ends, by the cost at which that one is.

    Args:
        own, single: gaps to the pool's best, `seeds x GRID`.
        budget: at which single fidelity ends.
    """
    ours, theirs = np.median(own, axis=0), np.median(single, axis=0)
    final = theirs[np.searchsorted(GRID, budget)] + 1e-12
    return float(GRID[np.argmax(ours <= final)] / GRID[np.argmax(theirs <= final)]) if (ours <= final).any() else np.inf


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
