"""CHGNet as an ASE calculator of energy, forces and stress, silent and without magnetic moments."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from pymatgen.core import Lattice, Structure

from oracles.potential.torch_faults import machine_faults


class CHGNetForces(Calculator):
    """Energy in eV, forces in eV/A, stress in eV/A^3; `lock` guards the conversion to graphs."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, model: Any, lock: threading.Lock) -> None:
        super().__init__()
        self._model = model
        self._lock = lock

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute all properties at once: stress costs nothing beside the forces.

        Raises `MemoryError` or `UnavailableError` where the machine is at fault.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        structure = Structure(
            Lattice(self.atoms.cell[:]), self.atoms.numbers, self.atoms.positions, coords_are_cartesian=True
        )
        with self._lock, machine_faults():
            graph = self._model.graph_converter(structure)
        with machine_faults():
            answer = self._model.predict_graph(graph, task="efs")
        energy = float(answer["e"]) * len(structure)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": answer["f"].astype(float),
            "stress": full_3x3_to_voigt_6_stress(answer["s"].astype(float) * units.GPa),
        }
