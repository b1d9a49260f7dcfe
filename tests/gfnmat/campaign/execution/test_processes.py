"""Processes that die, hang or take too much, and those whose driver does."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import execution_work as work
import pytest

from gfnmat.campaign.execution.failures import TaskError, WorkerDiedError, failure_of
from gfnmat.campaign.execution.processes import ProcessExecutor

PATIENCE = 30.0


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (work.die, "killed by signal 9 (SIGKILL"),
        (lambda: work.die(signal.SIGTERM), "killed by signal 15 (SIGTERM)"),
        (work.segfault, "killed by signal 11 (SIGSEGV)"),
        (lambda: work.leave(3), "ended with exit code 3"),
        (lambda: work.leave(0), "ended with exit code 0"),
    ],
)
def test_a_death_is_its_own_tasks(executor: ProcessExecutor, end: Callable[[], None], said: str) -> None:
    others = [executor.submit(work.pid_after, 0.1) for _ in range(4)]
    died = executor.submit(end)
    others += [executor.submit(work.pid_after, 0.1) for _ in range(4)]
    reason = died.exception(PATIENCE)
    assert isinstance(reason, WorkerDiedError)
    assert said in failure_of(reason)
    assert all(future.result(PATIENCE) for future in others)


def test_a_death_between_tasks_costs_none(executor: ProcessExecutor) -> None:
    assert [executor.submit(work.pid_after, 0.2) for _ in range(2)][1].result(PATIENCE)
    for _ in range(3):
        for pid in executor.pids:
            os.kill(pid, signal.SIGKILL)
        assert [executor.submit(work.double, n) for n in range(6)][5].result(PATIENCE) == 10
        assert executor.submit(work.double, 1).result(PATIENCE) == 2


def test_a_stopped_worker_is_killed_at_its_limit(executor: ProcessExecutor) -> None:
    future = executor.submit_within(0.5, os.kill, 0, signal.SIGSTOP)  # its whole group
    assert isinstance(future.exception(PATIENCE), TimeoutError)
    assert executor.submit(work.double, 1).result(PATIENCE) == 2


@pytest.mark.slow
def test_random_kills_lose_no_task_and_fail_no_other(executor: ProcessExecutor) -> None:
    executor.submit(work.double, 1).result(PATIENCE)
    chance = random.Random(0)
    futures: list[Future[int]] = [executor.submit(work.pid_after, 0.05) for _ in range(120)]
    killed: list[int] = []
    while len(killed) < 20:
        time.sleep(chance.uniform(0.02, 0.1))
        if pids := [pid for pid in executor.pids if pid not in killed]:
            killed.append(chance.choice(pids))
            os.kill(killed[-1], signal.SIGKILL)
    failures = [future.exception(PATIENCE) for future in futures]
    failed = [reason for reason in failures if reason is not None]
    assert all(isinstance(reason, WorkerDiedError) for reason in failed)
    assert len(failed) <= len(killed)
    assert all(future.result() for future, reason in zip(futures, failures, strict=True) if reason is None)


@pytest.mark.parametrize("hang", [time.sleep, work.stuck_in_c])
def test_a_task_that_takes_too_long_is_killed(executor: ProcessExecutor, hang: Callable[[int], None]) -> None:
    start = time.monotonic()
    future = executor.submit_within(0.5, hang, 60)
    with pytest.raises(TimeoutError, match=r"no answer within 0.5 s; allow more `seconds`"):
        future.result(PATIENCE)
    assert time.monotonic() - start < 5
    assert executor.submit_within(5, work.double, 1).result(PATIENCE) == 2


def test_the_limit_does_not_count_the_preparation() -> None:
    with ProcessExecutor(1, prepare=time.sleep, args=(0.6,)) as executor:
        assert executor.submit_within(0.4, work.double, 1).result(PATIENCE) == 2


def test_a_preparation_that_fails_fails_the_tasks_and_may_work_later(tmp_path: Path) -> None:
    sign = tmp_path / "ready"
    with ProcessExecutor(1, prepare=open, args=(sign,)) as executor:
        assert isinstance(executor.submit(work.double, 1).exception(PATIENCE), FileNotFoundError)
        sign.touch()
        assert executor.submit(work.double, 1).result(PATIENCE) == 2
    with ProcessExecutor(1, prepare=work.leave, args=(4,)) as executor:
        reason = executor.submit(work.double, 1).exception(PATIENCE)
        assert failure_of(reason or KeyError()) == "the worker ended with exit code 4 before it was ready"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_is_limited(executor: ProcessExecutor) -> None:
    with ProcessExecutor(1, memory=0.25) as limited:
        assert isinstance(limited.submit(work.take, 1).exception(PATIENCE), MemoryError)
        assert limited.submit(work.take, 0.1).result(PATIENCE)


def test_killing_is_at_once() -> None:
    executor = ProcessExecutor(2)
    futures = [executor.submit(time.sleep, 60) for _ in range(5)]
    while not all(future.running() for future in futures[:2]):
        time.sleep(0.01)
    pids, start = executor.pids, time.monotonic()
    executor.kill()
    assert time.monotonic() - start < 3
    assert [failure_of(future.exception() or KeyError()) for future in futures[:2]] == [
        "the executor was ended at once"
    ] * 2
    assert all(future.cancelled() for future in futures[2:])
    assert not any(_is_running(pid) for pid in pids)


def test_who_hears_of_a_cancellation_may_use_the_executor() -> None:
    executor = ProcessExecutor(1)
    futures = [executor.submit(work.pid_after, 0.3) for _ in range(3)]
    heard: list[bool] = []

    def hear(future: Future[int]) -> None:
        with suppress(RuntimeError):
            executor.submit(work.double, 1)
        heard.append(future.cancelled())

    for future in futures:
        future.add_done_callback(hear)
    executor.shutdown(cancel_futures=True)
    assert heard.count(True) >= 2
    assert len(heard) == 3


def test_an_interrupt_of_the_terminal_does_not_reach_workers(executor: ProcessExecutor) -> None:
    future = executor.submit(work.pid_after, 0.5)
    while not executor.pids:
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(executor.pids[0], signal.SIGINT)
    assert future.result(PATIENCE)
    assert os.getpgid(executor.pids[0]) != os.getpgid(0)


def test_workers_know_neither_the_store_nor_torch(executor: ProcessExecutor) -> None:
    def imports() -> list[str]:
        import gfnmat.campaign.execution.task  # noqa: F401

        return work.modules()

    assert executor.submit(imports).result(PATIENCE) == []


PROGRAM = """
import time
from gfnmat.campaign.execution.processes import ProcessExecutor
print("once")
class Mine(Exception):
    pass
def twice(x):
    if x < 0:
        raise Mine("negative")
    return 2 * x
with ProcessExecutor(2) as executor:
    print([f.result() for f in [executor.submit(twice, x) for x in range(3)]])
    try:
        executor.submit(twice, -1).result()
    except Mine as reason:
        print(reason)
"""


@pytest.mark.parametrize("as_file", [True, False])
def test_a_program_without_a_main_guard_is_not_run_again(tmp_path: Path, as_file: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    command = [sys.executable, str(script)] if as_file else [sys.executable, "-"]
    given = None if as_file else PROGRAM
    ran = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ran.stdout == "once\n[0, 2, 4]\nnegative\n"


DRIVER = """
import sys, time
from gfnmat.campaign.execution.processes import ProcessExecutor
import execution_work as work
executor = ProcessExecutor(1)
executor.submit(work.with_a_grandchild, sys.argv[1])
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_driver_that_is_ended(tmp_path: Path, number: int) -> None:
    sign = tmp_path / "pids"
    importable = os.pathsep.join(sys.path)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(sign)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": importable},
    )
    try:
        _wait_until(sign.exists)
        pids = [int(word) for word in sign.read_text().split()]
        assert all(_is_running(pid) for pid in pids)
        driver.send_signal(number)
        driver.wait(PATIENCE)
        _wait_until(lambda: not any(_is_running(pid) for pid in pids))
    finally:
        driver.kill()
        driver.wait()


FORKING = """
import os, sys, time
from gfnmat.campaign.execution.processes import ProcessExecutor
executor = ProcessExecutor(1)
future = executor.submit(time.sleep, 1.0)
while not executor.pids:
    time.sleep(0.01)
if os.fork() == 0:
    sys.exit()
os.wait()
print(future.exception())
"""


def test_a_copy_of_the_driver_ends_without_the_workers() -> None:
    command = [sys.executable, "-c", FORKING]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert ran.stdout == "None\n"


def test_nothing_outlives_a_worker_either(executor: ProcessExecutor, tmp_path: Path) -> None:
    sign = tmp_path / "pids"
    future = executor.submit_within(10, work.with_a_grandchild, str(sign))
    _wait_until(sign.exists)
    worker, grandchild = (int(word) for word in sign.read_text().split())
    os.kill(worker, signal.SIGKILL)
    assert isinstance(future.exception(PATIENCE), WorkerDiedError)
    _wait_until(lambda: not _is_running(grandchild))


def test_a_death_is_noticed_though_a_copy_holds_the_connection(executor: ProcessExecutor, tmp_path: Path) -> None:
    sign = tmp_path / "pid"
    try:
        assert isinstance(executor.submit(work.with_a_copy, str(sign)).exception(PATIENCE), WorkerDiedError)
    finally:
        os.kill(int(sign.read_text()), signal.SIGKILL)


def test_an_answer_that_cannot_be_read_is_a_failure_of_its_own(executor: ProcessExecutor) -> None:
    def unreadable() -> object:
        class Odd:
            def __reduce__(self) -> tuple[object, ...]:
                return int, ("no number",)

        return Odd()

    assert isinstance(executor.submit(unreadable).exception(PATIENCE), TaskError)
    assert executor.submit(work.double, 1).result(PATIENCE) == 2


def _is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and is not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < until
        time.sleep(0.02)
