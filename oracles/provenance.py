"""By what an answer was computed: the versions of code, model and data, and the settings that decide it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from oracles.evaluation import Evaluation


@cache
def version_of(package: str) -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def versions_of(*packages: str) -> dict[str, str]:
    """Return package to version."""
    return {package: version_of(package) for package in packages}


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, as `sha256sum` prints it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def signed(evaluations: Sequence[Evaluation], provenance: Mapping[str, str]) -> list[Evaluation]:
    """Return the evaluations with their provenance, whatever their status."""
    return [replace(evaluation, provenance=provenance) for evaluation in evaluations]
