"""Ctrl-C lets what is running finish, once more ends it; other signals end a run at once. All of it resumes."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.campaign.execution.interruption import Interruption, StoppedError

SLOW = """
import os, time
from pathlib import Path

def note(text):
    with Path(__file__).with_suffix(".txt").open("a") as file:
        file.write(text + "\\n")

def slow(materials):
    answers = []
    for material in materials:
        note(f"begin {material.reduced_formula} {os.getpid()}")
        time.sleep(SECONDS)
        note(f"end {material.reduced_formula} {os.getpid()}")
        answers.append({"bulk_modulus": 100.0 + 50 * material.get_atomic_fraction("O"), "density": 3.0})
    return answers
"""


class Run:
    """A campaign that runs in a process of its own, whose evaluations are slow and noted."""

    def __init__(self, folder: Path, content: dict[str, Any], seconds: float, **execution: Any) -> None:
        self.module = f"slowly_{folder.name.replace('-', '_')}"
        self.notes = folder / f"{self.module}.txt"
        self.store = f"sqlite:///{folder / 'interrupted.db'}"
        self.content = {
            **content,
            "fidelities": [
                content["fidelities"][0],
                {**content["fidelities"][1], "function": f"{self.module}:slow"},
            ],
            "execution": execution,
            "proposer": {"kind": "random", "pool": 60},
            "budget": {"cost": 9, "rounds": 3},
            "acquisition": {"batch_size": 6},
        }
        (folder / f"{self.module}.py").write_text(f"SECONDS = {seconds}\n{SLOW}")
        self.end = folder / "end.txt"

    def start(self) -> BaseProcess:
        """Runs it in a copy of this process, which has imported all that it needs."""
        process = multiprocessing.get_context("fork").Process(target=self._run)
        process.start()
        return process

    def _run(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
        try:
            self.campaign().run()
        except KeyboardInterrupt as end:
            self.end.write_text(str(getattr(end, "number", 2)))
        os._exit(0)

    def noted(self, what: str) -> list[str]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line.split()[1] for line in lines if line.startswith(what)]

    def wait_for(self, n: int, what: str = "begin") -> None:
        until = time.monotonic() + 90
        while len(self.noted(what)) < n:
            assert time.monotonic() < until, "nothing was begun"
            time.sleep(0.01)

    def campaign(self) -> Campaign:
        return Campaign.open(self.content, store=self.store)


def ended(run: Run, process: BaseProcess) -> tuple[int, float]:
    """The signal by which a run says that it was ended, and the seconds until it was."""
    start = time.monotonic()
    process.join(60)
    assert process.exitcode == 0
    return int(run.end.read_text()), time.monotonic() - start


def table(campaign: Campaign) -> pd.DataFrame:
    return campaign.measurements().drop(columns="seconds")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inline", "processes"])
def test_ctrl_c_drains_and_the_resumed_campaign_equals_an_uninterrupted_one(
    tmp_path: Path, content: dict[str, Any], kind: str
) -> None:
    run = Run(tmp_path, content, 0.4, executors={"real": {"kind": kind, "batch": 2}})
    process = run.start()
    run.wait_for(3)
    os.kill(process.pid, signal.SIGINT)
    number, _ = ended(run, process)
    assert number == signal.SIGINT
    assert run.noted("begin") == run.noted("end"), "what was running was let finish"
    broken = run.campaign()
    assert set(run.noted("end")) == set(broken.measurements().query("fidelity == 'real'").formula)
    assert not broken.status().finished
    assert {s.attempts for s in broken._store.suggestions() if s.id in set(broken.outstanding().id)} <= {0}
    broken.run()
    assert len(run.noted("end")) == len(set(run.noted("end"))), "nothing was done twice"
    whole = Campaign.open({**run.content, "execution": {}}, store=f"sqlite:///{tmp_path / 'whole.db'}")
    whole.run()
    pd.testing.assert_frame_equal(table(broken), table(whole))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["inline", "processes"])
def test_ctrl_c_twice_and_other_signals_end_it_at_once(tmp_path: Path, content: dict[str, Any], kind: str) -> None:
    run = Run(tmp_path, content, 30.0, executors={"real": {"kind": kind}})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGXCPU):
        process = run.start()
        before = len(run.noted("begin"))
        run.wait_for(before + 1)
        os.kill(process.pid, number)
        if number == signal.SIGINT:
            time.sleep(0.5)
            assert process.is_alive()
            os.kill(process.pid, number)
        said, seconds = ended(run, process)
        assert said == number
        assert seconds < 10
        assert not _alive(run), "no worker is left"
    broken = run.campaign()
    assert broken.status().outstanding > 0
    assert {s.attempts for s in broken._store.suggestions()} <= {0, 1}, "what a signal ended is no attempt"
    assert not run.noted("end")


def _alive(run: Run) -> list[int]:
    time.sleep(0.5)
    pids = {int(line.split()[2]) for line in run.notes.read_text().splitlines()}
    return [pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and _state(pid) not in "ZX"]


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def handlers() -> Iterator[Callable[[int], Any]]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    yield signal.getsignal
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_handlers_are_as_before_afterwards(handlers: Callable[[int], Any]) -> None:
    before = handlers(signal.SIGTERM)
    with Interruption(lambda: True) as interruption:
        assert handlers(signal.SIGTERM) is not before
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.is_draining
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StoppedError, match="stopped by SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert handlers(signal.SIGTERM) is before


def test_it_is_said_at_once_that_what_runs_is_waited_for_even_where_that_cannot_be_said() -> None:
    said = []

    def say() -> None:
        said.append("waiting")
        raise RuntimeError("reentrant call inside a writer")

    with Interruption(lambda: True, say) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.is_draining
    assert said == ["waiting"]


def test_nothing_is_waited_for_where_nothing_runs(handlers: Callable[[int], Any]) -> None:
    with Interruption(lambda: False), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_what_a_program_does_with_signals_itself_is_left_to_it(handlers: Callable[[int], Any]) -> None:
    seen = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interruption(lambda: True) as interruption:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGINT)
        assert not interruption.is_draining
    assert seen == [signal.SIGUSR1]
