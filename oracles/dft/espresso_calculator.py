"""`pw.x` as an ASE calculator that chooses k points for each crystal."""

from __future__ import annotations

from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.espresso import Espresso, EspressoProfile
from pymatgen.io.ase import AseAtomsAdaptor

from oracles.dft.kpoints import gamma_centred
from oracles.evaluation import InfeasibleError

if TYPE_CHECKING:
    from oracles.dft.espresso import EspressoSettings


UNCONVERGED = "convergence NOT achieved"
"""What the program writes before it ends with an error, if that is why."""


class EspressoCalculator(Calculator):
    """Energy in eV, forces in eV/A, stress in eV/A^3, all at once, in `folder`; killed after `seconds`."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def __init__(self, settings: EspressoSettings, folder: str, seconds: float) -> None:
        super().__init__()
        self._settings = settings
        self._folder = folder
        self._profile = EspressoProfile(
            f"timeout --signal=KILL {seconds:g} {settings.command}", str(Path(settings.pseudo_dir).expanduser())
        )

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Run the program.

        Raises `InfeasibleError` if the electrons do not converge, and what ASE does where it ends with another error.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        program = Espresso(
            profile=self._profile,
            directory=self._folder,
            pseudopotentials=self._settings.pseudopotentials,
            input_data=self._settings.input_data(),
            kpts=gamma_centred(AseAtomsAdaptor.get_structure(self.atoms), self._settings.kpoints_per_atom),
        )
        try:
            self.results = {name: program.get_property(name, self.atoms) for name in self.implemented_properties}
        except CalledProcessError:
            if any(UNCONVERGED in file.read_text(errors="replace") for file in Path(self._folder).glob("*.pwo")):
                iterations = self._settings.iterations
                raise InfeasibleError(f"the electrons do not converge within {iterations} iterations") from None
            raise
