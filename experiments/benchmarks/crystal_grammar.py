"""The crystal grammar: speed, and whether every crystal that it writes is what its sentence says.

    python experiments/benchmarks/crystal_grammar.py [--samples 100000] [--seed 0]

Spaces of five and of ten elements, up to five kinds, up to 20 atoms in the primitive cell, all 230 groups. The sampler
is untrained. Rates are of one process on one thread and on two, at batch 512, the median of eleven, and ask for idle
cores. Every sample of the space of ten is decoded and compared with its sentence: the formula, neutrality by SMACT with
pinned options, and symmetry: the operations of the sentence's space group are looked for among those that spglib finds
in the structure.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from multiprocessing import Pool
from statistics import median
from time import perf_counter

import numpy as np
import spglib
import torch
from machine import describe
from pymatgen.core import Structure
from smact.screening import ICSD24FilterConfig, smact_validity

from gfnmat.flow.gflownet import GFlowNet, Training
from gfnmat.space.candidates import Candidates
from gfnmat.space.crystal.space import CrystalSpace
from gfnmat.space.structure.decoding import PRIMITIVE_VECTORS
from gfnmat.space.structure.wyckoff import load_wyckoff_tables
from oracles.potential.guards import CLOSEST_CONTACT, closest_contact

FIVE = ["Li", "Mg", "Ti", "O", "F"]
TEN = ["Li", "Na", "Mg", "Al", "Ti", "N", "O", "F", "S", "Cl"]
PROCESSES = 2
TOLERANCE = 1e-3  # A, of spglib


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(describe())
    start = perf_counter()
    load_wyckoff_tables()
    loaded = perf_counter()
    five, ten = (CrystalSpace(e, n_elements=(2, 5), n_atoms=(2, 20), commonality="medium") for e in (FIVE, TEN))
    built = perf_counter()
    flow = GFlowNet(ten, seed=arguments.seed)
    ready = perf_counter()
    print(f"{ten}\nWyckoff tables {loaded - start:.2f} s, tables of two spaces {built - loaded:.2f} s, ", end="")
    print(f"environment and policy {ready - built:.2f} s")
    for threads in (1, 2):
        _print_rates(five, threads, arguments.seed)
        _print_rates(ten, threads, arguments.seed)
    torch.set_num_threads(1)
    some = flow.sample(512)
    start = perf_counter()
    _ = some.structures
    print(f"decoded: {(perf_counter() - start) / len(some) * 1e3:.2f} ms a structure")

    _judge(flow, arguments.samples)


def _print_rates(space: CrystalSpace, threads: int, seed: int) -> None:
    """Crystals a second, sampled and trained."""
    torch.set_num_threads(threads)
    flow = GFlowNet(space, seed=seed, threads=threads)
    sampled = _rate(lambda: flow.sample(512, batch_size=512))

    def reward(candidates: Candidates) -> torch.Tensor:
        return -0.1 * candidates.counts.sum(1).float()

    def train() -> None:  # a sampler that was trained before would begin with what it learned from then
        GFlowNet(space, seed=seed, threads=threads).fit(reward, trajectories=512, training=Training(batch_size=512))

    trained = _rate(train)
    print(
        f"{len(space.elements)} elements, {threads} threads: {sampled:,.0f} sampled and {trained:,.0f} trained a second"
    )


def _rate(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(11):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return 512 / median(times)


def _judge(flow: GFlowNet, samples: int) -> None:
    config = ICSD24FilterConfig(consensus=3, commonality="medium")
    formulas: set[str] = set()
    neutral, verdicts = {}, []
    with Pool(PROCESSES) as pool:
        for _ in range(0, samples, 4096):
            batch = flow.sample(min(4096, samples - len(verdicts)))
            formulas.update(batch.formulas)
            work = list(zip(batch.structures, batch.compositions, batch.crystals.group.tolist(), strict=True))
            verdicts += pool.map(_verdict, work, chunksize=128)
    for formula in formulas:
        neutral[formula] = smact_validity(
            formula, include_alloys=False, check_metallicity=False, mixed_valence=False, icsd_filter=config
        )
    table = np.array(verdicts, dtype=float)
    print(f"{len(table):,} samples, {len(formulas):,} formulas; neutral {np.mean(list(neutral.values())):.4%}")
    for name, column in (
        ("decoded with the formula of the sentence", 0),
        ("spglib finds the group of the sentence or a supergroup", 1),
        ("spglib finds just this group", 2),
    ):
        print(f"{name}: {table[:, column].mean():.4%}")
    print(f"no two atoms within 0.5 A: {(table[:, 3] > 0.5).mean():.2%}")
    print(f"no two atoms within 0.7 of the sum of their radii: {(table[:, 4] >= CLOSEST_CONTACT).mean():.2%}")


def _verdict(work: tuple[Structure, object, int]) -> tuple[bool, bool, bool, float, float]:
    structure, composition, group = work
    cell = (structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure])
    found = spglib.get_symmetry_dataset(cell, symprec=TOLERANCE)
    same = found is not None and found.number == group
    holds = same or (found is not None and _contains(found, group))
    ratio, _, _ = closest_contact(structure)
    _, _, _, distances = structure.get_neighbor_list(2.0)
    return structure.composition == composition, holds, same, float(min(distances, default=2.0)), ratio


def _contains(found: spglib.SpglibDataset, group: int) -> bool:
    """Whether all operations of the group, in the primitive cell of its setting, are among those that were found."""
    rotations, translations = _operations(group)
    for rotation, translation in zip(rotations, translations, strict=True):
        alike = (found.rotations == rotation).all((1, 2))
        difference = found.translations[alike] - translation
        if not (np.abs(difference - difference.round()) < 0.01).all(1).any():
            return False
    return True


@cache
def _operations(group: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations and translations of a group in its primitive cell."""
    tables = load_wyckoff_tables()
    listed = spglib.get_symmetry_from_database(int(tables.hall[group - 1]))
    vectors = np.array(PRIMITIVE_VECTORS[tables.centring_letter[group - 1]]).T
    inverse = np.linalg.inv(vectors)
    rotations = np.rint(inverse @ listed["rotations"] @ vectors).astype(int)
    return rotations, listed["translations"] @ inverse.T


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
