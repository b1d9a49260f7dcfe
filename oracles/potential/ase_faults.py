"""ASE calculators whose faults of the machine are told from those of the material."""

from __future__ import annotations

import subprocess
from typing import Any

from ase import Atoms
from ase.calculators import calculator as ase
from ase.calculators.calculator import Calculator, all_changes

from oracles.evaluation import UnavailableError, described
from oracles.potential.torch_faults import machine_faults

PROGRAM_FAULTS = (
    ase.CalculatorSetupError,
    ase.EnvironmentError,
    ase.ReadError,
    ase.CalculationFailed,
    subprocess.SubprocessError,
)
"""What ASE raises where the program that calculates is missing, ends with an error, or leaves nothing to read."""


class FaultsTold(Calculator):
    """Another calculator, as it is, but for its faults.

    Raises `MemoryError` or `UnavailableError` where machine or program are at fault, and what the calculator raises
    otherwise: for an element that it does not know, or a calculation that does not converge.
    """

    def __init__(self, calculator: Any) -> None:
        super().__init__()
        self._calculator = calculator
        self.implemented_properties = list(calculator.implemented_properties)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Ask the calculator for these properties."""
        super().calculate(atoms, properties, system_changes)
        with machine_faults():
            try:
                for name in properties or ["energy"]:
                    self.results[name] = self._calculator.get_property(name, self.atoms)
            except ase.SCFError:
                raise
            except PROGRAM_FAULTS as reason:
                raise UnavailableError(f"the calculation failed: {described(reason)}") from reason
