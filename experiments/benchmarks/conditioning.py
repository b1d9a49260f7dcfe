"""What one conditional sampler gives against enumeration and against several plain ones, and what a warm start saves.

    python experiments/benchmarks/conditioning.py [--seeds 100 101]

A space of 12,580 compositions is enumerated; the settings of training were chosen on another space and other seeds.
The objectives are a high molar mass per atom and a low Pauling energy, each scaled to [0, 1] by its range over the
space; they conflict. They are looked up in a table, so that the time is the sampler's.

1. One conditional sampler: over five preferences, the largest total variation distance to R(x)/Z, the largest error of
   log Z and the smallest correlation of log p with log R, for each of three sharpness values.
2. Hypervolume of 20 draws under each preference, relative to that of the whole space (reference point 0, 0), the mean
   of 20 such drawings: one conditional sampler, five plain ones with twice as many trajectories together (compare the
   calls), and a sampler that was not trained. With more draws the untrained one comes too near for a comparison: in
   seeds 4 to 7 it reached 0.62 to 0.75 with 20 draws, 0.96 with 1,000.
3. A plain sampler trained on reward A and then on a similar reward B, against one trained on B alone for three times as
   many trajectories. The trajectories on A are not counted in these, as one has them already; nor is their time.

Costs: trajectories are sentences drawn in training. Calls are candidates whose reward was asked; a sampler asks once
for each distinct candidate that it draws, and five samplers do not know of each other's (`distinct` counts what they
asked for together). Seconds are those of training alone, of the processor and by the clock.
"""

from __future__ import annotations

import argparse
from time import perf_counter, process_time

import torch
from botorch.utils.multi_objective.pareto import is_non_dominated
from machine import describe
from pymatgen.core import Element
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, GFlowNet
from gfnmat.flow.conditions import Condition, Conditioning
from gfnmat.metrics.hypervolume import hypervolume
from oracles import build

SPACE = CompositionSpace(
    ["Li", "Mg", "Ca", "Al", "Ti", "Fe", "Zn", "Si", "N", "O", "S", "F"], n_elements=(2, 3), n_atoms=(2, 11)
)
CONDITIONING = Conditioning(2, (1.0, 32.0))
PREFERENCES = tuple((w, 1 - w) for w in (0.0, 0.25, 0.5, 0.75, 1.0))
SHARPNESS = (1.0, 5.7, 32.0)
TRAJECTORIES = 320_000
BUDGETS = ((2_000, 4_000), (8_000, 16_000), (32_000, 64_000))  # of the one, and of the five together
DRAWS, DRAWINGS = 20, 20
BEFORE = 32_000
AFTER = (8_000, 16_000, 24_000)


class Table:
    """A property of all members of the space, looked up; it keeps the rows that were asked for."""

    def __init__(self, members: Candidates, values: Tensor) -> None:
        self.values = values
        self._row = {tuple(counts): row for row, counts in enumerate(members.counts.tolist())}
        self.asked: list[Tensor] = []

    def __call__(self, candidates: Candidates) -> Tensor:
        """Of some candidates."""
        self.asked.append(self.rows(candidates))
        return self.values[self.asked[-1]]

    def rows(self, candidates: Candidates) -> Tensor:
        """Where candidates stand among the members."""
        return torch.tensor([self._row[tuple(counts)] for counts in candidates.counts.tolist()])


class Stopwatch:
    """Seconds of the processor and by the clock since it was made."""

    def __init__(self) -> None:
        self._start = process_time(), perf_counter()

    def __str__(self) -> str:
        return f"{process_time() - self._start[0]:7.1f} {perf_counter() - self._start[1]:7.1f}"


def scaled(values: Tensor) -> Tensor:
    """To [0, 1] by the range."""
    return (values - values.min()) / (values.max() - values.min())


def correlation(left: Tensor, right: Tensor) -> float:
    """Pearson's."""
    return float(torch.corrcoef(torch.stack([left.double(), right.double()]))[0, 1])


def distance(log_prob: Tensor, log_reward: Tensor) -> float:
    """Total variation distance of probabilities from R/Z."""
    return float((log_prob.double().exp() - log_reward.double().softmax(0)).abs().sum() / 2)


def above_zero(objectives: Tensor) -> float:
    """Hypervolume above (0, 0)."""
    return hypervolume(objectives, (0, 0))


def against_enumeration(members: Candidates, objectives: Tensor, seed: int) -> None:
    """Prints one line for each sharpness."""
    flow, watch = GFlowNet(SPACE, seed=seed, conditioning=CONDITIONING), Stopwatch()
    flow.fit(Table(members, objectives), trajectories=TRAJECTORIES)
    seconds = str(watch)
    for sharpness in SHARPNESS:
        figures = []
        for preferences in PREFERENCES:
            condition = Condition(preferences, sharpness)
            log_reward = CONDITIONING.log_reward(objectives, CONDITIONING.rows([condition]))[0].double()
            log_prob = flow.log_prob(members, condition=condition)
            error = abs(flow.log_z_of(condition) - float(log_reward.logsumexp(0)))
            figures.append((distance(log_prob, log_reward), error, correlation(log_prob, log_reward)))
        distances, errors, correlations = zip(*figures, strict=True)
        print(
            f"{seed:4}  {sharpness:9.1f}  {max(distances):8.4f}  {max(errors):11.4f}  {min(correlations):11.4f}  "
            f"{seconds}",
            flush=True,
        )


def preferred(members: Candidates, objectives: Tensor, seed: int) -> None:
    """Prints the hypervolumes of what is drawn, a line for each way and budget."""
    whole = above_zero(objectives)

    def line(name: str, budget: int, drawn: list[Tensor], tables: list[Table], seconds: object) -> None:
        asked = torch.cat([torch.zeros(0, dtype=torch.int64), *(rows for table in tables for rows in table.asked)])
        drawings = zip(*(rows.split(DRAWS) for rows in drawn), strict=True)
        share = sum(above_zero(objectives[torch.cat(rows)]) for rows in drawings) / DRAWINGS / whole
        print(
            f"{seed:4}  {name:9}  {budget:12}  {len(asked):6}  {len(asked.unique()):8}  {share:11.4f}  {seconds}",
            flush=True,
        )

    look_up = Table(members, objectives)
    flow = GFlowNet(SPACE, seed=seed)
    n = DRAWS * DRAWINGS
    line("untrained", 0, [look_up.rows(flow.sample(n)) for _ in PREFERENCES], [], f"{0:7.1f} {0:7.1f}")
    for of_one, of_five in BUDGETS:
        table, watch = Table(members, objectives), Stopwatch()
        one = GFlowNet(SPACE, seed=seed, conditioning=CONDITIONING)
        one.fit(table, trajectories=of_one)
        seconds = str(watch)
        drawn = [look_up.rows(one.sample(n, condition=Condition(w, SHARPNESS[-1]))) for w in PREFERENCES]
        line("one", of_one, drawn, [table], seconds)

        tables = [Table(members, SHARPNESS[-1] * (objectives @ torch.tensor(w))) for w in PREFERENCES]
        flows, watch = [GFlowNet(SPACE, seed=seed + 1000 * k) for k in range(len(PREFERENCES))], Stopwatch()
        for flow, table in zip(flows, tables, strict=True):
            flow.fit(table, trajectories=of_five // len(PREFERENCES))
        seconds = str(watch)
        line("separate", of_five, [look_up.rows(flow.sample(n)) for flow in flows], tables, seconds)


def warmed(members: Candidates, before: Tensor, after: Tensor, seed: int) -> None:
    """Prints a line for each number of trajectories, after the other reward and from scratch."""
    table_before, table_after = Table(members, before), Table(members, after)
    for n in AFTER:
        for name, trajectories in (("warm", n), ("scratch", 3 * n)):
            flow = GFlowNet(SPACE, seed=seed)
            if name == "warm":
                flow.fit(table_before, trajectories=BEFORE)
            watch = Stopwatch()
            flow.fit(table_after, trajectories=trajectories)
            seconds = str(watch)
            log_prob = flow.log_prob(members)
            print(
                f"{seed:4}  {name:7}  {trajectories:12}  {distance(log_prob, after):6.4f}  "
                f"{correlation(log_prob, after):11.4f}  {seconds}",
                flush=True,
            )


def main() -> None:
    """Prints the three tables, each for every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    members = SPACE.enumerate()
    counts = members.counts.double()
    masses = torch.tensor([float(Element.from_Z(z + 1).atomic_mass) for z in range(counts.shape[1])])
    heavy = scaled(counts @ masses.double() / counts.sum(1))
    evaluations = build("pauling").evaluate(members.compositions)
    energy = torch.tensor([evaluation.values["formation_energy"] for evaluation in evaluations], dtype=torch.double)
    objectives = torch.stack([heavy, scaled(-energy)], 1).float()
    print(describe("torchgfn", "botorch"))
    print(f"{SPACE}: {len(members)} compositions")
    print(
        f"objectives: correlation {correlation(heavy, -energy):+.3f}, "
        f"{int(is_non_dominated(objectives.double()).sum())} not dominated, hypervolume {above_zero(objectives):.4f}"
    )

    print(f"\none conditional sampler, {TRAJECTORIES} trajectories: the worst of {len(PREFERENCES)} preferences")
    print("seed  sharpness        TV  log Z error  correlation    CPU s  wall s")
    for seed in seeds:
        against_enumeration(members, objectives, seed)

    print(f"\nhypervolume of {DRAWS} draws a preference at sharpness {SHARPNESS[-1]:g}, relative to the whole space")
    print("seed  samplers   trajectories   calls  distinct  hypervolume    CPU s  wall s")
    for seed in seeds:
        preferred(members, objectives, seed)

    before, after = (-4 * energy).float(), (-4 * energy + 4 * (1 - heavy)).float()
    apart = distance(before.double().log_softmax(0), after)
    print(f"\n{BEFORE} trajectories on a reward A and then on B, or on B alone: correlation of their logs ", end="")
    print(f"{correlation(before, after):.3f}, TV between the two targets {apart:.4f}")
    print("seed  start    trajectories      TV  correlation    CPU s  wall s")
    for seed in seeds:
        warmed(members, before, after, seed)


if __name__ == "__main__":
    main()
