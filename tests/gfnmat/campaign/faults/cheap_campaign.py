"""A campaign that takes a second, and notes each evaluation in a file that all processes append to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.gfnmat.campaign.small import ORACLES, content_of

NOTING = """
import os, time

def note(fidelity, materials):
    # what is asked is appended to the file that ASKED names
    if (name := os.environ.get("ASKED")) is not None:
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for material in materials:
            os.write(file, f"{fidelity} {material.reduced_formula}\\n".encode())
        os.close(file)
        time.sleep(0.01)

def noting(fidelity, function):
    def noted(materials):
        note(fidelity, materials)
        return function(materials)
    return noted

stiffness, hint = noting("real", stiffness), noting("hint", hint)
"""

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
    (folder / f"{module}.py").write_text(ORACLES + NOTING)
    settings = {
        "proposer": {"pool": 50, "trajectories": 64},
        "acquisition": {"batch_size": 4},
        "budget": {"cost": 12, "rounds": 4},
    }
    return content_of(module, folder, **{**settings, **changes})


def program(content: dict[str, Any], folder: Path) -> str:
    """The source that defines `work`, which runs the campaign.

    It says how many evaluations are told, as it begins and after each step, and in the end why it ended.
    """
    file = folder / "campaign.json"
    file.write_text(json.dumps(content))
    return WORK.format(file=str(file))
