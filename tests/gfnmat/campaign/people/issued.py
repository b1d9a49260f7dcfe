"""Suggestions as a campaign issues them, of two properties at two rungs, and one that is the user's own."""

from gfnmat.campaign.records import Choice, Suggestion

PROPERTIES = ("bulk_modulus", "density", "shine")
FIDELITIES = ("hint", "lab")


def suggestion(number: int, formula: str, rung: int = 1, replicate: int = 0) -> Suggestion:
    choice = Choice(formula, formula, rung, 1.0, {"density": 3.25}, {"density": 0.5}, "because", replicate=replicate)
    return Suggestion(number, choice, round=0, origin="asked")
