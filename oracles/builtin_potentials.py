"""The oracles of energies that are registered from the start: one level of theory each, by the same protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.oracle import Oracle
from oracles.registry import unknown

if TYPE_CHECKING:
    from oracles.potential.potential import Potential
    from oracles.potential.relaxation import Limits

Phases = str | Path | Sequence[str | Path]
"""Sources of competing phases: `guessed`, CSV files, or several of these."""


def chgnet(
    protocol: str = "single_point",
    prototypes: int = 8,
    max_atoms: int = 100,
    max_force: float = 0.05,
    steps: int = 200,
    seconds: float = 300.0,
    device: str | None = None,
    competing_phases: Phases | None = None,
) -> Oracle:
    """Build CHGNet; `max_force` (eV/A) and `steps` end a relaxation, and `seconds` guards against one that hangs.

    With `competing_phases` it also answers `energy_above_hull`: above those that are `guessed`, those of a CSV file of
    formulas and formation energies (eV/atom) by this same model, or several of these.

    Raises ValueError for an unknown protocol, a `device` that is not on this machine, and a file that cannot be read.
    """
    from oracles.potential.chgnet import CHGNetPotential
    from oracles.potential.relaxation import Limits
    from oracles.potential.torch_faults import require_device

    _require_protocol("chgnet", protocol)
    if device is not None:
        require_device(device)
    limits = Limits(max_force, steps, seconds)
    return _of(CHGNetPotential(device), protocol, prototypes, max_atoms, limits, competing_phases)


def ase(
    calculator: str,
    arguments: Mapping[str, Any] | None = None,
    protocol: str = "single_point",
    prototypes: int = 8,
    max_atoms: int = 100,
    max_force: float = 0.05,
    steps: int = 200,
    seconds: float = 300.0,
    device: str | None = None,
    competing_phases: Phases | None = None,
) -> Oracle:
    """Build what `module:name` makes of the `arguments`, an ASE calculator; other settings as of `chgnet`.

    Raises ValueError where none can be made, and where it lacks forces or stress which are needed.
    """
    from oracles.potential.ase_calculator import AsePotential
    from oracles.potential.relaxation import Limits

    _require_protocol("ase", protocol)
    potential = AsePotential(calculator, arguments, device)
    if missing := sorted({"forces", "stress"} - potential.implemented):
        lacks = f"{calculator!r} answers no {' and no '.join(missing)}, needed for"
        if protocol == "relax":
            raise ValueError(f"{lacks} the protocol relax; there are single_point and equation_of_state")
        if competing_phases is not None:
            raise ValueError(f"{lacks} `competing_phases`, which are relaxed")
    limits = Limits(max_force, steps, seconds)
    return _of(potential, protocol, prototypes, max_atoms, limits, competing_phases)


def probe_chgnet() -> str:
    """Return the versions of CHGNet and of the references; raise where they are missing."""
    from importlib.metadata import version

    from oracles.potential.references import load

    references = load("chgnet")
    return f"ready: chgnet {version('chgnet')}, model {references.version}, {len(references.elements)} elements"


def probe_ase() -> str:
    """Return ASE's version."""
    from importlib.metadata import version

    return f"ready: ase {version('ase')}"


def _require_protocol(oracle: str, protocol: str) -> None:
    from oracles.potential.oracle import ANSWERS

    if protocol not in ANSWERS:
        raise ValueError(unknown(f"protocol of the oracle {oracle}", protocol, list(ANSWERS)))


def _of(
    potential: Potential,
    protocol: str,
    prototypes: int,
    max_atoms: int,
    limits: Limits,
    phases: Phases | None,
    placed_by: Potential | None = None,
) -> Oracle:
    from oracles.hull.competing_phases import CompetingPhases
    from oracles.potential.oracle import PotentialOracle

    competing = None
    if phases is not None:
        competing = CompetingPhases.of(potential, [phases] if isinstance(phases, str | Path) else phases)
    return PotentialOracle(
        potential,
        protocol,  # type: ignore[arg-type]
        prototypes=prototypes,
        max_atoms=max_atoms,
        limits=limits,
        competing=competing,
        placed_by=placed_by,
    )
