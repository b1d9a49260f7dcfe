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
    moments: bool = False,
    remember: bool = False,
) -> Oracle:
    """Build CHGNet; `max_force` (eV/A) and `steps` end a relaxation, and `seconds` guards against one that hangs.

    With `remember`, what was answered before is not computed again. With `moments` it also answers `site_moment`. With
    `competing_phases` it also answers `energy_above_hull`: above those that are `guessed`, those of a CSV file of
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
    return _of(
        CHGNetPotential(device), protocol, prototypes, max_atoms, limits, competing_phases, remember, moments=moments
    )


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
    remember: bool = False,
    path: str | Path | None = None,
) -> Oracle:
    """Build what `module:name` makes of the `arguments`, an ASE calculator; its module is looked up in `path` first.

    Other settings are as of `chgnet`.

    Raises ValueError where none can be made, and where it lacks forces or stress which are needed.
    """
    from oracles.potential.ase_calculator import AsePotential
    from oracles.potential.oracle import RELAXING
    from oracles.potential.relaxation import Limits

    _require_protocol("ase", protocol)
    potential = AsePotential(calculator, arguments, device, path)
    if missing := sorted({"forces", "stress"} - potential.implemented):
        lacks = f"{calculator!r} answers no {' and no '.join(missing)}, needed for"
        if protocol in RELAXING:
            raise ValueError(f"{lacks} the protocol {protocol}; there are single_point and equation_of_state")
        if competing_phases is not None:
            raise ValueError(f"{lacks} `competing_phases`, which are relaxed")
    limits = Limits(max_force, steps, seconds)
    return _of(potential, protocol, prototypes, max_atoms, limits, competing_phases, remember)


def gpaw(
    protocol: str = "single_point",
    xc: str = "PBE",
    cutoff: float | None = None,
    kpoints_per_atom: int = 1000,
    smearing: float = 0.05,
    iterations: int = 200,
    placed_by: str = "chgnet",
    prototypes: int = 8,
    max_atoms: int = 30,
    max_force: float = 0.05,
    steps: int = 50,
    seconds: float = 3600.0,
    python: str | None = None,
    competing_phases: Phases | None = None,
    remember: bool = False,
) -> Oracle:
    """Build GPAW in a worker process; `seconds` limits each of its calculations, and a relaxation.

    `xc` to `iterations` are those of `GpawSettings`; `placed_by` is "chgnet" or "gpaw": by which energies the
    prototypes of a composition are compared. `python` is the interpreter that has GPAW; other settings as of `chgnet`.

    Raises ValueError where there is no GPAW, and for a setting that cannot be.
    """
    from oracles.dft.gpaw import GpawPotential, GpawSettings
    from oracles.dft.gpaw_interpreter import find
    from oracles.potential.relaxation import Limits

    _require_protocol("gpaw", protocol)
    settings = GpawSettings(xc, cutoff, kpoints_per_atom, smearing, iterations)
    potential = GpawPotential(find(python), settings, seconds)
    limits = Limits(max_force, steps, seconds)
    placing = _placing(placed_by, "gpaw")
    return _of(potential, protocol, prototypes, max_atoms, limits, competing_phases, remember, placing)


def espresso(
    pseudopotentials: Mapping[str, str],
    pseudo_dir: str | Path,
    cutoff: float,
    density_cutoff: float | None = None,
    xc: str | None = None,
    kpoints_per_atom: int = 1000,
    smearing: float = 0.05,
    iterations: int = 200,
    command: str = "pw.x",
    protocol: str = "single_point",
    placed_by: str = "chgnet",
    prototypes: int = 8,
    max_atoms: int = 30,
    max_force: float = 0.05,
    steps: int = 50,
    seconds: float = 3600.0,
    competing_phases: Phases | None = None,
    remember: bool = False,
) -> Oracle:
    """Build Quantum ESPRESSO with the user's pseudopotentials; `seconds` limits each calculation, and a relaxation.

    `pseudopotentials` to `command` are those of `EspressoSettings`; other settings as of `gpaw`.

    Raises ValueError where there is no such program or file, and for a setting that cannot be.
    """
    from oracles.dft.espresso import EspressoPotential, EspressoSettings
    from oracles.potential.relaxation import Limits

    _require_protocol("espresso", protocol)
    settings = EspressoSettings(
        dict(pseudopotentials), str(pseudo_dir), cutoff, density_cutoff, xc, kpoints_per_atom, smearing, iterations,
        command,
    )  # fmt: skip
    potential = EspressoPotential(settings, seconds)
    limits = Limits(max_force, steps, seconds)
    placing = _placing(placed_by, "espresso")
    return _of(potential, protocol, prototypes, max_atoms, limits, competing_phases, remember, placing)


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


def probe_gpaw() -> str:
    """Return the version of GPAW and the interpreter that has it; raise where there is none."""
    from oracles.dft.gpaw_interpreter import find

    python = find()
    return f"ready: gpaw {python.gpaw}, run by {python.path}"


def probe_espresso() -> str:
    """Return where `pw.x` is; raise where there is none."""
    from oracles.dft.espresso import find

    return f"ready with your pseudopotentials: {find('pw.x')}"


def _placing(placed_by: str, itself: str) -> Potential | None:
    """Return the potential by which prototypes are compared; None is the oracle's own."""
    if placed_by == itself:
        return None
    if placed_by != "chgnet":
        raise ValueError(unknown(f"`placed_by` of the oracle {itself}", placed_by, ["chgnet", itself]))
    from oracles.potential.chgnet import CHGNetPotential

    return CHGNetPotential()


def _require_protocol(oracle: str, protocol: str) -> None:
    from oracles.potential.oracle import ANSWERS

    if protocol not in ANSWERS:
        raise ValueError(unknown(f"protocol of the oracle {oracle}", protocol, list(ANSWERS)))
    if protocol == "phonons":
        try:
            import phonopy  # noqa: F401
        except ImportError:
            raise ValueError("the protocol phonons needs phonopy: pip install 'gfnmat[phonons]'") from None


def _of(
    potential: Potential,
    protocol: str,
    prototypes: int,
    max_atoms: int,
    limits: Limits,
    phases: Phases | None,
    remember: bool,
    placed_by: Potential | None = None,
    moments: bool = False,
) -> Oracle:
    from oracles.cache_folder import cache_folder
    from oracles.hull.competing_phases import CompetingPhases
    from oracles.potential.oracle import PotentialOracle
    from oracles.remembering import Remembering

    competing = None
    if phases is not None:
        competing = CompetingPhases.of(potential, [phases] if isinstance(phases, str | Path) else phases)
    oracle = PotentialOracle(
        potential,
        protocol,  # type: ignore[arg-type]
        prototypes=prototypes,
        max_atoms=max_atoms,
        limits=limits,
        competing=competing,
        placed_by=placed_by,
        moments=moments,
    )
    return Remembering(oracle, cache_folder() / "evaluations.db") if remember else oracle
