"""A small campaign whose oracles are functions in this folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gfnmat import Campaign
from tests.gfnmat.campaign.small import ORACLES, content_of


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A campaign of two objectives and two rungs, as a mapping."""
    module = f"oracles_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(ORACLES)
    return content_of(
        module,
        tmp_path,
        constraints=[{"property": "density", "max": 6}],
        proposer={"pool": 200, "trajectories": 640},
        acquisition={"batch_size": 6},
        budget={"cost": 20, "rounds": 4},
    )


@pytest.fixture
def open_campaign(content: dict[str, Any], tmp_path: Path) -> Callable[..., Campaign]:
    """Opens the campaign; keywords replace parts of it."""

    def opened(store: str = "campaign.db", **changes: Any) -> Campaign:
        return Campaign.open({**content, **changes}, store=f"sqlite:///{tmp_path / store}")

    return opened
