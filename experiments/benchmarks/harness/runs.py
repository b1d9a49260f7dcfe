"""One campaign of a benchmark: what it is, where it lives, and what says that it was run already."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

import gfnmat
import oracles
import surrogates
from harness.methods import Method
from harness.problems import BESIDE, Problem
from harness.sources import Table

OUTSIDE_THE_LOOP = ("report", "metrics")
"""Parts of gfnmat that no campaign's course depends on."""


@dataclass(frozen=True)
class Run:
    """A problem, a method and a seed, in a folder of its own.

    Attributes:
        problem, method, seed: what is run.
        content: the campaign file.
        folder: where its store and results are; named by a digest of the content, of the files that it
            names and of the code, so that what is found there is the result of just this.
    """

    problem: str
    method: str
    seed: int
    content: dict[str, Any]
    folder: Path

    @classmethod
    def of(cls, problem: Problem, table: Table | None, method: Method, seed: int, output: Path) -> Run:
        """The run, and its folder below `output`."""
        content = method.applied(problem.content(table), seed, problem.budgets.get(method.name))
        text = json.dumps(content, sort_keys=True)
        for file in _files(content):
            text = text.replace(json.dumps(str(file)), hashlib.sha256(file.read_bytes()).hexdigest())
        digest = hashlib.sha256(f"{text}/{_modules(content)}/{code_digest()}".encode()).hexdigest()[:12]
        folder = output.resolve() / "runs" / problem.name / method.name / f"{seed}-{digest}"
        return cls(problem.name, method.name, seed, content, folder)

    def __str__(self) -> str:
        return f"{self.problem} {self.method} seed {self.seed}"

    @property
    def campaign_file(self) -> Path:
        """The campaign file, which the ordinary commands of gfnmat take too."""
        return self.folder / "campaign.yaml"

    @property
    def is_done(self) -> bool:
        """Whether its result is there."""
        return (self.folder / "run.json").is_file()

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the finished run besides its measurements: seconds, spent, why it ended ..."""
        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))

    def measurements(self) -> pd.DataFrame:
        """The measurements of the finished run, as `Campaign.measurements` gives them."""
        path = self.folder / "measurements.csv"
        others = [column for column in pd.read_csv(path, nrows=0).columns if column != "formula"]
        # in a column of formulas "NaN" is sodium nitride
        return pd.read_csv(path, keep_default_na=False, na_values={column: [""] for column in others})

    def prepare(self) -> None:
        """Writes the campaign file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{self.folder / 'campaign.db'}"
        with self.campaign_file.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump({**self.content, "store": url, "output": str(self.folder)}, file)


def _files(content: Mapping[str, Any]) -> list[Path]:
    """The files that a campaign's content names."""
    parts = (content["space"], *content["fidelities"], content.get("proposer", {}))
    named = {str(part[key]) for part in parts for key in BESIDE & set(part)}
    return sorted(path for path in map(Path, named) if path.is_file())


def _modules(content: Mapping[str, Any]) -> str:
    """The sources of the user's own functions."""
    asked = [fidelity for fidelity in content["fidelities"] if fidelity["oracle"] == "python"]
    files = [Path(part["path"], str(part["function"]).partition(":")[0]).with_suffix(".py") for part in asked]
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


@cache
def code_digest() -> str:
    """A digest of the sources that decide how a campaign goes."""
    digest = hashlib.sha256()
    for package in (gfnmat, surrogates, oracles):
        folder = Path(package.__file__ or "").parent
        for file in sorted(folder.rglob("*.py")):
            part = file.relative_to(folder)
            if package is not gfnmat or part.parts[0] not in OUTSIDE_THE_LOOP:
                digest.update(f"{package.__name__}/{part}".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def commit() -> str:
    """The commit of the sources, with a plus where they differ from it; empty outside of a repository."""
    folder = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=10"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else ""
