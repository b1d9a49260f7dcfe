"""A small campaign whose oracles are functions in this folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gfnmat import Campaign

ORACLES = '''
"""Properties of compositions that cost nothing; `calls` counts the evaluations."""
calls = 0
interrupt_at = None

def stiffness(materials):
    global calls
    answers = []
    for material in materials:
        calls += 1
        if calls == interrupt_at:
            raise KeyboardInterrupt
        x = {str(e): material.get_atomic_fraction(e) for e in material}
        if "S" in x:
            answers.append(ValueError("sulphides melt"))
        else:
            answers.append({
                "bulk_modulus": 400 * x.get("N", 0) + 250 * x.get("O", 0) + 30,
                "density": 2 + 5 * x.get("Ti", 0) + x.get("Al", 0),
            })
    return answers

def hint(materials):
    return [{"bulk_modulus": 200 * m.get_atomic_fraction("N") + 90 * m.get_atomic_fraction("O")} for m in materials]
'''


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A campaign of two objectives and two rungs, as a mapping."""
    module = f"oracles_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(ORACLES)
    return {
        "name": "small",
        "space": {"elements": ["Li", "Mg", "Al", "Ti", "N", "O", "S"], "n_elements": [2, 3], "n_atoms": [2, 7]},
        "objectives": [
            {"property": "bulk_modulus", "goal": "maximize"},
            {"property": "density", "goal": "minimize"},
        ],
        "constraints": [{"property": "density", "max": 6}],
        "fidelities": [
            {"name": "hint", "oracle": "python", "function": f"{module}:hint", "cost": 0.1, "path": str(tmp_path)},
            {"name": "real", "oracle": "python", "function": f"{module}:stiffness", "cost": 1, "path": str(tmp_path)},
        ],
        "proposer": {"pool": 200, "trajectories": 640},
        "acquisition": {"batch_size": 6},
        "budget": {"cost": 20, "rounds": 4},
    }


@pytest.fixture
def open_campaign(content: dict[str, Any], tmp_path: Path) -> Callable[..., Campaign]:
    """Opens the campaign; keywords replace parts of it."""

    def opened(store: str = "campaign.db", **changes: Any) -> Campaign:
        return Campaign.open({**content, **changes}, store=f"sqlite:///{tmp_path / store}")

    return opened
