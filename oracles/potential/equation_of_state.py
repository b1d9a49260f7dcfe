"""Equations of state: energy at several volumes, and the minimum and bulk modulus that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oracles.evaluation import InfeasibleError
from oracles.potential.energies import energies
from oracles.potential.guards import check_packing

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from oracles.potential.potential import Potential

STRAINS = np.linspace(-0.09, 0.09, 7)
"""Relative volumes, minus one, at which the energy is computed."""

ROUNDS = 6
"""Times that the volumes are centred anew on a minimum that lay at their edge."""

GPA = 160.21766208
"""GPa in 1 eV/A^3."""


@dataclass(frozen=True)
class EquationOfState:
    """Minimum of the energy: `energy` eV/atom, `volume` A^3/atom, `bulk_modulus` GPa, its pressure derivative."""

    energy: float
    volume: float
    bulk_modulus: float
    derivative: float


def birch_murnaghan(volumes: np.ndarray, energies: np.ndarray) -> EquationOfState:
    """Fit the third-order Birch-Murnaghan equation of state (F. Birch, Phys. Rev. 71, 809 (1947)).

    volumes: A^3/atom, at least four; energies: eV/atom. In x = V^(-2/3) it is a cubic polynomial, so the fit is
    linear. Raises `InfeasibleError` where the polynomial has no minimum among the volumes.
    """
    unit = float(np.mean(volumes))
    x = (np.asarray(volumes) / unit) ** (-2 / 3)
    cubic = np.polynomial.Polynomial.fit(x, energies, 3).convert()
    slope, curvature, third = cubic.deriv(1), cubic.deriv(2), cubic.deriv(3)
    minima = [r.real for r in slope.roots() if abs(r.imag) < 1e-9 and curvature(r.real) > 0]
    minima = [r for r in minima if x.min() <= r <= x.max()]
    if not minima:
        raise InfeasibleError("the energy has no minimum among the volumes of the equation of state")
    at = minima[0]
    # where E'(x) = 0, V d2E/dV2 is (4/9) x^(7/2) E''(x) / u, and dB/dP is 4 + (2/3) x E'''(x) / E''(x)
    bulk = 4 / 9 * at**3.5 * curvature(at) / unit
    derivative = 4 + 2 / 3 * at * third(at) / curvature(at)
    return EquationOfState(float(cubic(at)), unit * at**-1.5, float(bulk * GPA), float(derivative))


def at_volume(structure: Structure, volume: float) -> Structure:
    """Return the structure, its shape kept, at `volume` (A^3/atom)."""
    return structure.copy().scale_lattice(volume * len(structure))


def minima(potential: Potential, structures: Sequence[Structure]) -> list[EquationOfState | Exception]:
    """Return the equation of state about each structure, or why it has none.

    All volumes of all structures are computed in one batch; where the minimum is at the edge of the volumes they
    are centred on it anew, up to `ROUNDS` times, as long as the guards admit the volumes.
    """
    centres = [structure.volume / len(structure) for structure in structures]
    results: list[EquationOfState | Exception] = [InfeasibleError("the volume does not settle")] * len(structures)
    open_ = list(range(len(structures)))
    for _ in range(ROUNDS):
        volumes = {i: centres[i] * (1 + STRAINS) for i in open_}
        answers = iter(energies(potential, [at_volume(structures[i], v) for i in open_ for v in volumes[i]]))
        again = []
        for i in open_:
            curve = [next(answers) for _ in STRAINS]
            failed = [answer for answer in curve if isinstance(answer, Exception)]
            if failed:
                results[i] = failed[0]
                continue
            energy = np.array(curve, dtype=float)
            lowest = int(energy.argmin())
            if lowest in (0, len(STRAINS) - 1):
                centres[i] = float(volumes[i][lowest])
                try:
                    _require_sound(structures[i], centres[i])
                    again.append(i)
                except InfeasibleError as reason:
                    results[i] = reason
                continue
            try:
                results[i] = birch_murnaghan(volumes[i], energy)
            except InfeasibleError as reason:
                results[i] = reason
        open_ = again
        if not open_:
            break
    return results


def _require_sound(structure: Structure, centre: float) -> None:
    """Raise `InfeasibleError` unless the guards admit the structure at `centre` (A^3/atom) and its smallest volume."""
    for volume in (centre, centre * (1 + STRAINS[0])):
        try:
            check_packing(at_volume(structure, volume))
        except InfeasibleError as reason:
            raise InfeasibleError(
                f"the minimum of the energy is outside the volumes where the potential can be trusted: {reason}"
            ) from reason
