"""Where results that any campaign of this user may need again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return `$GFNMAT_CACHE`, or `gfnmat` in the user's folder for caches (`$XDG_CACHE_HOME`, `~/.cache`)."""
    if given := os.environ.get("GFNMAT_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gfnmat"
