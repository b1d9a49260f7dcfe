"""With what a campaign was run."""

from __future__ import annotations

import platform

from gfnmat.campaign.store.schema import now
from oracles.provenance import versions_of

PACKAGES = ("gfnmat", "torch", "torchgfn", "botorch", "gpytorch", "pymatgen", "matminer", "smact", "chgnet")


def provenance() -> dict[str, str]:
    """Versions of what takes part, the platform, and the time, as plain text."""
    return {
        **versions_of(*PACKAGES),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": now(),
    }
