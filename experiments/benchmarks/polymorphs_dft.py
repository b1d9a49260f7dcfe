"""How CHGNet ranks the polymorphs of binary compounds, judged by GPAW.

    python experiments/benchmarks/polymorphs_dft.py [--xc PBE] [--seconds 3600]

Nine compounds of 1:1 in four structures each (rock salt, caesium chloride, zinc blende, wurtzite), relaxed by CHGNet;
then the energy of each by GPAW at its default settings and that same geometry. Printed are both energies above the
lowest of the compound (meV/atom); then, of all that are above it, their rank correlation and mean absolute difference,
and how often the lowest is the same and is the structure that is known. Nothing was fitted or chosen here.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np
from ase.build import bulk
from machine import describe
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.stats import spearmanr

from oracles.dft.gpaw import GpawPotential, GpawSettings
from oracles.dft.gpaw_interpreter import find
from oracles.potential.chgnet import CHGNetPotential
from oracles.potential.equation_of_state import at_volume, minima
from oracles.potential.relaxation import Limits, relax

STRUCTURES = ("rocksalt", "cesiumchloride", "zincblende", "wurtzite")

KNOWN = {
    "LiF": "rocksalt", "NaCl": "rocksalt", "KCl": "rocksalt", "MgO": "rocksalt", "CaO": "rocksalt",
    "ZnS": "zincblende", "SiC": "zincblende", "AlN": "wurtzite", "GaAs": "zincblende",
}  # fmt: skip
"""Compounds and the structure that they have at room temperature (of ZnS and SiC there are others as low)."""

LENGTHS = {
    "LiF": 4.03, "NaCl": 5.64, "KCl": 6.29, "MgO": 4.21, "CaO": 4.81, "ZnS": 5.1, "SiC": 4.1, "AlN": 4.05, "GaAs": 5.3,
}  # fmt: skip
"""Lattice constant (A) of rock salt to start from."""

LIMITS = Limits(max_force=0.01, steps=200, seconds=600)


def start(formula: str, kind: str) -> Structure:
    """The structure before it is relaxed, at a volume near its own."""
    length = LENGTHS[formula]
    if kind == "wurtzite":
        atoms = bulk(formula, kind, a=length * 1.08 / np.sqrt(2), c=length * 1.08 * np.sqrt(4 / 3))
    else:
        atoms = bulk(formula, kind, a=length * {"rocksalt": 1, "cesiumchloride": 0.61, "zincblende": 1.08}[kind])
    return AseAtomsAdaptor.get_structure(atoms)


def main() -> None:
    """Compute and print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xc", default="PBE")
    parser.add_argument("--seconds", type=float, default=3600.0)
    given = parser.parse_args()
    python = find()
    chgnet, gpaw = CHGNetPotential("cpu"), GpawPotential(python, GpawSettings(xc=given.xc), given.seconds)
    print(f"{describe('chgnet')}, gpaw {python.gpaw}; {GpawSettings(xc=given.xc)}")
    print(f"{'':6} {'':15} {'volume':>7} {'CHGNet':>8} {'GPAW':>8} {'seconds':>8}")
    above: list[tuple[float, float]] = []
    same = known = 0
    for formula, stable in KNOWN.items():
        crystals = [relaxed(chgnet, start(formula, kind)) for kind in STRUCTURES]
        by_chgnet = np.array(chgnet.energies(crystals))
        by_gpaw, seconds = [], []
        for crystal in crystals:
            begun = perf_counter()
            by_gpaw += gpaw.energies([crystal])
            seconds.append(perf_counter() - begun)
        both = np.array([by_chgnet - by_chgnet.min(), np.array(by_gpaw) - min(by_gpaw)]).T * 1000
        for kind, crystal, (one, other), time in zip(STRUCTURES, crystals, both, seconds, strict=True):
            print(f"{formula:6} {kind:15} {crystal.volume / len(crystal):7.2f} {one:8.1f} {other:8.1f} {time:8.1f}",
                  flush=True)  # fmt: skip
        above += [(one, other) for one, other in both if max(one, other) > 0]
        same += int(both[:, 0].argmin() == both[:, 1].argmin())
        known += int(STRUCTURES[both[:, 1].argmin()] == stable)
    one, other = np.array(above).T
    print(f"{len(above)} that are not the lowest by both: Spearman {spearmanr(one, other).statistic:.2f}, "
          f"mean absolute difference {np.abs(one - other).mean():.0f} meV/atom; "
          f"the same lowest in {same} of {len(KNOWN)}, GPAW's the known one in {known}")  # fmt: skip


def relaxed(chgnet: CHGNetPotential, structure: Structure) -> Structure:
    """The structure relaxed by CHGNet, from the volume of its lowest energy."""
    (curve,) = minima(chgnet, [structure])
    if isinstance(curve, Exception):
        raise curve
    return relax(chgnet, at_volume(structure, curve.volume), LIMITS)


if __name__ == "__main__":
    main()
