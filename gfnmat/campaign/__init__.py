"""The loop: a campaign, its store, its acquisition and its execution."""

from gfnmat.campaign.campaign import Campaign, Progress, Status

__all__ = ["Campaign", "Progress", "Status"]
