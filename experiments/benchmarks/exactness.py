"""Is the sampler's distribution the one it was asked for? Against enumeration.

    python experiments/benchmarks/exactness.py [--trajectories 256000] [--seeds 100 101 102]

A space of more than 5,000 compositions is enumerated; for each reward the total variation distance between the
sampler's exact probabilities and R(x)/Z, the error of log Z and the correlation of log p with log R are printed,
before and after training. The settings were chosen on another space and other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import torch
from machine import describe
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, GFlowNet
from oracles import build

SPACE = CompositionSpace(
    ["Li", "Mg", "Ca", "Al", "Ti", "Fe", "Zn", "Si", "N", "O", "S", "F"], n_elements=(2, 3), n_atoms=(2, 10)
)


def smooth(candidates: Candidates) -> Tensor:
    """Four times the negative Pauling estimate of the formation energy: many good candidates."""
    evaluations = build("pauling").evaluate(candidates.compositions)
    return torch.tensor([-4 * evaluation.values["formation_energy"] for evaluation in evaluations])


def sparse(candidates: Candidates) -> Tensor:
    """High for formulas with exactly four oxygen atoms, low for the others."""
    return torch.where(candidates.counts[:, 7] == 4, 4.0, -2.0)


def rugged(candidates: Candidates) -> Tensor:
    """A sum of waves over the counts: neighbours differ much."""
    waves = torch.sin(candidates.counts.double() @ torch.arange(1.0, 119.0, dtype=torch.float64))
    return (2 * waves).float()


REWARDS: dict[str, Callable[[Candidates], Tensor]] = {"smooth": smooth, "sparse": sparse, "rugged": rugged}


def cached(reward: Callable[[Candidates], Tensor], members: Candidates) -> Callable[[Candidates], Tensor]:
    """The same reward looked up, so that the time is the sampler's."""
    values = dict(zip(map(tuple, members.counts.tolist()), reward(members).tolist(), strict=True))
    return lambda candidates: torch.tensor([values[tuple(row)] for row in candidates.counts.tolist()])


def main() -> None:
    """Prints one line for each reward and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trajectories", type=int, default=256_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    members = SPACE.enumerate()
    print(describe("torchgfn"))
    print(f"{SPACE}: {len(members)} compositions; {arguments.trajectories} trajectories")
    print("reward  seed  TV before  TV after  log Z error  correlation  seconds")
    for name, reward in REWARDS.items():
        log_reward = reward(members).double()
        target, log_z = torch.softmax(log_reward, 0), float(log_reward.logsumexp(0))
        for seed in arguments.seeds:
            flow = GFlowNet(SPACE, seed=seed)
            before = float((flow.log_prob(members).double().exp() - target).abs().sum() / 2)
            start = perf_counter()
            flow.fit(cached(reward, members), trajectories=arguments.trajectories)
            seconds = perf_counter() - start
            log_prob = flow.log_prob(members).double()
            after = float((log_prob.exp() - target).abs().sum() / 2)
            correlation = float(torch.corrcoef(torch.stack([log_prob, log_reward]))[0, 1])
            print(
                f"{name:7} {seed:4}  {before:9.3f}  {after:8.3f}  {flow.log_z - log_z:+11.3f}  {correlation:11.4f}  "
                f"{seconds:7.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
