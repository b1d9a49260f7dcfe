"""Crystal structure prediction: how many CHGNet single points it takes to find known ground states.

    python experiments/benchmarks/crystal_search.py [--seeds 0 1] [--cost 300] [--processes 2]

For each formula a campaign looks for the lowest formation energy among all crystals of one to a few formula units. A
single point costs 1. The GFlowNet's campaign may also ask the `ionic` estimate at a cost of 0.02, which is charged;
random choice spends everything on single points. Reported: at which single point a structure first matched the known
ground state (pymatgen's StructureMatcher), whether the lowest energy of all matches it, that energy, and the time. The
bins of volume, shape and coordinates leave the energies a few hundredths of an eV above relaxed ones.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from machine import describe
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from gfnmat import Campaign

SIZES = {"NaCl": (2, 8), "MgO": (2, 8), "CaF2": (3, 12), "SrTiO3": (5, 10), "TiO2": (3, 12)}


def ground_state(formula: str) -> Structure:
    """The known ground state, with lattice parameters of the handbooks."""
    halves = [0.5, 0.5, 0.5]
    make = Structure.from_spacegroup
    if formula == "NaCl":
        return make("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], halves])
    if formula == "MgO":
        return make("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], halves])
    if formula == "CaF2":
        return make("Fm-3m", Lattice.cubic(5.46), ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    if formula == "SrTiO3":
        return make("Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], halves, [0.5, 0.5, 0]])
    return make("P4_2/mnm", Lattice.tetragonal(4.594, 2.958), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]])


@dataclass(frozen=True)
class Outcome:
    """What one search found.

    Attributes:
        single_points: how many were spent.
        first_match: at which of them the ground state was first evaluated; None if never.
        lowest_matches: whether the lowest energy is the ground state's.
        lowest: that energy, eV/atom.
        key: of the crystal with that energy.
        seconds: of the whole search.
    """

    formula: str
    method: str
    seed: int
    single_points: int
    first_match: int | None
    lowest_matches: bool
    lowest: float
    key: str
    seconds: float


def search(work: tuple[str, str, int, float]) -> Outcome:
    """One campaign of its own store."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    formula, method, seed, cost = work
    single_point = {"name": "single_point", "oracle": "chgnet", "protocol": "single_point", "cost": 1.0}
    ladder = [{"name": "ionic", "oracle": "ionic", "cost": 0.02}, single_point]
    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign.open(
            {
                "name": f"{formula}-{method}",
                "seed": seed,
                "space": {"kind": "crystal", "formula": formula, "n_atoms": SIZES[formula]},
                "objectives": [{"property": "formation_energy", "goal": "minimize"}],
                "fidelities": [single_point] if method == "random" else ladder,
                "proposer": {"kind": method},
                "acquisition": {"kind": "random" if method == "random" else "auto", "batch_size": 24},
                "budget": {"cost": cost},
                "store": f"sqlite:///{Path(folder) / 'campaign.db'}",
            }
        )
        campaign.run()
        measured = campaign.measurements()
        structures = campaign.structures()
    measured = measured[measured.fidelity == "single_point"].reset_index(drop=True)
    done = measured[measured.status == "done"]
    known, matcher = ground_state(formula), StructureMatcher()
    matches = [
        matcher.fit(structures[f"{row.formula}-{row.id}"], known) if row.status == "done" else False
        for row in measured.itertuples()
    ]
    best = done.formation_energy.idxmin()
    return Outcome(
        formula=formula,
        method=method,
        seed=seed,
        single_points=len(measured),
        first_match=matches.index(True) + 1 if any(matches) else None,
        lowest_matches=matches[best],
        lowest=float(done.formation_energy[best]),
        key=str(measured.key[best]),
        seconds=perf_counter() - start,
    )


def main() -> None:
    """Runs all searches and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--cost", type=float, default=300)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--formulas", nargs="+", default=list(SIZES), choices=list(SIZES))
    arguments = parser.parse_args()
    print(describe("chgnet"))
    work = [
        (formula, method, seed, arguments.cost)
        for formula in arguments.formulas
        for seed in arguments.seeds
        for method in ("gflownet", "random")
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        for outcome in pool.map(search, work):
            first = "never" if outcome.first_match is None else f"at {outcome.first_match}"
            print(
                f"{outcome.formula:7} {outcome.method:9} seed {outcome.seed}: ground state {first} of "
                f"{outcome.single_points} single points; lowest {outcome.lowest:.3f} eV/atom "
                f"{'is it' if outcome.lowest_matches else 'is NOT it'} ({outcome.key}); {outcome.seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
