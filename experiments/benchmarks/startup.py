"""How long the command line takes to answer.

python experiments/benchmarks/startup.py [--runs 10]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from machine import describe

COMMAND = Path(sys.executable).with_name("gfnmat")


def main() -> None:
    """Prints the fastest, the median and the slowest of several runs of `gfnmat --help`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        subprocess.run([COMMAND, "--help"], check=True, capture_output=True)
        seconds.append(perf_counter() - start)
    print(describe("typer"))
    print(
        f"gfnmat --help, {runs} runs: {min(seconds):.2f} s at best, {statistics.median(seconds):.2f} s median, "
        f"{max(seconds):.2f} s at worst"
    )


if __name__ == "__main__":
    main()
