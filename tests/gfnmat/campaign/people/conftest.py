"""Suggestions as a campaign issues them, by number and as a frame."""

import pandas as pd
import pytest

from gfnmat.campaign.frames import suggestions_frame
from gfnmat.campaign.records import Suggestion
from tests.gfnmat.campaign.people.issued import FIDELITIES, PROPERTIES, suggestion


@pytest.fixture
def suggestions() -> dict[int, Suggestion]:
    """By number; 3 is sodium nitride, 4 the second measurement of MgO."""
    issued = [suggestion(1, "MgO"), suggestion(2, "TiO2", rung=0), suggestion(3, "NaN"), suggestion(4, "MgO", 1, 1)]
    return {one.id: one for one in issued}


@pytest.fixture
def frame(suggestions: dict[int, Suggestion]) -> pd.DataFrame:
    return suggestions_frame(list(suggestions.values()), FIDELITIES, PROPERTIES, crystals=False)
