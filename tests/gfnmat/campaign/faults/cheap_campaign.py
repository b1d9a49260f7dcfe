"""A campaign that takes a second, and notes each evaluation in a file that all processes append to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORACLES = '''
"""Properties that cost nothing; what is asked is appended to the file that ASKED names."""
import os, time

def note(fidelity, materials):
    if (name := os.environ.get("ASKED")) is not None:
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for material in materials:
            os.write(file, f"{fidelity} {material.reduced_formula}\\\\n".encode())
        os.close(file)
        time.sleep(0.01)

def stiffness(materials):
    note("real", materials)
    answers = []
    for material in materials:
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
    note("hint", materials)
    return [{"bulk_modulus": 200 * m.get_atomic_fraction("N") + 90 * m.get_atomic_fraction("O")} for m in materials]
'''

WORK = """
import json, os, sys, torch
from gfnmat import Campaign
from tests.gfnmat.campaign.faults.promises import require_whole
torch.set_num_threads(1)
CONTENT = json.load(open({file!r}))
Campaign.open(CONTENT, store="sqlite://").run()  # so that all is imported before a process is forked

def work(url, say):
    require_whole(url)
    campaign = Campaign.open(CONTENT, store=url)
    say(len(campaign.measurements()))
    say(campaign.run(lambda progress: say(progress.evaluations)))
"""


def content_in(folder: Path, **changes: Any) -> dict[str, Any]:
    """The content of the campaign file, whose oracles are put in a folder; keywords replace parts of it."""
    module = f"noting_oracles_{abs(hash(str(folder)))}"
    (folder / f"{module}.py").write_text(ORACLES.replace("\\\\n", "\\n"))
    rungs = [("hint", 0.1), ("real", 1)]
    functions = {"hint": "hint", "real": "stiffness"}
    return {
        "name": "small",
        "space": {"elements": ["Li", "Mg", "Al", "Ti", "N", "O", "S"], "n_elements": [2, 3], "n_atoms": [2, 7]},
        "objectives": [
            {"property": "bulk_modulus", "goal": "maximize"},
            {"property": "density", "goal": "minimize"},
        ],
        "fidelities": [
            {
                "name": name,
                "oracle": "python",
                "function": f"{module}:{functions[name]}",
                "cost": cost,
                "path": str(folder),
            }
            for name, cost in rungs
        ],
        "proposer": {"pool": 50, "trajectories": 64},
        "acquisition": {"batch_size": 4},
        "budget": {"cost": 12, "rounds": 4},
        **changes,
    }


def program(content: dict[str, Any], folder: Path) -> str:
    """The source that defines `work`, which runs the campaign.

    It says how many evaluations are told, as it begins and after each step, and in the end why it ended.
    """
    file = folder / "campaign.json"
    file.write_text(json.dumps(content))
    return WORK.format(file=str(file))
