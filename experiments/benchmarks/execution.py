"""How well a campaign keeps its workers busy, and whether it ends where workers are killed.

    python experiments/benchmarks/execution.py [--parts idle kills] [--tasks 200] [--seconds 0.5] [--batch 16]
        [--trajectories 500] [--kinds parsl processes] [--simulated 1000] [--share 0.05] [--seed 0] [--quick]

1. idle: a space of 25 elements, one fidelity (a function that sleeps), the default surrogate (multi-fidelity
   Gaussian processes) and acquisition, a GFlowNet trained on 500 trajectories a round and batches of 16, as for answers
   that come within half a second, on two workers (`kind: processes`); then on one worker, where rounds are planned one
   after another, half as many. Idle is the share of the time from the first start to the last end that workers did not
   spend in the function, by what the function itself wrote down.
2. kills: a campaign without a surrogate has a function that sleeps 0.05 to 0.2 s asked about 1,000 compositions, on two
   workers, by Parsl (local provider) and by `processes`. The function kills its own process at a share of its attempts,
   drawn from the seed, the formula and the attempt. The attempts that it wrote down are compared with those that the
   store counts. Overhead is the time of two workers, less what the completed attempts slept, over the attempts: it
   holds what the restarts of workers cost.

Processors that others use as well make planning, and so idleness, longer: the load is printed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from machine import describe

from gfnmat.campaign import Campaign
from gfnmat.campaign.store.sql_store import SqlStore

ELEMENTS = "Li Na K Mg Ca Sr Ba Ti Zr Mn Fe Co Ni Cu Zn Al Ga Si Ge P N O S F Cl"
SPACE = {"elements": ELEMENTS.split(), "n_elements": [2, 4], "n_atoms": [2, 16]}
WORKERS = 2
IDLE = 0.10
ATTEMPTS = 6

ORACLE = """
import os, signal, time
from pathlib import Path
from random import Random

FOLDER = Path({folder!r})

def energy(composition):
    n = composition.num_atoms
    mean = sum(k * e.X for e, k in composition.items()) / n
    return -sum(k * (e.X - mean) ** 2 for e, k in composition.items()) / n

def asked(composition, least, most, share):
    began = time.time()
    formula = composition.reduced_formula
    with open(FOLDER / f"{{formula}}.attempts", "ab", buffering=0) as file:
        file.write(b".")
        attempt = file.tell()
    random = Random(f"{seed}/{{formula}}/{{attempt}}")
    seconds, is_killed = random.uniform(least, most), random.random() < share
    time.sleep(seconds / 2 if is_killed else seconds)
    if is_killed:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    with open(FOLDER / "ends", "ab", buffering=0) as file:
        file.write(f"{{began}} {{time.time()}} {{seconds}}\\n".encode())
    return {{"formation_energy": energy(composition)}}

def measure(compositions):
    return [asked(c, {least}, {most}, {share}) for c in compositions]
"""


class Run:
    """A campaign in a folder of its own, and what its oracle wrote down there.

    Args:
        content: the campaign file, whose last fidelity is left without an oracle.
        oracle: what the oracle's source leaves open: `least`, `most` seconds, the `share` that is killed, `seed`.
    """

    def __init__(self, folder: Path, content: Mapping[str, Any], **oracle: float) -> None:
        self.folder = folder
        folder.mkdir()
        module = f"oracle_of_{folder.name}"
        (folder / f"{module}.py").write_text(ORACLE.format(folder=str(folder), **oracle))
        fidelities = [dict(fidelity) for fidelity in content["fidelities"]]
        fidelities[-1] |= {"oracle": "python", "function": f"{module}:measure", "path": str(folder)}
        url = f"sqlite:///{folder / 'campaign.db'}"
        campaign = Campaign.open({**content, "fidelities": fidelities, "output": str(folder)}, store=url)
        start = perf_counter()
        self.reason = campaign.run()
        self.wall = perf_counter() - start
        self.plans = list(campaign.rounds()["seconds"])
        self.store = SqlStore(url)
        self.store.open(content["name"], campaign.config.kept, {})
        ends = (folder / "ends").read_text().splitlines()
        self.began, self.ended, self.slept = (
            list(x) for x in zip(*(map(float, end.split()) for end in ends), strict=True)
        )

    @property
    def attempts(self) -> dict[str, int]:
        """How often the oracle was asked about each formula."""
        return {file.stem: file.stat().st_size for file in self.folder.glob("*.attempts")}

    def idle(self, workers: int) -> float:
        """The share of the workers' time that was not spent in the oracle."""
        busy = sum(end - start for start, end in zip(self.began, self.ended, strict=True))
        return 1 - busy / (workers * (max(self.ended) - min(self.began)))


def idle(folder: Path, tasks: int, seconds: float, batch: int, trajectories: int, seed: int) -> None:
    """Prints how idle workers are with and without planning beside the evaluations."""
    for workers, n in ((WORKERS, tasks), (1, tasks // 2)):
        content = {
            "name": f"idle_{workers}",
            "seed": seed,
            "space": SPACE,
            "objectives": [{"property": "formation_energy", "goal": "minimize"}],
            "fidelities": [{"name": "real", "cost": 1}],
            "proposer": {"kind": "gflownet", "trajectories": trajectories},
            "acquisition": {"batch_size": batch},
            "execution": {"executors": {"real": {"kind": "processes", "workers": workers}}},
            "budget": {"cost": n},
        }
        run = Run(folder / content["name"], content, least=seconds, most=seconds, share=0.0, seed=seed)
        aim = f" (aim: < {IDLE:.0%})" if workers > 1 else ", planned one round after another"
        print(
            f"idle, {workers} workers, batch {batch}, {trajectories} trajectories, seed {seed}: "
            f"{run.idle(workers):.1%}{aim}; "
            f"{len(run.ended)} tasks of {seconds:g} s in {max(run.ended) - min(run.began):.0f} s, {run.wall:.0f} s "
            f"with the start; {len(run.plans)} plans of {min(run.plans):.1f} to {max(run.plans):.1f} s, "
            f"load {os.getloadavg()[0]:.1f}\n  {run.reason}",
            flush=True,
        )


def kills(folder: Path, kind: str, tasks: int, share: float, seed: int) -> None:
    """Prints whether a campaign whose workers are killed is whole at its end."""
    content = {
        "name": kind,
        "seed": seed,
        "space": SPACE,
        "objectives": [{"property": "formation_energy", "goal": "minimize"}],
        "fidelities": [{"name": "real", "cost": 1}],
        "surrogate": {"kind": "none"},
        "proposer": {"kind": "random", "pool": 500},
        "acquisition": {"kind": "random", "batch_size": 50},
        "execution": {
            "attempts": ATTEMPTS,
            "backoff": 0.1,
            "executors": {"real": {"kind": kind, "workers": WORKERS}},
        },
        "budget": {"cost": tasks},
    }
    run = Run(folder / kind, content, least=0.05, most=0.2, share=share, seed=seed)
    issued = {suggestion.choice.formula: suggestion for suggestion in run.store.suggestions()}
    states = {state: n for (_, state), n in run.store.counts().items()}
    counted = sum(suggestion.attempts for suggestion in issued.values())
    made = run.attempts
    differ = sum(made.get(formula, 0) != suggestion.attempts for formula, suggestion in issued.items())
    total = sum(made.values())
    print(
        f"kills, {kind}, {WORKERS} workers, seed {seed}: {states.get('done', 0)} of {tasks} done (aim: all; states "
        f"{states}), {total} attempts of which {total - len(run.ended)} were killed; the store counts {counted}, "
        f"{differ} formulas differ (aim: 0)\n"
        f"  {run.wall:.0f} s, of which {sum(run.slept) / WORKERS:.0f} s asleep; overhead "
        f"{1000 * (WORKERS * run.wall - sum(run.slept)) / total:.0f} ms an attempt, load {os.getloadavg()[0]:.1f}\n"
        f"  {run.reason}",
        flush=True,
    )


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=["idle", "kills"], default=["idle", "kills"])
    parser.add_argument("--kinds", nargs="+", choices=["parsl", "processes"], default=["parsl", "processes"])
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--trajectories", type=int, default=500)
    parser.add_argument("--simulated", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it runs")
    arguments = parser.parse_args()
    tasks, simulated = (8, 20) if arguments.quick else (arguments.tasks, arguments.simulated)
    print(describe("gfnmat", "parsl", "cloudpickle"), flush=True)
    with tempfile.TemporaryDirectory(prefix="gfnmat-benchmark-") as folder:
        if "idle" in arguments.parts:
            idle(Path(folder), tasks, arguments.seconds, arguments.batch, arguments.trajectories, arguments.seed)
        if "kills" in arguments.parts:
            for kind in arguments.kinds:
                kills(Path(folder), kind, simulated, arguments.share, arguments.seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
