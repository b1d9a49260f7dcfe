"""Suggestions as a campaign issues them, of two properties at two rungs, and one that is the user's own."""

import pandas as pd
import pytest

from gfnmat.campaign.frames import suggestions_frame
from gfnmat.campaign.records import Choice, Suggestion

PROPERTIES = ("bulk_modulus", "density", "shine")
FIDELITIES = ("hint", "lab")


def suggestion(number: int, formula: str, rung: int = 1, replicate: int = 0) -> Suggestion:
    choice = Choice(formula, formula, rung, 1.0, {"density": 3.25}, {"density": 0.5}, "because", replicate=replicate)
    return Suggestion(number, choice, round=0, asked=True, attempts=0)


@pytest.fixture
def suggestions() -> dict[int, Suggestion]:
    """By number; 3 is sodium nitride, 4 the second measurement of MgO."""
    issued = [suggestion(1, "MgO"), suggestion(2, "TiO2", rung=0), suggestion(3, "NaN"), suggestion(4, "MgO", 1, 1)]
    return {one.id: one for one in issued}


@pytest.fixture
def frame(suggestions: dict[int, Suggestion]) -> pd.DataFrame:
    return suggestions_frame(list(suggestions.values()), FIDELITIES, PROPERTIES, crystals=False)
