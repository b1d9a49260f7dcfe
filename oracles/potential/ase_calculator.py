"""Any calculator of ASE as a level of theory."""

from __future__ import annotations

import inspect
import io
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.cache_folder import cache_folder
from oracles.evaluation import described
from oracles.import_path import imported
from oracles.potential.computed_references import ComputedElements
from oracles.potential.references import References
from oracles.provenance import file_digest, version_of, versions_of

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

DEVICE_ARGUMENTS = ("device", "use_device")
"""What calculators call the argument that names a device."""


class AsePotential:
    """The calculator that `module:name` makes of the arguments, one for each thread.

    calculator: import path of a class or function, such as "ase.calculators.emt:EMT".
    arguments: its keyword arguments.
    device: handed on as the argument that names a device, where there is one.
    path: a folder in which the module is looked up first.

    The elements' references are computed with it at their first use, and kept on disk.
    Raises ValueError where that cannot be imported or called so.
    """

    batch = 1

    def __init__(
        self,
        calculator: str,
        arguments: Mapping[str, Any] | None = None,
        device: str | None = None,
        path: str | Path | None = None,
    ) -> None:
        self.calculator_path = calculator
        self.device = device
        self._arguments = dict(arguments or {})
        self._make: Callable[..., Any] = imported(calculator, "`calculator`", "ase.calculators.emt:EMT", path)
        if device is not None:
            self._arguments[self._device_argument()] = device
        self._of_thread = threading.local()
        if "energy" not in self.implemented:
            raise ValueError(f"{calculator!r} makes a {type(self._made()).__name__}, which is no ASE calculator")

    @cached_property
    def references(self) -> References:
        """The elements as this calculator has them."""
        level = json.dumps({name: value for name, value in self.provenance.items() if name != "device"}, sort_keys=True)
        file = cache_folder() / "element_references.db"
        return References(self.calculator_path, self._version, ComputedElements(self, level, file))

    @property
    def provenance(self) -> dict[str, str]:
        """Calculator, arguments (with the SHA-256 of those that are files), versions, and device."""
        arguments = {name: value for name, value in self._arguments.items() if name not in DEVICE_ARGUMENTS}
        files = {name: file_digest(value) for name, value in arguments.items() if _is_file(value)}
        return {
            "potential": self.calculator_path,
            "arguments": json.dumps(arguments, sort_keys=True, default=str),
            **{f"SHA-256 of {name}": digest for name, digest in files.items()},
            **versions_of("ase"),
            self._package: self._version,
            "device": self.device or "default",
        }

    @cached_property
    def implemented(self) -> frozenset[str]:
        """What the calculator answers, in ASE's words: "energy", "forces", "stress"."""
        return frozenset(getattr(self._of_this_thread(), "implemented_properties", ()))

    def prepare(self) -> None:
        """Make the calculator of this thread."""
        self._of_this_thread()

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
        """Return the calculator of this thread, with its faults told apart."""
        from oracles.potential.ase_faults import FaultsTold

        return FaultsTold(self._of_this_thread())

    def _of_this_thread(self) -> Any:
        if not hasattr(self._of_thread, "calculator"):
            self._of_thread.calculator = self._made()
        return self._of_thread.calculator

    def _made(self) -> Any:
        try:
            with redirect_stdout(io.StringIO()):
                return self._make(**self._arguments)
        except OSError:
            raise
        except Exception as reason:
            raise ValueError(
                f"{self.calculator_path!r} makes no calculator of the arguments {self._arguments}: {described(reason)}"
            ) from reason

    def _device_argument(self) -> str:
        taken = inspect.signature(self._make).parameters
        for name in DEVICE_ARGUMENTS:
            if name in taken:
                return name
        raise ValueError(
            f"{self.calculator_path!r} has no argument {' or '.join(DEVICE_ARGUMENTS)}: leave out `device`, or name "
            "it among `arguments`"
        )

    @cached_property
    def _package(self) -> str:
        module = self.calculator_path.partition(":")[0].partition(".")[0]
        return packages_distributions().get(module, [module])[0]

    @property
    def _version(self) -> str:
        return version_of(self._package)


def _is_file(value: object) -> bool:
    return isinstance(value, str | Path) and Path(value).is_file()
