"""Writes `gpaw_cutoffs.json`: the cutoff of plane waves at which GPAW's energy of each element is converged.

Run by hand by the interpreter that has GPAW: `python3 oracles/data/make_gpaw_cutoffs.py`. For each element of CHGNet's
references that GPAW has a PBE setup for, one atom in the primitive cell of simple cubic, of the ground state's volume
per atom: how the energy depends on the cutoff is a matter of the setup and not of the structure. Written is the lowest
cutoff (eV) from which on all are within `TOLERANCE` of that at the largest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from gpaw import GPAW, PW  # type: ignore[import-not-found]

CUTOFFS = (300, 350, 400, 450, 500, 550, 600, 700, 800, 1000, 1200)
TOLERANCE = 0.010  # eV/atom
PATH = Path(__file__).with_name("gpaw_cutoffs.json")


def energies(symbol: str, volume: float) -> np.ndarray:
    """The energy (eV) at each cutoff."""
    atoms = Atoms(symbol, cell=[volume ** (1 / 3)] * 3, pbc=True)
    found = []
    for cutoff in CUTOFFS:
        atoms.calc = GPAW(
            mode=PW(cutoff), xc="PBE", kpts=(2, 2, 2), txt=None, maxiter=200,
            occupations={"name": "fermi-dirac", "width": 0.2},
        )  # fmt: skip
        found.append(atoms.get_potential_energy())
    return np.array(found)


def main() -> None:
    """Measure all elements, or those named on the command line, and add them to what is written."""
    references = json.loads(Path(__file__).with_name("chgnet_references.json").read_text())["elements"]
    known = json.loads(PATH.read_text()) if PATH.exists() else {}
    for symbol in sys.argv[1:] or [s for s in references if s not in known]:
        lattice = np.array(references[symbol]["lattice"])
        volume = abs(np.linalg.det(lattice)) / len(references[symbol]["coords"])
        try:
            found = energies(symbol, volume)
        except Exception as reason:
            print(symbol, "none:", str(reason).strip().split("\n")[0], flush=True)
            continue
        apart = np.abs(found - found[-1])
        beyond = np.flatnonzero(apart > TOLERANCE)
        at = int(beyond[-1]) + 1 if len(beyond) else 0
        known[symbol] = float(CUTOFFS[at])
        print(symbol, CUTOFFS[at], " ".join(f"{value * 1000:.1f}" for value in apart), "meV", flush=True)
        PATH.write_text(json.dumps(known, separators=(", ", ": ")).replace("}", "}\n"))


if __name__ == "__main__":
    main()
