"""What is to be found: a campaign file, its table, and how long comparators may search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.sources import BAND_GAPS, DIELECTRIC, TERNARY_OXIDES, Source, Table

FOLDER = Path(__file__).parents[1] / "problems"
BESIDE = {"path", "prior", "prototype"}
"""Keys of a campaign file that may name what lies beside it."""


@dataclass(frozen=True)
class Problem:
    """A campaign that several methods run.

    Attributes:
        name: what it is called.
        file: its campaign file.
        source: the table that it reads; None if it reads none of the user's data.
        budgets: what methods that take no time to choose may spend, so that they too find what is looked for; the
            others have the campaign's own budget.
        reference: the reference point of the hypervolume, a value a property; without one it is a tenth beyond the
            worst of any run's Pareto front, and depends on the runs that are compared.
        k: how many of the best make up the top-K mean and the diversity.
    """

    name: str
    file: Path
    source: Source | None = None
    budgets: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    k: int = 10

    def content(self, table: Table | None) -> dict[str, Any]:
        """The campaign file as plain values, which may be written elsewhere: what lies beside it has absolute paths."""
        document = YAML(typ="safe").load(self.file.read_text(encoding="utf-8"))
        for fidelity in document["fidelities"]:
            if fidelity["oracle"] == "python":
                fidelity.setdefault("path", ".")  # where its module is looked for
        for part in (document["space"], *document["fidelities"], document.get("proposer", {})):
            for key in BESIDE & set(part):
                beside = self.file.parent / str(part[key])
                if table is not None and part[key] == table.source.name:
                    part[key] = str(table.path)
                elif key == "path" or beside.is_file():
                    part[key] = str(beside.resolve())
        return {**document, "name": self.name}


PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("enumerable", FOLDER / "enumerable.yaml", budgets={"random": 6000, "evolutionary": 2000}),
        Problem(
            "dielectric",
            FOLDER / "dielectric.yaml",
            DIELECTRIC,
            budgets={"random": 964, "evolutionary": 964},
            reference={"band_gap": 0.0, "dielectric_total": 1.0},  # a metal; vacuum
        ),
        Problem("band-gap", FOLDER / "band-gap.yaml", BAND_GAPS, budgets={"random": 2500, "evolutionary": 2500}),
        Problem(
            "formation-energy",
            FOLDER / "formation-energy.yaml",
            TERNARY_OXIDES,
            budgets={"random": 6000, "evolutionary": 6000},
        ),
        Problem(
            "quickstart",
            FOLDER.parents[1] / "quickstart.yaml",
            reference={"bulk_modulus": 0.0, "density": 8.0},
        ),
    )
}


def problem_named(name: str) -> Problem:
    """The problem of this name, or of a campaign file of the user's own.

    Raises:
        ValueError: there is neither.
    """
    if name in PROBLEMS:
        return PROBLEMS[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return Problem(path.stem, path)
    raise ValueError(f"problem {name!r} is not known; give a campaign file, or one of {', '.join(PROBLEMS)}.")
