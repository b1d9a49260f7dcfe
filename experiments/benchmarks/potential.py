"""Speed and accuracy of CHGNet's protocols, and what becomes of crystals that nobody would compute.

    python experiments/benchmarks/potential.py [--energies mp_formation_energy.csv.gz] [--crystals 10000] [--seed 0]

1. Single points a second, in one call of 512 crystals of two and of five atoms; equations of state of 64 of five.
2. Formation energies of 30 binary and ternary compounds, each a formula alone, realised on prototypes and relaxed,
   beside the lowest energy that a table (columns `formula` and `formation_energy_per_atom`, eV/atom) has for the
   formula. The Materials Project's are corrected for oxides, sulphides and others; CHGNet was trained on them.
3. Bulk moduli of 15 compounds by the same relaxations, beside values measured at room temperature (GPa) as handbooks
   of physics give them; sources differ by a few percent.
4. Crystals drawn from an untrained sampler of crystals through single points: none may raise, hang, or pass a number
   that is not physical. Counted is what becomes of them; the slowest batch of 100 tells of what hangs.

Nothing was fitted to these compounds here. Printed are all of them, failures too.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from machine import describe
from pymatgen.core import Composition, Lattice, Structure

import oracles
from gfnmat.flow.gflownet import GFlowNet
from gfnmat.space.crystal.space import CrystalSpace
from oracles import PROPERTIES, Evaluation

COMPOUNDS = (
    "LiF", "NaCl", "KBr", "SrO", "CaO", "BaO", "Li2O", "Na2O", "CaF2", "MgF2", "ZrO2", "TiN", "ZnO", "Al2O3", "Cr2O3",
    "ZnS", "CdS", "MgS", "AlN", "GaN", "BN", "SiC", "AlP", "GaAs", "Mg2Si", "NiAl", "SrTiO3", "BaTiO3", "MgAl2O4",
    "LiAlO2",
)  # fmt: skip

BULK_MODULI = {
    "LiF": 67.0, "NaCl": 24.5, "KBr": 14.8, "MgO": 162.0, "CaO": 114.0, "CaF2": 82.0, "TiO2": 211.0, "Al2O3": 254.0,
    "ZnS": 77.0, "AlN": 205.0, "SiC": 224.0, "GaAs": 75.0, "NiAl": 158.0, "SrTiO3": 174.0, "MgAl2O4": 197.0,
}  # fmt: skip

ELEMENTS = ("Li", "Na", "Mg", "Ca", "Al", "Ti", "Fe", "Si", "O", "F", "S", "N", "Cl")


def speed() -> None:
    """Print the rates of single points and equations of state."""
    pairs = [("Na", "Cl"), ("Mg", "O"), ("Li", "F"), ("K", "Br"), ("Ca", "S")]
    small = [
        Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.2 + 0.01 * k), pairs[k % 5], [[0, 0, 0], [0.5, 0.5, 0.5]])
        .get_primitive_structure()
        for k in range(256)
    ]  # fmt: skip
    five = [
        Structure.from_spacegroup(
            "Pm-3m", Lattice.cubic(3.8 + 0.002 * k), ["Sr", "Ti", "O"], [[0.5] * 3, [0, 0, 0], [0.5, 0, 0]]
        )
        for k in range(256)
    ]
    point = oracles.build("chgnet")
    point.evaluate([small[0], five[0]])
    for name, crystals in (("of two atoms", small), ("of five atoms", five), ("of both", small + five)):
        start = perf_counter()
        answers = point.evaluate(crystals)
        seconds = perf_counter() - start
        assert all(answer.status == "done" for answer in answers)
        print(f"single points {name}: {len(crystals) / seconds:.0f} a second")
    curve = oracles.build("chgnet", protocol="equation_of_state")
    start = perf_counter()
    answers = curve.evaluate(five[:64])
    assert all(answer.status == "done" for answer in answers)
    print(f"equations of state of five atoms: {(perf_counter() - start) / 64:.2f} s each")


def relaxed(formulas: list[str]) -> dict[str, Evaluation]:
    """Each formula on its prototypes, the lowest relaxed."""
    oracle = oracles.build("chgnet", protocol="relax", max_force=0.02, steps=300, seconds=1200)
    return {formula: oracle.evaluate([Composition(formula)])[0] for formula in formulas}


def energies(answers: dict[str, Evaluation], table: Path) -> None:
    """Print the formation energies beside the lowest of the table."""
    frame = pd.read_csv(table, keep_default_na=False)
    wanted = {Composition(formula).reduced_formula for formula in COMPOUNDS}
    frame["reduced"] = [Composition(text).reduced_formula if len(text) < 12 else "" for text in frame.formula]
    frame = frame[frame.reduced.isin(wanted)].astype({"formation_energy_per_atom": float})
    known = frame.groupby("reduced").formation_energy_per_atom.min()
    apart = []
    for formula in COMPOUNDS:
        answer, expected = answers[formula], known.get(Composition(formula).reduced_formula)
        if answer.status != "done" or expected is None:
            print(f"{formula:8} {answer.error or 'not in the table'}")
            continue
        apart.append(answer.values["formation_energy"] - expected)
        print(f"{formula:8} {answer.values['formation_energy']:7.3f} {expected:7.3f} {apart[-1]:+7.3f} eV/atom")
    print(f"formation energy of {len(apart)} of {len(COMPOUNDS)}: mean absolute deviation {np.abs(apart).mean():.3f}, "
          f"largest {np.abs(apart).max():.3f} eV/atom")  # fmt: skip


def moduli(answers: dict[str, Evaluation]) -> None:
    """Print the bulk moduli beside measured ones."""
    apart = []
    for formula, expected in BULK_MODULI.items():
        answer = answers[formula]
        if answer.status != "done":
            print(f"{formula:8} {answer.error}")
            continue
        apart.append(answer.values["bulk_modulus"] / expected - 1)
        print(f"{formula:8} {answer.values['bulk_modulus']:6.0f} {expected:6.0f} {apart[-1] * 100:+6.0f} %")
    within = (np.abs(apart) <= 0.15).sum()
    print(f"bulk moduli: {within} of {len(BULK_MODULI)} within 15 %, mean {np.mean(apart) * 100:+.0f} %, "
          f"mean absolute {np.abs(apart).mean() * 100:.0f} %")  # fmt: skip


def untrained(number: int, seed: int) -> None:
    """Print what becomes of crystals drawn from an untrained sampler, and of the same squeezed to half their volume."""
    flow = GFlowNet(CrystalSpace(elements=ELEMENTS, n_elements=(1, 4), n_atoms=(1, 20)), seed=seed)
    oracle = oracles.build("chgnet")
    fates: Counter[str] = Counter()
    slowest = 0.0
    start = perf_counter()
    for first in range(0, number, 100):
        crystals = list(flow.sample(100).structures)
        squeezed = [c.copy().scale_lattice(c.volume / 2) for c in crystals[:10]]
        begun = perf_counter()
        for answer in oracle.evaluate([*crystals[10:], *squeezed]):
            if answer.status == "done":
                assert not any(PROPERTIES[name].objection(value) for name, value in answer.values.items())
            fates[answer.status] += 1
        slowest = max(slowest, perf_counter() - begun)
        if first % 1000 == 900:
            print(f"{first + 100} crystals, {perf_counter() - start:.0f} s", flush=True)
    print(f"{number} crystals of an untrained sampler, a tenth squeezed: {dict(fates)}; slowest 100: {slowest:.1f} s")


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energies", type=Path, help="table of formation energies (part 2)")
    parser.add_argument("--crystals", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(describe("chgnet"))
    speed()
    answers = relaxed(sorted({*COMPOUNDS, *BULK_MODULI}))
    if given.energies is not None:
        energies(answers, given.energies)
    moduli(answers)
    if given.crystals:
        untrained(given.crystals, given.seed)


if __name__ == "__main__":
    main()
