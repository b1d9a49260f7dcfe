"""CHGNet, a universal potential trained on the Materials Project (Deng et al., Nat. Mach. Intell. 5, 1031 (2023))."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from oracles.potential.references import References, load
from oracles.potential.torch_faults import machine_faults
from oracles.provenance import versions_of

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

BATCH_SITES = 256
"""Atoms predicted at once: larger batches gain nothing on a CPU and cost memory."""

_models: dict[str, Any] = {}
_loading = threading.Lock()


class CHGNetPotential:
    """The CHGNet model of the installed package, loaded once a process and device, on first use.

    device: "cpu", "cuda" or "mps"; None is the first GPU that there is, or else the CPU.

    `prepare`, or the first use, raises ValueError if the references shipped are of another version of the model.
    """

    batch = 64

    def __init__(self, device: str | None = None) -> None:
        self.device = device
        self._lock = threading.Lock()

    @cached_property
    def references(self) -> References:
        """The elements at this level."""
        return load("chgnet")

    @property
    def provenance(self) -> dict[str, str]:
        """The versions of CHGNet and torch, and the device."""
        return {"potential": "CHGNet", **versions_of("chgnet", "torch"), "device": self.device or "default"}

    def prepare(self) -> None:
        """Load the model; raises what keeps it from working: a device or file that is missing, another version."""
        self._model()

    def energies(self, structures: Sequence[Structure]) -> list[float]:
        """Return the energy of each structure in eV/atom.

        Raises for the whole batch if one structure cannot be read, and `MemoryError` or `UnavailableError` where
        the machine is at fault.
        """
        return [float(answer["e"]) for answer in self._predicted(structures, "e")]

    def site_moments(self, structures: Sequence[Structure]) -> list[float]:
        """Return the mean size of the atoms' magnetic moments (muB/atom) of each structure; raises as `energies`."""
        return [float(np.abs(answer["m"]).mean()) for answer in self._predicted(structures, "em")]

    def _predicted(self, structures: Sequence[Structure], task: str) -> list[Any]:
        import torch

        model = self._model()
        found: list[Any] = []
        for batch in _batches(structures):
            with self._lock, machine_faults():  # the converter switches the garbage collector, for all threads
                graphs = [model.graph_converter(structure) for structure in batch]
            with torch.no_grad(), machine_faults():
                answers = model.predict_graph(graphs, task=task, batch_size=len(graphs))
            found += [answers] if len(graphs) == 1 else answers
        return found

    def calculator(self) -> Calculator:
        """Return a new ASE calculator."""
        from oracles.potential.chgnet_calculator import CHGNetForces

        return CHGNetForces(self._model(), self._lock)

    def _model(self) -> Any:
        model = load_model(self.device)
        if model.version != self.references.version:
            raise ValueError(
                f"the element references are of CHGNet {self.references.version} and the installed model is "
                f"{model.version}: run oracles/data/make_chgnet_references.py, or install the other model"
            )
        return model


def load_model(device: str | None = None) -> Any:
    """Return the pretrained model, loaded once a process and device, without a word on the terminal."""
    name = device or "default"
    with _loading:
        if name not in _models:
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _models[name] = _loaded(device)
        return _models[name]


def _loaded(device: str | None) -> Any:
    """Load the model and use it once: torch warns of CHGNet's code at the first stress of a process."""
    from chgnet.model.model import CHGNet
    from pymatgen.core import Structure

    model = CHGNet.load(use_device=device, verbose=False).eval()
    model.predict_structure(Structure(3.0 * np.eye(3), ["Fe"], [[0, 0, 0]]), task="efs")
    return model


def _batches(structures: Sequence[Structure]) -> list[list[Structure]]:
    """Cut into runs of at most `BATCH_SITES` atoms (at least one structure)."""
    batches: list[list[Structure]] = []
    size = BATCH_SITES
    for structure in structures:
        if size + len(structure) > BATCH_SITES:
            batches.append([])
            size = 0
        batches[-1].append(structure)
        size += len(structure)
    return batches
