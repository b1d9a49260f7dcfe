"""The interpreter that has GPAW: Debian's packages are for the system's Python alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

VARIABLE = "GFNMAT_GPAW_PYTHON"
ASKED = 60.0
"""Seconds for an interpreter to say whether it has GPAW."""


def find(python: str | None = None) -> str:
    """Return the interpreter: `python` if given, else the first that has GPAW.

    Those are `$GFNMAT_GPAW_PYTHON`, the one that runs this, `python3` on the path, and `/usr/bin/python3`.
    Raises ValueError if there is none.
    """
    named = python or os.environ.get(VARIABLE)
    if named is not None:
        if _has_gpaw(named):
            return named
        raise ValueError(f"{named} is no Python that can import gpaw; {_advice()}")
    for candidate in (sys.executable, shutil.which("python3"), "/usr/bin/python3"):
        if candidate is not None and _has_gpaw(candidate):
            return candidate
    raise ValueError(f"no Python here can import gpaw; {_advice()}")


def version(python: str) -> str:
    """Return the version of GPAW that an interpreter has."""
    command = [python, "-c", "import gpaw; print(gpaw.__version__)"]
    return subprocess.run(command, capture_output=True, text=True, timeout=ASKED, check=True).stdout.strip()


@cache
def _has_gpaw(python: str) -> bool:
    try:
        return bool(version(python))
    except (OSError, subprocess.SubprocessError):
        return False


def _advice() -> str:
    return (
        "on Debian or Ubuntu: apt install gpaw gpaw-data; of a GPAW elsewhere, name its interpreter as the setting "
        f"`python` or in ${VARIABLE}"
    )
