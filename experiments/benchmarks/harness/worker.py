"""Runs one campaign to its end, in a process of its own: `python worker.py FOLDER`.

What was killed goes on where its store stands. Two processes never run the same campaign: the second waits for the
first, and then finds its result.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import sys
import threading
import time
import warnings
from pathlib import Path

import torch

from gfnmat import Campaign


def main(folder: Path) -> None:
    """Runs the campaign in a folder and leaves `measurements.csv`, `rounds.csv` and, last, `run.json` there."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "run.json").exists():
            run(folder)


def _end_with(parent: int) -> None:
    """Ends this process when the benchmark that started it is gone; the store keeps what it has."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def run(folder: Path) -> None:
    """Runs the campaign in a folder, or what is left of it."""
    start = time.perf_counter()
    campaign = Campaign.open(folder / "campaign.yaml")
    resumed = campaign.status().spent > 0
    ended = campaign.run()
    status = campaign.status()
    facts = {
        "ended": ended,
        "spent": status.spent,
        "seconds": time.perf_counter() - start,
        "resumed": resumed,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        **campaign.provenance(),
    }
    campaign.measurements().to_csv(folder / "measurements.csv", index=False)
    campaign.rounds().to_csv(folder / "rounds.csv", index=False)
    part = folder / "run.json.part"
    part.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    part.replace(folder / "run.json")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the libraries; what went wrong is an exception
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
