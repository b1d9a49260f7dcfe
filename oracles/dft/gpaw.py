"""GPAW, projector augmented waves on plane waves (Mortensen et al., J. Chem. Phys. 160, 092503 (2024))."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.cache_folder import cache_folder
from oracles.dft.gpaw_interpreter import Interpreter
from oracles.dft.kpoints import gamma_centred
from oracles.dft.worker import Worker
from oracles.evaluation import InfeasibleError, UnavailableError
from oracles.potential.computed_references import ComputedElements
from oracles.potential.references import References

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

SCRIPT = Path(__file__).with_name("gpaw_script.py")

UNKNOWN_CUTOFF = 800.0
"""eV, for elements of which convergence was not measured."""

MOMENTS = {"V": 2.0, "Cr": 3.0, "Mn": 4.0, "Fe": 3.0, "Co": 2.0, "Ni": 1.0}
"""muB with which spins of these begin, all parallel; crystals without them are computed without spin."""

SYMMETRY = 1e-3
"""Share of the cell's edges within which atoms count as equivalent: what a potential relaxed is no more symmetric than
that, and wurtzite takes twice as long with a hundredth of it, for an energy that differs by 0.1 meV/atom."""

OXYGEN_MOMENT = 1.0
"""muB with which those of pure oxygen begin, whose molecule is a triplet."""


@dataclass(frozen=True)
class GpawSettings:
    """The level of theory.

    xc: the functional, as GPAW names it.
    cutoff: of the plane waves, eV; None takes the largest converged one of the crystal's elements.
    kpoints_per_atom: k points per reciprocal atom, the grid centred on gamma.
    smearing: width (eV) of the Fermi-Dirac distribution; energies are extrapolated to zero.
    iterations: of the electrons, after which a crystal is infeasible.
    """

    xc: str = "PBE"
    cutoff: float | None = None
    kpoints_per_atom: int = 1000
    smearing: float = 0.05
    iterations: int = 200

    def __post_init__(self) -> None:
        for name in ("cutoff", "kpoints_per_atom", "smearing", "iterations"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"gpaw: `{name}` is more than 0, not {value}")

    def parameters(self, structure: Structure) -> dict[str, Any]:
        """Return GPAW's parameters for a crystal."""
        symbols = {site.specie.symbol for site in structure}
        return {
            "xc": self.xc,
            "cutoff": self.cutoff or max(converged_cutoffs().get(s, UNKNOWN_CUTOFF) for s in symbols),
            "kpts": {"size": gamma_centred(structure, self.kpoints_per_atom), "gamma": True},
            "occupations": {"name": "fermi-dirac", "width": self.smearing},
            "maxiter": self.iterations,
            "symmetry": {"tolerance": SYMMETRY, "symmorphic": False},
        }


class GpawPotential:
    """GPAW in a worker process under `python`, the interpreter that has it; `seconds` limits each calculation."""

    batch = 1

    def __init__(self, python: Interpreter, settings: GpawSettings, seconds: float) -> None:
        self.python = python
        self.settings = settings
        self.seconds = seconds
        self._worker = Worker([python.path, str(SCRIPT)])

    @cached_property
    def references(self) -> References:
        """The elements by GPAW at these settings."""
        level = json.dumps(
            {"potential": "GPAW", "version": self.python.gpaw, "cutoffs": converged_cutoffs()} | self._level
        )
        return References(
            "GPAW", self.python.gpaw, ComputedElements(self, level, cache_folder() / "element_references.db")
        )

    @property
    def provenance(self) -> dict[str, str]:
        """The settings and GPAW's version."""
        return {
            "potential": "GPAW",
            "gpaw": self.python.gpaw,
            **{name: str(value) for name, value in self._level.items()},
        }

    @property
    def _level(self) -> dict[str, Any]:
        return asdict(self.settings)

    def prepare(self) -> None:
        """Start the worker."""
        self._worker.start()

    def energies(self, structures: Sequence[Structure]) -> list[float]:
        """Return the energy of each structure in eV/atom; raises what `answer` does."""
        return [self.answer(structure, ["energy"])["energy"] / len(structure) for structure in structures]

    def calculator(self) -> Calculator:
        """Return a calculator that asks the worker."""
        from oracles.dft.gpaw_calculator import GpawCalculator

        return GpawCalculator(self)

    def answer(self, structure: Structure, properties: Sequence[str]) -> Mapping[str, Any]:
        """Return energy (eV), and forces (eV/A) and stress (eV/A^3) where they are among `properties`.

        Raises `InfeasibleError` for an element without a setup and for electrons that do not converge,
        `UnavailableError` and `TimeoutError` where the worker is at fault.
        """
        request = {
            "numbers": list(structure.atomic_numbers),
            "cell": structure.lattice.matrix.tolist(),
            "positions": structure.cart_coords.tolist(),
            "moments": initial_moments([site.specie.symbol for site in structure]),
            "parameters": self.settings.parameters(structure),
            "properties": list(properties),
        }
        found = self._worker.ask(request, self.seconds)
        if "error" in found:
            raise (InfeasibleError if found["material"] else UnavailableError)(found["error"])
        return found


def initial_moments(symbols: Sequence[str]) -> list[float]:
    """Return the magnetic moment (muB) with which each atom begins; all 0 for a calculation without spin."""
    if set(symbols) == {"O"}:
        return [OXYGEN_MOMENT] * len(symbols)
    return [MOMENTS.get(symbol, 0.0) for symbol in symbols]


@cache
def converged_cutoffs() -> Mapping[str, float]:
    """Return the cutoff (eV) of each element at which its energy is converged; see the script that measured them."""
    cutoffs: dict[str, float] = json.loads(files("oracles").joinpath("data", "gpaw_cutoffs.json").read_text())
    return cutoffs
