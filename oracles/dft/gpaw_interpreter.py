"""The interpreter that has GPAW: Debian's packages are for the system's Python alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

VARIABLE = "GFNMAT_GPAW_PYTHON"
ASKED = 60.0
"""Seconds for an interpreter to say whether it has GPAW."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that can import GPAW: its path, and GPAW's version."""

    path: str
    gpaw: str


def find(python: str | None = None) -> Interpreter:
    """Return the interpreter: `python` if given, else the first that has GPAW.

    Those are `$GFNMAT_GPAW_PYTHON`, the one that runs this, `python3` on the path, and `/usr/bin/python3`.
    Raises ValueError if there is none.
    """
    named = python or os.environ.get(VARIABLE)
    candidates = [named] if named else [sys.executable, shutil.which("python3"), "/usr/bin/python3"]
    for candidate in candidates:
        if candidate is not None and (version := _gpaw_of(candidate)):
            return Interpreter(candidate, version)
    nobody = f"{named} is no Python that" if named else "no Python here"
    raise ValueError(
        f"{nobody} can import gpaw; on Debian or Ubuntu: apt install gpaw gpaw-data; of a GPAW elsewhere, name its "
        f"interpreter as the setting `python` or in ${VARIABLE}"
    )


@cache
def _gpaw_of(python: str) -> str | None:
    """Return the version of GPAW that an interpreter has; None if it has none."""
    command = [python, "-c", "import gpaw; print(gpaw.__version__)"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=ASKED, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()
