"""A candidate described as a choice, whoever picked it."""

from __future__ import annotations

from gfnmat.campaign.records import Choice
from gfnmat.space.candidates import Candidates
from gfnmat.space.structure.wyckoff import load_wyckoff_tables


def described_choice(candidate: Candidates, rung: int, cost: float, why: str) -> Choice:
    """The choice of one candidate (a batch of one) at a rung, without predictions."""
    crystals = candidate.crystals
    return Choice(
        key=candidate.keys[0],
        formula=candidate.formulas[0],
        rung=rung,
        cost=cost,
        means={},
        sds={},
        why=why,
        space_group=None if crystals is None else load_wyckoff_tables().symbol[int(crystals.group) - 1],
        structure=None if crystals is None else candidate.structures[0],
    )
