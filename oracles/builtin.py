"""The oracles that are registered from the start. Their modules are imported when one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oracles.builtin_potentials import (
    ase,
    chgnet,
    espresso,
    gpaw,
    probe_ase,
    probe_chgnet,
    probe_espresso,
    probe_gpaw,
)
from oracles.oracle import Oracle
from oracles.registry import register

if TYPE_CHECKING:
    import pandas as pd


def pauling() -> Oracle:
    """Build the electronegativity estimate."""
    from oracles.pauling import Pauling

    return Pauling()


def supply() -> Oracle:
    """Build the look-up of price, abundance and supply risk."""
    from oracles.supply import Supply

    return Supply()


def ionic(max_atoms: int = 100) -> Oracle:
    """Build the ionic estimate for crystals."""
    from oracles.ionic import Ionic

    return Ionic(max_atoms)


def table(
    path: str | Path | None = None,
    frame: pd.DataFrame | None = None,
    key: str = "formula",
    columns: Mapping[str, str] | Sequence[str] | None = None,
    dataset: str | None = None,
    materials_project: Sequence[str] | None = None,
) -> Oracle:
    """Build the look-up in a file, a data frame, a data set of matminer, or what the Materials Project answers."""
    from oracles.table import Table

    return Table(path, frame, key, columns, dataset, materials_project)


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


def register_builtin() -> None:
    """Register the oracles of this package."""
    register(
        "pauling", pauling, "formation energy estimated from electronegativities (composition only)", deterministic=True
    )
    register("supply", supply, "price, abundance and supply risk of the elements", deterministic=True)
    register(
        "ionic", ionic, "formation energy of crystals, estimated from charges and bond valences", deterministic=True
    )
    register(
        "chgnet", chgnet, "CHGNet potential: single_point, equation_of_state or relax", probe_chgnet, deterministic=True
    )
    register("gpaw", gpaw, "density functional theory by GPAW, by the same protocols", probe_gpaw)
    register("espresso", espresso, "density functional theory by Quantum ESPRESSO, by the same", probe_espresso)
    register("ase", ase, "any calculator of ASE, 'module:name', by the same protocols", probe_ase)
    register("table", table, "look-up in a file, a data frame, or a data set of matminer", deterministic=True)
    register("python", python, "the user's own function, 'module:name'")
    register("laboratory", laboratory, "a person: asked by the campaign, and told to it later")
