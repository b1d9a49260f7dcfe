"""The seam beneath the oracles of energies: what a potential, of any make, has to offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

    from oracles.potential.references import References


@runtime_checkable
class KnowsMoments(Protocol):
    """A potential that also knows magnetic moments."""

    def site_moments(self, structures: Sequence[Structure]) -> list[float]:
        """Return the mean size of the atoms' moments (muB/atom) of each structure, whatever their order."""
        ...


class Potential(Protocol):
    """A level of theory that gives the energy of a crystal.

    Implementations may be called from several threads.
    """

    @property
    def batch(self) -> int:
        """Crystals that `energies` is given at once: those that share the cost of one that raises."""
        ...

    @property
    def references(self) -> References:
        """The elements at this same level: those that it is trusted with."""
        ...

    @property
    def provenance(self) -> Mapping[str, str]:
        """Name, versions of the code, and device, as far as they are known without loading anything."""
        ...

    def prepare(self) -> None:
        """Load whatever `references`, `energies` and `calculator` need; cheap when done before.

        What it raises is a fault of the machine or the installation, and of no material.
        """
        ...

    def energies(self, structures: Sequence[Structure]) -> list[float]:
        """Return the energy of each structure in eV/atom; may raise for the whole batch."""
        ...

    def calculator(self) -> Calculator:
        """Return a new ASE calculator of energy (eV), forces (eV/A) and stress (eV/A^3)."""
        ...
