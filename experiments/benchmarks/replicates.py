"""What measuring the same again is worth where the target is noisy: the true value of what a campaign recommends.

    python experiments/benchmarks/replicates.py [--seeds 100:110] [--functions branin hartmann] [--noise 0.1 0.5 1.0]
        [--kinds entropy_search knowledge_gradient improvement] [--most 1 4]

Pools of Sobol points on which Branin or Hartmann-6 is the only rung, with normal noise of a given share of the
function's deviation over the pool. A campaign's surrogate and selection choose batches, of candidates that were
measured less than `most` times. The same candidate's first, second ... answers are the same in every campaign of a
seed.

Printed is the median gap from the pool's best true value to the true value of the recommended candidate, in deviations
of the function, at a quarter, a half and all of the budget, with a 90 % bootstrap interval over the seeds; for two ways
to recommend: the largest mean of measurements (what `Campaign.pareto` shows) and the largest posterior mean among what
was measured. Then the median of how many of the measurements were replicates; and for more than one `most` the mean of
the differences of paired seeds at the end from the first, again with its interval (below 0: replicates pay).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
import torch
from botorch.test_functions import Branin, Hartmann
from fidelity_choice import bootstrap
from machine import describe
from torch import Tensor

import surrogates
from gfnmat.campaign.acquisition.agreement import Agreement
from gfnmat.campaign.acquisition.information import rung_noise
from gfnmat.campaign.acquisition.selection import SCORERS, Policy, select
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.replicates import Replication
from gfnmat.campaign.scores import Scale
from gfnmat.problem import Budget, Fidelity, Objective, Problem
from surrogates import Surrogate

POOL = 1000
BATCH = 8
BUDGET = 72
FUNCTIONS = {"branin": Branin, "hartmann": Hartmann}
WAYS = ("mean of measurements", "posterior mean")


@dataclass(frozen=True)
class Task:
    """A pool, what is true of it, and what would be measured.

    Attributes:
        features: `pool x d`, in the unit cube.
        truth: `pool`, in deviations of the function, the best at 0.
        answers: `pool x BUDGET`, the first, second ... measurement of each candidate.
    """

    features: Tensor
    truth: Tensor
    answers: Tensor

    @classmethod
    def make(cls, function: str, noise: float, seed: int) -> Task:
        """Noise is in deviations of the function."""
        made = FUNCTIONS[function](negate=True).double()
        features = torch.quasirandom.SobolEngine(made.dim, scramble=True, seed=seed).draw(POOL, dtype=torch.float64)
        low, high = made.bounds.double()
        values = made(low + features * (high - low))
        truth = (values - values.max()) / values.std()
        normal = torch.randn(POOL, BUDGET, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return cls(features, truth, truth[:, None] + noise * normal)


@dataclass
class Ledger:
    """What a campaign measured so far.

    Attributes:
        task: what it is about.
        rows: of the pool, in the order of measurement.
    """

    task: Task
    rows: list[int]

    @property
    def counts(self) -> Tensor:
        """How often each candidate was measured, `pool` integers."""
        return torch.bincount(torch.tensor(self.rows), minlength=POOL)

    @property
    def values(self) -> Tensor:
        """What was measured, `n`."""
        seen: dict[int, int] = {}
        told = []
        for row in self.rows:
            told.append(self.task.answers[row, seen.get(row, 0)])
            seen[row] = seen.get(row, 0) + 1
        return torch.stack(told)

    @property
    def means(self) -> Tensor:
        """Mean of the measurements of each candidate, `pool`; -inf where there are none."""
        rows = torch.tensor(self.rows)
        sums = torch.zeros(POOL, dtype=torch.float64).index_add(0, rows, self.values)
        return torch.where(self.counts > 0, sums / self.counts.clamp(min=1), -torch.inf)


def run(task: Task, kind: str, most: int, seed: int) -> tuple[np.ndarray, float]:
    """One campaign: gaps of what it would recommend, `ways x batches`, and its share of replicates."""
    goals = Goals(
        Problem(
            objectives=(Objective(property="value", goal="maximize"),),
            fidelities=(Fidelity(name="noisy", oracle="python", cost=1.0, replicates=most),),
            budget=Budget(cost=BUDGET),
        )
    )
    ledger = Ledger(task, torch.randperm(POOL, generator=torch.Generator().manual_seed(seed))[:BATCH].tolist())
    gaps = []
    while True:
        surrogate = _learned(ledger)
        believed = torch.where(ledger.counts > 0, surrogate.predict(task.features).mean[:, 0], -torch.inf)
        gaps.append([-float(task.truth[scores.argmax()]) for scores in (ledger.means, believed)])
        if len(ledger.rows) >= BUDGET:
            break
        ledger.rows += _choose(ledger, surrogate, goals, Policy(kind), most, seed + len(ledger.rows))
    return np.array(gaps).T, 1 - int((ledger.counts > 0).sum()) / len(ledger.rows)


def _learned(ledger: Ledger) -> Surrogate:
    features = ledger.task.features
    surrogate = surrogates.build("multi_fidelity_gp", n_fidelities=1, n_properties=1, reference=features)
    surrogate.fit(features[ledger.rows], torch.zeros(len(ledger.rows), dtype=torch.long), ledger.values[:, None])
    return surrogate


def _choose(ledger: Ledger, surrogate: Surrogate, goals: Goals, policy: Policy, most: int, seed: int) -> list[int]:
    features, values = ledger.task.features, ledger.values[:, None]
    names, rungs = [str(row) for row in ledger.rows], torch.zeros(len(ledger.rows), dtype=torch.long)
    noise = rung_noise(surrogate, features[:1], 1)
    replication = Replication.of([most], noise, names, rungs, values)
    situation = Situation(
        surrogate=surrogate,
        goals=goals,
        scale=Scale.of(goals.utilities(ledger.means[ledger.counts > 0][:, None])),
        measured=features[ledger.counts > 0],
        pending=features[:0],
        pending_rungs=rungs[:0],
        agreement=Agreement.of(names, rungs, values, 1),
    )
    offer = Offer(
        pool=features,
        open_pairs=ledger.counts[:, None] < replication.most[0],
        costs=(1.0,),
        budget=float(BUDGET - len(ledger.rows)),
        answered=(ledger.counts > 0)[:, None],
        untried=replication.untried,
    )
    return [pick.index for pick in select(situation, offer, policy, BATCH, seed)]


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="100:110", help="first:last, the last not included")
    parser.add_argument("--functions", nargs="+", choices=list(FUNCTIONS), default=list(FUNCTIONS))
    parser.add_argument("--noise", nargs="+", type=float, default=[0.1, 0.5, 1.0])
    parser.add_argument("--kinds", nargs="+", choices=list(SCORERS), default=list(SCORERS))
    parser.add_argument("--most", nargs="+", type=int, default=[1, 4])
    arguments = parser.parse_args()
    seeds = range(*map(int, arguments.seeds.split(":")))
    print(describe("botorch"))
    print(f"pool {POOL}, {BUDGET} measurements in batches of {BATCH}, seeds {list(seeds)}")
    for function in arguments.functions:
        for noise in arguments.noise:
            tasks = {seed: Task.make(function, noise, seed) for seed in seeds}
            for kind in arguments.kinds:
                ends: list[np.ndarray] = []
                for most in arguments.most:
                    start = process_time()
                    gaps, shares = zip(*(run(tasks[seed], kind, most, seed) for seed in seeds), strict=True)
                    ends.append(np.stack(gaps)[:, :, -1])
                    print(f"\n{function}, noise {noise:g}, {kind}, at most {most}: ", end="")
                    print(f"{np.median(shares):.0%} replicates; {process_time() - start:.0f} CPU s")
                    _print_gaps(np.stack(gaps), ends)


def _print_gaps(gaps: np.ndarray, ends: Sequence[np.ndarray]) -> None:
    """Gaps, `seeds x ways x batches`, and the last ones of this and the earlier `most`, `seeds x ways` each."""
    batches = gaps.shape[2]
    for way, name in enumerate(WAYS):
        places = [round(part * batches) - 1 for part in (0.25, 0.5, 1.0)]
        texts = ("{:.2f} [{:.2f}, {:.2f}]".format(*bootstrap(gaps[:, way, place])) for place in places)
        print(f"  {name:20} gap {', '.join(texts)}", end="")
        if len(ends) > 1:
            difference = ends[-1][:, way] - ends[0][:, way]
            drawn = np.random.default_rng(0).choice(difference, size=(2000, len(difference))).mean(axis=1)
            low, high = np.sort(drawn)[[100, 1900]]
            print(f"; less the first's {difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]", end="")
        print(flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
