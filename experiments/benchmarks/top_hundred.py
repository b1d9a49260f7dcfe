"""How alike the best hundred crystals of a trained sampler are.

    python experiments/benchmarks/top_hundred.py [--trajectories 32000] [--samples 2000] [--sharpness 1.5] [--seed 0]

The reward is the formation energy, as in SHAFT, whose published hundred best are eight distinct formulas: here
exp(-b E) with E by the `ionic` oracle, in eV/atom. Crystals are then drawn from the sampler and
from an untrained one, CHGNet's single points judge them, and the hundred of the lowest formation energy count: distinct
formulas, chemical systems and space groups, and materials that pymatgen's StructureMatcher tells apart. Oracle calls of
training are counted and their time is printed.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np
import torch
from machine import describe
from pymatgen.analysis.structure_matcher import StructureMatcher

import oracles
from gfnmat.flow.gflownet import GFlowNet
from gfnmat.space.candidates import Candidates
from gfnmat.space.crystal.space import CrystalSpace

ELEMENTS = ["Li", "Na", "K", "Mg", "Ca", "Sr", "Al", "Si", "Ti", "Zr", "Zn", "B", "C", "N", "O", "F", "P", "S", "Cl"]
WORST = 2.0  # eV/atom, what an infeasible crystal counts as
TOP = 100


class IonicReward:
    """Log reward of crystals by the ionic estimate; it counts what it asks for."""

    def __init__(self, sharpness: float) -> None:
        self.sharpness = sharpness
        self._oracle = oracles.build("ionic")
        self.calls, self.seconds = 0, 0.0

    def __call__(self, candidates: Candidates) -> torch.Tensor:
        """Log rewards, `n`."""
        start = perf_counter()
        energies = energies_of(self._oracle, candidates)
        self.calls += len(candidates)
        self.seconds += perf_counter() - start
        return torch.tensor(-self.sharpness * np.minimum(energies, WORST))


def energies_of(oracle: oracles.Oracle, candidates: Candidates) -> np.ndarray:
    """Formation energies, eV/atom; `WORST` for what cannot be evaluated."""
    answers = oracle.evaluate(candidates.structures)
    return np.array([answer.values.get("formation_energy", WORST) for answer in answers])


def main() -> None:
    """Trains, draws, judges and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=32_000)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sharpness", type=float, default=1.5, help="b, per eV/atom")
    arguments = parser.parse_args()
    print(describe("chgnet"))
    space = CrystalSpace(ELEMENTS, n_elements=(2, 3), n_atoms=(2, 10), commonality="medium")
    print(f"{space}, sharpness {arguments.sharpness} per eV/atom, seed {arguments.seed}")
    judge = oracles.build("chgnet", protocol="single_point")
    untrained = GFlowNet(space, seed=arguments.seed)
    _report("untrained", untrained, judge, arguments.samples)
    trained, reward = GFlowNet(space, seed=arguments.seed), IonicReward(arguments.sharpness)
    start = perf_counter()
    trained.fit(reward, trajectories=arguments.trajectories)
    seconds = perf_counter() - start
    print(
        f"trained on {reward.calls:,} ionic estimates in {seconds:.0f} s, {reward.seconds:.0f} s of them the estimates"
    )
    _report("trained", trained, judge, arguments.samples)


def _report(name: str, flow: GFlowNet, judge: oracles.Oracle, samples: int) -> None:
    drawn, share = flow.sample_distinct(samples)
    start = perf_counter()
    energies = energies_of(judge, drawn)
    seconds = perf_counter() - start
    best = drawn[torch.tensor(energies.argsort()[:TOP].copy())]
    systems = {frozenset(str(element) for element in composition) for composition in best.compositions}
    print(
        f"{name}: {len(drawn)} distinct of {len(drawn) / share:.0f} draws, CHGNet {seconds:.0f} s; mean formation "
        f"energy {energies[energies < WORST].mean():.2f}, of the best {TOP} {np.sort(energies)[:TOP].mean():.2f} "
        f"eV/atom; among these {len(set(best.formulas))} formulas, {len(systems)} chemical systems, "
        f"{len(best.crystals.group.unique())} space groups, {_materials(best)} distinct materials"
    )


def _materials(candidates: Candidates) -> int:
    return len(StructureMatcher().group_structures(list(candidates.structures)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
