"""The loop: a campaign, its store, its acquisition and its execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gfnmat.lazy import loads

if TYPE_CHECKING:
    from gfnmat.campaign.campaign import Campaign
    from gfnmat.campaign.progress import Progress, Status

__all__ = ["Campaign", "Progress", "Status"]

_HOMES = {
    "Campaign": "gfnmat.campaign.campaign",
    "Progress": "gfnmat.campaign.progress",
    "Status": "gfnmat.campaign.progress",
}
__getattr__ = loads(__name__, _HOMES)
"""Loads a public name when it is first asked for: a worker needs neither the store nor torch."""
