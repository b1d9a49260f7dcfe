"""Equations of state: energy at several volumes, and the minimum and bulk modulus that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

STRIDE = 1.12
"""Ratio of the volumes among which a minimum beyond those is looked for."""

REACH = 8
"""Number of them: a volume of 2.7 times or 0.37 times the first is still found."""

ROUNDS = 4
"""Times that volumes are centred, the first time on the structure as it is."""

UNSETTLED = "the volume does not settle"

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

    The volumes of all structures are computed in one batch. Where the minimum is at their edge, it is looked for
    beyond, as far as the guards admit the volumes, and the volumes are centred on it anew, up to `ROUNDS` times.
    """
    centres = [structure.volume / len(structure) for structure in structures]
    results: list[EquationOfState | Exception] = [InfeasibleError(UNSETTLED)] * len(structures)
    open_ = list(range(len(structures)))
    for _ in range(ROUNDS):
        volumes = {i: centres[i] * (1 + STRAINS) for i in open_}
        curves = _curves(potential, structures, volumes)
        beyond: dict[int, np.ndarray] = {}
        for i in open_:
            failed = [answer for answer in curves[i] if isinstance(answer, Exception)]
            if failed:
                results[i] = failed[0]
                continue
            energy = np.array(curves[i], dtype=float)
            lowest = int(energy.argmin())
            if lowest in (0, len(STRAINS) - 1):
                beyond[i], results[i] = _beyond(structures[i], float(volumes[i][lowest]), larger=lowest > 0)
                continue
            try:
                results[i] = birch_murnaghan(volumes[i], energy)
            except InfeasibleError as reason:
                results[i] = reason
        open_ = []
        for i, curve in _curves(potential, structures, beyond).items():
            basin = _first_minimum(curve)
            if isinstance(basin, Exception):
                results[i] = basin
            elif basin is not None and basin < REACH:
                centres[i] = float(beyond[i][basin])
                results[i] = InfeasibleError(UNSETTLED)
                open_.append(i)
        if not open_:
            break
    return results


def _curves(
    potential: Potential, structures: Sequence[Structure], volumes: Mapping[int, np.ndarray]
) -> dict[int, list[float | Exception]]:
    """Return the energies (eV/atom) of some of the structures at these volumes (A^3/atom)."""
    answers = iter(energies(potential, [at_volume(structures[i], v) for i, row in volumes.items() for v in row]))
    return {i: [next(answers) for _ in row] for i, row in volumes.items()}


def _beyond(structure: Structure, edge: float, *, larger: bool) -> tuple[np.ndarray, InfeasibleError]:
    """Return the volumes (A^3/atom) from `edge` outwards that the guards admit, and why there are no more."""
    volumes = edge * STRIDE ** (np.arange(REACH + 1) * (1 if larger else -1))
    for admitted, volume in enumerate(volumes):
        try:
            check_packing(at_volume(structure, volume))
            check_packing(at_volume(structure, volume * (1 + STRAINS[0])))
        except InfeasibleError as reason:
            return volumes[:admitted], InfeasibleError(
                f"the minimum of the energy is outside the volumes where the potential can be trusted: {reason}"
            )
    return volumes, InfeasibleError(UNSETTLED)


def _first_minimum(curve: Sequence[float | Exception]) -> int | Exception | None:
    """Return where the energy first stops to fall, else the end; or the failure before that; None of no energies.

    The end is a centre too: a minimum less than a stride beyond what the guards admit is still among the volumes
    around the last one that they do admit.
    """
    lowest = np.inf
    for i, answer in enumerate(curve):
        if isinstance(answer, Exception):
            return answer
        if lowest <= answer:
            return i - 1
        lowest = answer
    return len(curve) - 1 if curve else None
