"""Is the sampler's distribution the one it was asked for? Against enumeration, and where that ends.

    python experiments/benchmarks/exactness.py [--seeds 100 101 102] [--threads 1]

Spaces of compositions and of crystals with more than 10,000 members are enumerated; for each reward, after training:
total variation distance between the sampler's exact probabilities and the target's (for crystals prior times reward),
the error of log Z, the correlation of log p (less the log prior) with log R over all members, how many rewards were
asked for, and seconds. Then a space of compositions that cannot be enumerated: correlation over held-out formulas,
which were drawn by another sampler, and the variance of log target less log p over the sampler's own draws. `scattered`
has its hits at random, 1 in 100: there is nothing to learn but by finding each. The settings were chosen on other
spaces, rewards and seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter, process_time

import torch
from machine import describe
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace, GFlowNet
from gfnmat.space.design_space import DesignSpace
from oracles import build

Reward = Callable[[Candidates], Tensor]
ELEMENTS = ["Li", "Mg", "Ca", "Al", "Ti", "Fe", "Zn", "Si", "N", "O", "S", "F"]
MISS = -10.0  # log reward of what is no hit, where the others have 0


def pauling(candidates: Candidates) -> Tensor:
    """Four times the negative Pauling estimate of the formation energy: many good candidates."""
    evaluations = build("pauling").evaluate(candidates.compositions)
    return torch.tensor([-4 * evaluation.values["formation_energy"] for evaluation in evaluations])


def sparse(candidates: Candidates) -> Tensor:
    """High for formulas with exactly four oxygen atoms, low for the others."""
    return torch.where(candidates.counts[:, 7] == 4, 4.0, -2.0)


def zero_one(candidates: Candidates) -> Tensor:
    """Hits are the oxides and nitrides that hold iron or titanium."""
    counts = candidates.counts
    hits = ((counts[:, 25] > 0) | (counts[:, 21] > 0)) & ((counts[:, 7] > 0) | (counts[:, 6] > 0))
    return torch.where(hits, 0.0, MISS)


def rugged(candidates: Candidates) -> Tensor:
    """A sum of waves over the counts: neighbours differ much."""
    waves = torch.sin(candidates.counts.double() @ torch.arange(1.0, 119.0, dtype=torch.float64))
    return (2 * waves).float()


def scattered(candidates: Candidates) -> Tensor:
    """One formula in a hundred is a hit, without any order."""
    noise = torch.sin(candidates.counts.double() @ torch.linspace(1e3, 9e3, 118, dtype=torch.float64) ** 1.5) * 1e4
    return torch.where((noise - noise.floor()) < 0.01, 0.0, MISS)


def symmetric(candidates: Candidates) -> Tensor:
    """Rises with the number of the space group and falls with the distance from the predicted volume."""
    assert candidates.crystals is not None
    crystals = candidates.crystals
    return ((crystals.group - 195) / 10 - 0.3 * (crystals.volume - 5).abs()).float()


def zero_one_crystals(candidates: Candidates) -> Tensor:
    """Hits are the ternary oxides in the groups from 215 on."""
    assert candidates.crystals is not None
    ternary = (candidates.counts > 0).sum(1) == 3
    return torch.where(ternary & (candidates.crystals.group >= 215), 0.0, MISS)


COMPOSITIONS = CompositionSpace(ELEMENTS, n_elements=(2, 3), n_atoms=(2, 11))
CRYSTALS = CrystalSpace(
    ["Mg", "Sr", "Ca", "Ba", "Zr", "O"], n_elements=(2, 3), n_atoms=(2, 6), crystal_systems=["cubic"]
)
CASES: list[tuple[DesignSpace, int, dict[str, Reward]]] = [
    (COMPOSITIONS, 192_000, {"smooth": pauling, "sparse": sparse, "zero-one": zero_one, "rugged": rugged}),
    (COMPOSITIONS, 960_000, {"rugged": rugged}),
    (COMPOSITIONS, 1_920_000, {"scattered": scattered}),
    (CRYSTALS, 32_000, {"smooth": symmetric, "zero-one": zero_one_crystals}),
]
LARGE = CompositionSpace([*ELEMENTS, "Na", "K", "Mn", "Ni", "Cu", "P", "Cl"], n_elements=(2, 5), n_atoms=(2, 20))


def cached(reward: Reward, members: Candidates) -> tuple[Reward, set[str]]:
    """The same reward looked up, so that the time is the sampler's, and the keys that were asked for."""
    values = dict(zip(members.keys, reward(members).tolist(), strict=True))
    asked: set[str] = set()

    def looked_up(candidates: Candidates) -> Tensor:
        asked.update(candidates.keys)
        return torch.tensor([values[key] for key in candidates.keys])

    return looked_up, asked


def main() -> None:
    """Prints one line for each space, reward and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(describe("torchgfn"))
    for space, trajectories, rewards in CASES:
        members = space.enumerate()
        print(f"{space}: {len(members):,} members; {trajectories:,} trajectories")
        print("reward     seed  TV before  TV after  log Z error  correlation   asked  seconds (CPU)")
        for of_reward, reward in rewards.items():
            for seed in arguments.seeds:
                looked_up, asked = cached(reward, members)
                flow = GFlowNet(space, seed=seed, threads=arguments.threads)
                before = flow.diagnose(reward)
                wall, busy = perf_counter(), process_time()
                flow.fit(looked_up, trajectories=trajectories)
                wall, busy = perf_counter() - wall, process_time() - busy
                after = flow.diagnose(reward)
                print(
                    f"{of_reward:9}  {seed:4}  {before.total_variation:9.3f}  {after.total_variation:8.4f}  "
                    f"{after.log_z_error:+11.4f}  {after.correlation:11.4f}  {len(asked):6,}  {wall:7.1f} ({busy:.1f})",
                    flush=True,
                )
    print(f"not enumerated: {LARGE}; 192,000 trajectories; 4,000 draws and 2,000 held-out formulas")
    print("reward     seed  correlation  variance of log R - log p  effective share  log Z error (importance sampling)")
    held = GFlowNet(LARGE, seed=99).sample(2000).distinct()
    for of_reward, reward in (("smooth", pauling), ("zero-one", zero_one)):
        for seed in arguments.seeds:
            flow = GFlowNet(LARGE, seed=seed, threads=arguments.threads)
            flow.fit(reward, trajectories=192_000)
            found = flow.diagnose(reward, n=4000, candidates=held)
            print(
                f"{of_reward:9}  {seed:4}  {found.correlation:11.4f}  {found.gap_variance:26.4f}  "
                f"{found.effective_share:15.3f}  {found.log_z_error:+.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
