"""With what a campaign was run."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from gfnmat.campaign.schema import now

PACKAGES = ("gfnmat", "torch", "torchgfn", "botorch", "gpytorch", "pymatgen", "matminer", "smact", "chgnet")


def provenance() -> dict[str, str]:
    """Versions of what takes part, the platform, and the time, as plain text."""
    return {
        **{name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": now(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
