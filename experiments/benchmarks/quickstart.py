"""The quickstart against random search at the same cost, over several seeds.

    python experiments/benchmarks/quickstart.py [--seeds 10 11 12]

Both campaign files as they stand, but for the seed; each pair runs side by side, one core each, as `make run` does.
Cost is declared cost and counts everything: the first design, the lower rungs, failures. The hypervolume is of the
measurements at the target that meet the constraints, on one scale for both, and the reference is a tenth below the
worst of either front. Time and memory are of the whole process.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from machine import describe

from gfnmat import Campaign
from gfnmat.report.comparison import standings
from gfnmat.report.report import collect

FOLDER = Path(__file__).parents[1]
FILES = ("quickstart.yaml", "quickstart-random.yaml")


def run(file: str, seed: int, folder: Path) -> tuple[Campaign, float]:
    """The finished campaign and the seconds that its process took."""
    text = (FOLDER / file).read_text(encoding="utf-8").replace("seed: 0", f"seed: {seed}")
    path, store = folder / f"{seed}-{file}", f"sqlite:///{folder / f'{seed}-{file}.db'}"
    path.write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("gfnmat")), "run", "--quiet", str(path), "--store", store]
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return Campaign.open(path, store=store), perf_counter() - start


def chgnet_evaluations(campaign: Campaign) -> int:
    """Evaluations at every rung but the estimate, failures included."""
    return int((campaign.measurements().fidelity != "estimate").sum())


def main() -> None:
    """Prints one line a seed, and in how many the campaign was ahead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    seeds = parser.parse_args().seeds
    print(describe("chgnet", "botorch", "torchgfn"))
    print("seed  hypervolume: campaign  random   front: campaign  random   CHGNet evaluations   seconds")
    ahead = 0
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pair:
        for seed in seeds:
            folder = Path(name)
            runs = list(pair.map(lambda file, seed=seed, folder=folder: run(file, seed, folder), FILES))
            campaign, random = standings(collect(runs[0][0], [runs[1][0]]))
            counts = [chgnet_evaluations(of) for of, _ in runs]
            ahead += campaign.worth > random.worth
            print(
                f"{seed:4}  {campaign.worth:21.3f}  {random.worth:6.3f}   {campaign.front:15d}  {random.front:6d}   "
                f"{counts[0]:8d} {counts[1]:8d}   {runs[0][1]:5.0f} {runs[1][1]:5.0f}",
                flush=True,
            )
    print(f"the campaign is ahead in {ahead} of {len(seeds)} seeds")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"largest memory of one process: {peak:.2f} GiB; two run at a time")


if __name__ == "__main__":
    main()
