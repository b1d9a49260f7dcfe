"""Runs that are not done yet, in parallel processes of one thread each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from harness.runs import Run

WORKER = Path(__file__).with_name("worker.py")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A run without a result, and why; the whole of what its process said is in the run's `error.txt`."""

    run: Run
    reason: str


def run_all(runs: Sequence[Run], jobs: int, seconds: float, say: Callable[[str], None]) -> list[Failure]:
    """Runs what is not done yet; what is done stays as it is.

    Args:
        runs: all that are wanted.
        jobs: processes at a time.
        seconds: what one run may take; one that takes longer fails, and goes on from there the next time.
        say: told of every run that ends.

    Returns:
        Those that failed. They are tried again the next time.
    """
    waiting = [run for run in runs if not run.is_done]
    say(f"{len(runs)} runs, {len(runs) - len(waiting)} of them done before")
    failures: list[Failure] = []
    pool = ThreadPoolExecutor(jobs)
    try:
        started = perf_counter()
        futures = {pool.submit(_run, run, seconds): run for run in waiting}
        for place, future in enumerate(as_completed(futures), 1):
            failure, took = future.result()
            left = (perf_counter() - started) / place * (len(waiting) - place)
            if failure is not None:
                failures.append(failure)
            outcome = f"FAILED: {failure.reason}" if failure else f"{took:.0f} s"
            say(f"{place}/{len(waiting)}  {futures[future]}: {outcome}  (about {left / 60:.0f} min left)")
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption must not start what still waits
    return failures


def _run(run: Run, seconds: float) -> tuple[Failure | None, float]:
    run.prepare()
    report = run.folder / "error.txt"
    report.unlink(missing_ok=True)
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    start = perf_counter()
    try:
        ended = subprocess.run(
            [sys.executable, str(WORKER), str(run.folder)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return Failure(run, f"took longer than {seconds:g} s"), seconds
    took = perf_counter() - start
    if ended.returncode == 0 and run.is_done:
        return None, took
    report.write_text(ended.stderr, encoding="utf-8")
    last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
    return Failure(run, last[0]), took
