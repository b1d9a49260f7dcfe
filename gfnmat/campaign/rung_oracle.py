"""The oracle of one rung, as a campaign file describes it; workers build it from here, so this imports little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import oracles
from gfnmat.config import ConfigError
from gfnmat.problem import Fidelity
from oracles import Oracle
from oracles.hull import GUESSED
from oracles.supply import PROPERTIES_OF_SUPPLY


def rung_oracle(fidelity: Fidelity, properties: Sequence[str], folder: Path) -> Oracle:
    """Build the oracle of a fidelity.

    Args:
        fidelity: names it, with its settings.
        properties: what decides, which oracles that do not say themselves what they answer are asked for.
        folder: where relative paths, and the modules of the user's own functions, are looked for.

    Raises:
        ConfigError: it cannot be built, or has no noise and is to be asked again.
    """
    settings = fidelity.settings
    if fidelity.replicates > 1 and oracles.is_deterministic(fidelity.oracle):
        raise ConfigError(
            f"fidelities: {fidelity.name}: replicates is {fidelity.replicates}, and the oracle {fidelity.oracle} gives "
            "the same answer each time; leave it at 1"
        )
    if fidelity.oracle in ("python", "laboratory"):
        asked = [name for name in properties if name not in PROPERTIES_OF_SUPPLY]
        settings = {"properties": asked or properties, **settings}
    if fidelity.oracle in ("python", "ase"):
        settings = {"path": folder, **settings}
    if fidelity.oracle == "table" and "path" in settings:
        settings = {**settings, "path": folder / Path(settings["path"]).expanduser()}
    if "pseudo_dir" in settings:
        settings = {**settings, "pseudo_dir": folder / Path(settings["pseudo_dir"]).expanduser()}
    if "competing_phases" in settings:
        settings = {**settings, "competing_phases": _beside(folder, settings["competing_phases"])}
    try:
        return oracles.build(fidelity.oracle, **settings)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"fidelities: {fidelity.name}: {error}") from None


def _beside(folder: Path, sources: str | Sequence[str]) -> list[str | Path]:
    """Sources of competing phases, with files looked for in the folder; `guessed` is none."""
    named = [sources] if isinstance(sources, str) else sources
    return [name if name == GUESSED else folder / Path(name).expanduser() for name in named]
