"""A small campaign of two objectives and two rungs, whose oracles cost nothing."""

from pathlib import Path
from typing import Any

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


def content_of(module: str, folder: Path, **settings: Any) -> dict[str, Any]:
    """The content of a campaign file whose oracles are functions of a module in a folder."""
    rungs = [("hint", "hint", 0.1), ("real", "stiffness", 1)]
    return {
        "name": "small",
        "space": {"elements": ["Li", "Mg", "Al", "Ti", "N", "O", "S"], "n_elements": [2, 3], "n_atoms": [2, 7]},
        "objectives": [
            {"property": "bulk_modulus", "goal": "maximize"},
            {"property": "density", "goal": "minimize"},
        ],
        "fidelities": [
            {"name": name, "oracle": "python", "function": f"{module}:{function}", "cost": cost, "path": str(folder)}
            for name, function, cost in rungs
        ],
        **settings,
    }
