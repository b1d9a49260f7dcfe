"""References of a level of theory for which none are shipped: each element is computed when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.evaluation import MACHINE_FAULTS, InfeasibleError, described
from oracles.level_cache import LevelCache
from oracles.potential.energies import energies
from oracles.potential.equation_of_state import at_volume, minima
from oracles.potential.references import Reference, load

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential


class ComputedElements(Mapping[str, Reference]):
    """Symbol to the element's ground state by one potential, computed at its first use and kept for all campaigns.

    The ground states are those that are shipped with CHGNet's references, in shape and coordinates; the volume is that
    of the potential's own minimum, or CHGNet's where it has none. An element is `in` here if its ground state is known;
    whether the potential can do it is seen when it is asked.

    potential: the level of theory.
    level: whatever its energies depend on, in words.
    file: where results are kept from one process to the next; None keeps them in memory alone.
    only: the elements that the potential knows, where that can be told beforehand.
    """

    def __init__(
        self, potential: Potential, level: str, file: Path | None, only: Collection[str] | None = None
    ) -> None:
        self._potential = potential
        self._cache = None if file is None else LevelCache(file, level)
        self._ground_states = load("chgnet")
        self._symbols = [s for s in self._ground_states.elements if only is None or s in only]
        self._found: dict[str, Reference | InfeasibleError] = {}
        self._lock = threading.Lock()

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._symbols

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)

    def __getitem__(self, symbol: str) -> Reference:
        """Return an element's reference.

        Raises KeyError if its ground state is not known, `InfeasibleError` if the potential cannot do it, and a fault
        of the machine as it is.
        """
        if symbol not in self:
            raise KeyError(symbol)
        with self._lock:
            if symbol not in self._found and self._cache is not None:
                self._found |= {name: Reference(**kept) for name, kept in self._cache.read().items()}
            if symbol not in self._found:
                self._found[symbol] = self._computed(symbol)
            found = self._found[symbol]
        if isinstance(found, InfeasibleError):
            raise found
        return found

    def _computed(self, symbol: str) -> Reference | InfeasibleError:
        start = self._ground_states.structure(symbol)
        (curve,) = minima(self._potential, [start])
        if isinstance(curve, MACHINE_FAULTS):
            raise curve
        crystal = start if isinstance(curve, Exception) else at_volume(start, curve.volume)
        (energy,) = energies(self._potential, [crystal])
        if isinstance(energy, MACHINE_FAULTS):
            raise energy
        if isinstance(energy, Exception):
            return InfeasibleError(f"no reference for {symbol}: {described(energy)}")
        found = _reference(self._ground_states.elements[symbol].description, energy, crystal)
        if self._cache is not None:
            self._cache.keep({symbol: asdict(found)})
        return found


def _reference(description: str, energy: float, crystal: Structure) -> Reference:
    lattice = tuple(tuple(vector) for vector in crystal.lattice.matrix.tolist())
    coords = tuple(tuple(point) for point in crystal.frac_coords.tolist())
    return Reference(description, energy, lattice, coords)
