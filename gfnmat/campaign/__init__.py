"""The loop: a campaign, its store, its acquisition and its execution."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gfnmat.campaign.campaign import Campaign
    from gfnmat.campaign.progress import Progress, Status

__all__ = ["Campaign", "Progress", "Status"]

_HOMES = {
    "Campaign": "gfnmat.campaign.campaign",
    "Progress": "gfnmat.campaign.progress",
    "Status": "gfnmat.campaign.progress",
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first asked for: a worker needs neither the store nor torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gfnmat.campaign' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
