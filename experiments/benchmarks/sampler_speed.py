"""How fast the sampler writes and learns compositions, and what of that is the policy's forward passes.

    python experiments/benchmarks/sampler_speed.py [--seed 0]

The space has 52 elements, up to five kinds and 20 atoms; batches of 1,024, one thread and two. All is timed in turn,
fifteen times, and the best of each counts, since others may use the machine. Trained means drawn, rewarded and learned
from: `fit` at its own settings, divided by the sentences drawn. The forward passes are timed on the states that were
asked about while drawing, a batch at a time: once for each sentence, as a sampler does that knows no better, and once
for each distinct state, as this one does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import torch
from machine import describe

from gfnmat import Candidates, CompositionSpace, GFlowNet
from gfnmat.flow.rollout import written
from gfnmat.flow.table import without_repetition
from gfnmat.flow.trainer import Training

ELEMENTS = [
    *("Li", "Be", "B", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Sc", "Ti", "V", "Cr"),
    *("Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Ag"),
    *("Cd", "In", "Sn", "Sb", "Te", "I", "Cs", "Ba", "La", "Hf", "Ta", "W", "Pb", "Bi"),
]
BATCH = 1024
ROUNDS = 15


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    print(describe("torchgfn"))
    space = CompositionSpace(ELEMENTS, n_elements=(2, 5), n_atoms=(2, 20))
    print(f"{len(ELEMENTS)} elements; {space}")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        flow = GFlowNet(space, seed=seed, threads=threads)
        flow.fit(reward, trajectories=8 * BATCH)
        each, distinct = _passes(flow)
        sampling, of_each, of_distinct, training = _seconds(
            lambda flow=flow: flow.sample(BATCH, batch_size=BATCH),
            each,
            distinct,
            lambda flow=flow: flow.fit(reward, 8 * BATCH, Training(batch_size=BATCH)),
        )
        print(
            f"{threads} threads: {BATCH / sampling:,.0f} sampled and {8 * BATCH / training:,.0f} trained a second",
            end="; ",
        )
        print(f"sampling takes {sampling / of_each:.2f} times the passes for each sentence", end=", ")
        print(f"{sampling / of_distinct:.2f} times those for each distinct state")


def reward(candidates: Candidates) -> torch.Tensor:
    """Oxygen is good."""
    return 4 * candidates.counts[:, 7] / candidates.counts.sum(1)


def _passes(flow: GFlowNet) -> tuple[Callable[[], None], Callable[[], None]]:
    """The policy's forward passes for one batch: for each sentence, and for each distinct state."""
    environment, policy = flow.environment, flow._policy
    asked = [
        (states, masks, environment.words_of(part.question))
        for part in written(environment, policy, BATCH).asked
        for states, masks in zip(part.states.split(BATCH), part.masks.split(BATCH), strict=True)
    ]
    kinds = [without_repetition(states)[0] for states, _, _ in asked]
    few = [(states[rows], masks[rows], words) for (states, masks, words), rows in zip(asked, kinds, strict=True)]

    @torch.no_grad()
    def passes(questions: list[tuple[torch.Tensor, torch.Tensor, slice]]) -> None:
        for states, masks, words in questions:
            policy.next_word(states, masks, words=words)

    return lambda: passes(asked), lambda: passes(few)


def _seconds(*works: Callable[[], object]) -> list[float]:
    """The best time of each; a first round does not count."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(1 + ROUNDS):
        for work, of_work in zip(works, times, strict=True):
            start = perf_counter()
            work()
            of_work.append(perf_counter() - start)
    return [min(of_work[1:]) for of_work in times]


if __name__ == "__main__":
    main()
