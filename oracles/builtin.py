"""The oracles that are registered from the start. Their modules are imported when one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.oracle import Oracle
from oracles.registry import register, unknown

if TYPE_CHECKING:
    import pandas as pd


def pauling() -> Oracle:
    """Build the electronegativity estimate."""
    from oracles.pauling import Pauling

    return Pauling()


def ionic(max_atoms: int = 100) -> Oracle:
    """Build the ionic estimate for crystals."""
    from oracles.ionic import Ionic

    return Ionic(max_atoms)


def chgnet(
    protocol: str = "single_point",
    prototypes: int = 8,
    max_atoms: int = 100,
    max_force: float = 0.05,
    steps: int = 200,
    seconds: float = 300.0,
    device: str | None = None,
    competing_phases: str | Path | Sequence[str | Path] | None = None,
) -> Oracle:
    """Build CHGNet; `max_force` (eV/A) and `steps` end a relaxation, and `seconds` guards against one that hangs.

    With `competing_phases` it also answers `energy_above_hull`: above those that are `guessed`, those of a CSV file of
    formulas and formation energies (eV/atom) by this same model, or several of these.

    Raises ValueError for an unknown protocol, a `device` that is not on this machine, and a file that cannot be read.
    """
    from oracles.hull.competing_phases import CompetingPhases
    from oracles.potential.chgnet import CHGNetPotential
    from oracles.potential.oracle import ANSWERS, PotentialOracle
    from oracles.potential.relaxation import Limits
    from oracles.potential.torch_faults import require_device

    if protocol not in ANSWERS:
        raise ValueError(unknown("protocol of the oracle chgnet", protocol, list(ANSWERS)))
    if device is not None:
        require_device(device)
    potential = CHGNetPotential(device)
    competing = None
    if competing_phases is not None:
        sources = [competing_phases] if isinstance(competing_phases, str | Path) else competing_phases
        competing = CompetingPhases.of(potential, sources)
    return PotentialOracle(
        potential,
        protocol,  # type: ignore[arg-type]
        prototypes=prototypes,
        max_atoms=max_atoms,
        limits=Limits(max_force, steps, seconds),
        competing=competing,
    )


def table(
    path: str | Path | None = None,
    frame: pd.DataFrame | None = None,
    key: str = "formula",
    columns: Mapping[str, str] | Sequence[str] | None = None,
    dataset: str | None = None,
) -> Oracle:
    """Build the look-up in a file, a data frame, or a data set of matminer."""
    from oracles.table import Table

    return Table(path, frame, key, columns, dataset)


def python(
    function: str | Callable[[list[Any]], Sequence[Any]],
    properties: Sequence[str],
    path: str | Path | None = None,
) -> Oracle:
    """Build the user's own function."""
    from oracles.python_function import PythonFunction

    return PythonFunction(function, properties, path)


def laboratory(properties: Sequence[str]) -> Oracle:
    """Build what a person measures."""
    from oracles.laboratory import Laboratory

    return Laboratory(properties)


def probe_chgnet() -> str:
    """Return the versions of CHGNet and of the references; raise where they are missing."""
    from importlib.metadata import version

    from oracles.potential.references import load

    references = load("chgnet")
    return f"ready: chgnet {version('chgnet')}, model {references.version}, {len(references.elements)} elements"


def register_builtin() -> None:
    """Register the oracles of this package."""
    register(
        "pauling", pauling, "formation energy estimated from electronegativities (composition only)", deterministic=True
    )
    register(
        "ionic", ionic, "formation energy of crystals, estimated from charges and bond valences", deterministic=True
    )
    register(
        "chgnet", chgnet, "CHGNet potential: single_point, equation_of_state or relax", probe_chgnet, deterministic=True
    )
    register("table", table, "look-up in a file, a data frame, or a data set of matminer", deterministic=True)
    register("python", python, "the user's own function, 'module:name'")
    register("laboratory", laboratory, "a person: asked by the campaign, and told to it later")
