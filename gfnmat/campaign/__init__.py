"""The loop: a campaign, its store, its acquisition and its execution."""

from gfnmat.campaign.campaign import Campaign
from gfnmat.campaign.progress import Progress, Status

__all__ = ["Campaign", "Progress", "Status"]
