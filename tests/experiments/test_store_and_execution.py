"""The benchmarks of the store and of execution run, in their quick form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "experiments" / "benchmarks"


def run(script, *arguments):
    command = [sys.executable, str(BENCHMARKS / script), "--quick", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS.parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_where_processes_are_killed():
    shown = run("store_faults.py", "--engines", "sqlite")
    assert shown.count("faults: 0 ") == 2
    assert "8 kills" in shown


@pytest.mark.slow
def test_the_store_is_timed():
    shown = run("store_speed.py", "--engines", "sqlite")
    assert "tells by 8 processes at once" in shown
    assert "all at the target" in shown
    assert "ask(8), cold" in shown


@pytest.mark.slow
def test_a_campaign_ends_whole_where_its_workers_are_killed():
    shown = run("execution.py", "--kinds", "processes")
    assert "idle, 2 workers" in shown
    assert "20 of 20 done" in shown
    assert "0 formulas differ" in shown
