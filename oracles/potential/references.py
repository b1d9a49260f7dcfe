"""The elements in their ground states, at the level of theory whose formation energies refer to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from oracles.evaluation import InfeasibleError

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Reference:
    """An element's ground state: `energy` eV/atom, relaxed primitive cell (A), and where it comes from."""

    description: str
    energy: float
    lattice: tuple[tuple[float, float, float], ...]
    coords: tuple[tuple[float, float, float], ...]

    @property
    def volume(self) -> float:
        """Volume in A^3/atom."""
        (a, b, c), (d, e, f), (g, h, i) = self.lattice
        return abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / len(self.coords)


@dataclass(frozen=True)
class References:
    """The references of one level of theory: `model` and `version`, and the elements by symbol."""

    model: str
    version: str
    elements: Mapping[str, Reference]

    def formation_energy(self, counts: Mapping[str, float], energy: float) -> float:
        """Return the formation energy (eV/atom) of a material with this `energy` (eV/atom)."""
        atoms = sum(counts.values())
        return energy - sum(n * self.elements[symbol].energy for symbol, n in counts.items()) / atoms

    def require(self, counts: Mapping[str, float]) -> None:
        """Raise `InfeasibleError` if an element has no reference."""
        if missing := [symbol for symbol in counts if symbol not in self.elements]:
            raise InfeasibleError(f"{self.model} has no reference for {', '.join(missing)}")

    def structure(self, symbol: str) -> Structure:
        """Return the ground state of an element."""
        from pymatgen.core import Structure

        reference = self.elements[symbol]
        return Structure(reference.lattice, [symbol] * len(reference.coords), reference.coords)


@cache
def load(model: str) -> References:
    """Read the references that are shipped for a model."""
    text = files("oracles").joinpath("data", f"{model}_references.json").read_text()
    data = json.loads(text)
    elements = {
        symbol: Reference(
            entry["description"],
            entry["energy"],
            tuple(tuple(vector) for vector in entry["lattice"]),
            tuple(tuple(point) for point in entry["coords"]),
        )
        for symbol, entry in data["elements"].items()
    }
    return References(data["model"], data["version"], elements)
