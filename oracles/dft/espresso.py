"""Quantum ESPRESSO with the user's pseudopotentials (Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017))."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.cache_folder import cache_folder
from oracles.potential.computed_references import ComputedElements
from oracles.potential.references import References
from oracles.provenance import file_digest, versions_of

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

DENSITY_RATIO = 8.0
"""Of the density's cutoff to that of the wave functions, unless one is given: enough for ultrasoft pseudopotentials."""

ASKED = 30.0
"""Seconds for the program to say its version."""


@dataclass(frozen=True)
class EspressoSettings:
    """The level of theory.

    pseudopotentials: symbol to the name of a UPF file in `pseudo_dir`.
    cutoff: of the wave functions, eV; density_cutoff: of the density, eV.
    xc: the functional, as ESPRESSO names it; None is that of the pseudopotentials.
    kpoints_per_atom: k points per reciprocal atom, the grid centred on gamma.
    smearing: width (eV) of Marzari and Vanderbilt's cold smearing.
    iterations: of the electrons, after which a crystal is infeasible.
    command: the program, with what is before it, such as "mpirun -n 4 pw.x".

    Raises ValueError if the program or a file is not there.
    """

    pseudopotentials: dict[str, str]
    pseudo_dir: str
    cutoff: float
    density_cutoff: float | None = None
    xc: str | None = None
    kpoints_per_atom: int = 1000
    smearing: float = 0.05
    iterations: int = 200
    command: str = "pw.x"

    def __post_init__(self) -> None:
        for name in ("cutoff", "density_cutoff", "kpoints_per_atom", "smearing", "iterations"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"espresso: `{name}` is more than 0, not {value}")
        if not self.pseudopotentials:
            raise ValueError("espresso: `pseudopotentials` names none; give symbol: file, such as {Si: Si.upf}")
        for symbol in self.pseudopotentials:
            if not self.file(symbol).is_file():
                raise ValueError(f"espresso: the pseudopotential of {symbol}, {self.file(symbol)}, is not there")
        find(self.command)

    def file(self, symbol: str) -> Path:
        """Return an element's pseudopotential."""
        return Path(self.pseudo_dir).expanduser() / self.pseudopotentials[symbol]

    def input_data(self) -> dict[str, Any]:
        """Return ESPRESSO's input, energies in Ry."""
        from ase.units import Ry

        system = {
            "ecutwfc": self.cutoff / Ry,
            "ecutrho": (self.density_cutoff or DENSITY_RATIO * self.cutoff) / Ry,
            "occupations": "smearing",
            "smearing": "cold",
            "degauss": self.smearing / Ry,
            **({"input_dft": self.xc} if self.xc else {}),
        }
        control = {"calculation": "scf", "tprnfor": True, "tstress": True, "verbosity": "low"}
        return {
            "control": control,
            "system": system,
            "electrons": {"conv_thr": 1e-8, "electron_maxstep": self.iterations},
        }


class EspressoPotential:
    """`pw.x`, one process a calculation, each of at most `seconds`. Without spin."""

    batch = 1

    def __init__(self, settings: EspressoSettings, seconds: float) -> None:
        self.settings = settings
        self.seconds = seconds
        self._of_thread = threading.local()

    @cached_property
    def references(self) -> References:
        """The elements by the same pseudopotentials and settings."""
        level = json.dumps(dict(self.provenance), sort_keys=True)
        file = cache_folder() / "element_references.db"
        elements = ComputedElements(self, level, file, only=self.settings.pseudopotentials)
        return References("the list of pseudopotentials", "", elements)

    @cached_property
    def provenance(self) -> Mapping[str, str]:
        """The settings and the SHA-256 of the pseudopotentials."""
        settings = {name: str(value) for name, value in asdict(self.settings).items() if name != "pseudo_dir"}
        digests = {f"SHA-256 of {s}": file_digest(self.settings.file(s)) for s in self.settings.pseudopotentials}
        program = {
            "potential": "Quantum ESPRESSO",
            "version": program_version(self.settings.command),
            **versions_of("ase"),
        }
        return {**program, **settings, **digests}

    def prepare(self) -> None:
        """Find the program."""
        find(self.settings.command)

    def energies(self, structures: Sequence[Structure]) -> list[float]:
        """Return the energy of each structure in eV/atom; raises what `FaultsTold` does."""
        from pymatgen.io.ase import AseAtomsAdaptor

        found = []
        for structure in structures:
            atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
            atoms.calc = self.calculator()
            found.append(float(atoms.get_potential_energy()) / len(structure))
        return found

    def calculator(self) -> Calculator:
        """Return a calculator that runs the program in a folder of this thread."""
        from oracles.dft.espresso_calculator import EspressoCalculator
        from oracles.potential.ase_faults import FaultsTold

        if not hasattr(self._of_thread, "folder"):
            self._of_thread.folder = tempfile.TemporaryDirectory(prefix="gfnmat-espresso-")
        return FaultsTold(EspressoCalculator(self.settings, self._of_thread.folder.name, self.seconds))


@cache
def program_version(command: str) -> str:
    """Return the version that the program says it has when it is given nothing to do; "unknown" if it says none."""
    with tempfile.TemporaryDirectory() as folder:  # in which it leaves that it failed
        try:
            told = subprocess.run(
                shlex.split(command), input="\n", cwd=folder, capture_output=True, text=True, timeout=ASKED, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return "unknown"
    found = re.search(r"PWSCF v\.(\S+)", told.stdout)
    return found[1] if found else "unknown"


def find(command: str) -> str:
    """Return where the program of a command is; raise ValueError if it is not there."""
    words = shlex.split(command)
    if not words or shutil.which(words[0]) is None:
        raise ValueError(
            f"the program {command!r} is not there; on Debian or Ubuntu: apt install quantum-espresso, or name yours "
            "as the setting `command`"
        )
    return str(shutil.which(words[0]))
