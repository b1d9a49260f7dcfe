"""GPAW's worker as an ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from pymatgen.io.ase import AseAtomsAdaptor

if TYPE_CHECKING:
    from oracles.dft.gpaw import GpawPotential


class GpawCalculator(Calculator):
    """Energy in eV, forces in eV/A, stress in eV/A^3, all at once; raises what `GpawPotential.answer` does."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, potential: GpawPotential) -> None:
        super().__init__()
        self._potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Ask the worker."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        structure = AseAtomsAdaptor.get_structure(self.atoms)
        found = self._potential.answer(structure, self.implemented_properties)
        self.results = {
            "energy": found["energy"],
            "forces": np.array(found["forces"]),
            "stress": np.array(found["stress"]),
        }
