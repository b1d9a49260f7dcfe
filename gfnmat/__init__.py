"""Finds inorganic materials with generative flow networks and active learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gfnmat.lazy import loads

if TYPE_CHECKING:
    from gfnmat.campaign.campaign import Campaign
    from gfnmat.flow.gflownet import GFlowNet
    from gfnmat.space.candidates import Candidates
    from gfnmat.space.composition.space import CompositionSpace
    from gfnmat.space.crystal.space import CrystalSpace
    from gfnmat.space.table.space import TableSpace

__all__ = ["Campaign", "Candidates", "CompositionSpace", "CrystalSpace", "GFlowNet", "TableSpace"]

_HOMES = {
    "Campaign": "gfnmat.campaign.campaign",
    "Candidates": "gfnmat.space.candidates",
    "CompositionSpace": "gfnmat.space.composition.space",
    "CrystalSpace": "gfnmat.space.crystal.space",
    "GFlowNet": "gfnmat.flow.gflownet",
    "TableSpace": "gfnmat.space.table.space",
}
__getattr__ = loads(__name__, _HOMES)
"""Loads a public name when it is first asked for: torch takes seconds, and `gfnmat --help` must not wait."""
