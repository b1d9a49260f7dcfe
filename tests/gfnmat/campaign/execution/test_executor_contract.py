"""What every executor promises; any other can be run through `ExecutorContract`."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, as_completed
from pathlib import Path
from uuid import uuid4

import cloudpickle
import execution_work as work
import pytest
from pymatgen.core import Composition

from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign.execution.failures import TaskError, failure_of
from gfnmat.campaign.execution.imported import imported_executor
from gfnmat.campaign.execution.inline import InlineExecutor
from gfnmat.campaign.execution.processes import ProcessExecutor
from gfnmat.campaign_file import load
from gfnmat.execution_config import PythonConfig

PATIENCE = 60.0


class ExecutorContract:
    """Subclass it with a fixture `executor`, which may be one for all tests."""

    is_remote = True

    def test_it_answers(self, executor: Executor) -> None:
        assert executor.submit(work.double, 21).result(PATIENCE) == 42
        assert executor.submit(work.double, x=4).result(PATIENCE) == 8

    def test_answers_belong_to_their_questions(self, executor: Executor) -> None:
        futures = {executor.submit(work.double, number): number for number in range(40)}
        for future in as_completed(futures, timeout=PATIENCE):
            assert future.result() == 2 * futures[future]

    def test_equal_tasks_are_two(self, executor: Executor) -> None:
        futures = [executor.submit(uuid4) for _ in range(10)]
        assert len({future.result(PATIENCE) for future in futures}) == 10

    def test_an_exception_is_its_own_tasks(self, executor: Executor) -> None:
        failing, good = executor.submit(int, "no"), executor.submit(work.double, 1)
        with pytest.raises(ValueError, match="invalid literal"):
            failing.result(PATIENCE)
        assert good.result(PATIENCE) == 2

    def test_an_exception_that_cannot_be_made_again_is_told(self, executor: Executor) -> None:
        reason = executor.submit(work.raise_odd).exception(PATIENCE)
        assert reason is not None
        assert "odd indeed" in failure_of(reason)
        assert executor.submit(work.double, 1).result(PATIENCE) == 2

    def test_who_exits_does_not_end_who_asks(self, executor: Executor) -> None:
        if self.is_remote:
            reason = executor.submit(sys.exit, 3).exception(PATIENCE)
            assert isinstance(reason, TaskError)
            assert executor.submit(work.double, 1).result(PATIENCE) == 2

    def test_what_cannot_be_sent_fails_its_own_task(self, executor: Executor) -> None:
        if self.is_remote:
            assert isinstance(executor.submit(work.unpicklable).exception(PATIENCE), TaskError)
            assert isinstance(executor.submit(work.double, threading.Lock()).exception(PATIENCE), TaskError)
        assert executor.submit(work.double, 1).result(PATIENCE) == 2

    def test_what_has_no_name_is_called_too(self, executor: Executor) -> None:
        factor = 3
        assert executor.submit(lambda x: factor * x, 5).result(PATIENCE) == 15

    def test_large_things_are_sent(self, executor: Executor) -> None:
        large = bytes(20_000_000)
        assert executor.submit(lambda x: x, large).result(PATIENCE) == large

    def test_what_was_cancelled_raises_so(self, executor: Executor) -> None:
        if self.is_remote:
            futures = [executor.submit(work.pid_after, 0.1) for _ in range(10)]
            assert futures[-1].cancel()
            with pytest.raises(CancelledError):
                futures[-1].result(PATIENCE)
            assert all(isinstance(future.result(PATIENCE), int) for future in futures[:-1])


class TestInline(ExecutorContract):
    is_remote = False

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        with InlineExecutor() as executor:
            yield executor

    def test_the_future_is_finished(self, executor: Executor) -> None:
        assert executor.submit(work.double, 1).done()

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
    def test_an_interruption_interrupts(self, executor: Executor, interruption: type[BaseException]) -> None:
        def interrupted() -> None:
            raise interruption

        with pytest.raises(interruption):
            executor.submit(interrupted)


class TestProcesses(ExecutorContract):
    @pytest.fixture(scope="class")
    def executor(self) -> Iterator[Executor]:
        with ProcessExecutor(2) as executor:
            yield executor


class TestDask(ExecutorContract):
    @pytest.fixture(scope="class")
    def executor(self) -> Iterator[Executor]:
        config = PythonConfig(kind="python", factory="execution_work:dask_executor")
        with imported_executor(config, "dft", Path(__file__).parent) as executor:
            yield executor


@pytest.mark.slow
class TestParsl(ExecutorContract):
    @pytest.fixture(scope="class")
    def output(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("output")

    @pytest.fixture(scope="class")
    def executors(self, output: Path) -> Iterator[Executors]:
        config = load(
            {
                "space": {"elements": ["Li", "O"]},
                "objectives": [{"property": "density", "goal": "minimize"}],
                "fidelities": [{"name": "single point", "oracle": "python", "function": work.densities, "cost": 1}],
                "budget": {"cost": 10},
                "output": str(output),
                "execution": {"executors": {"single point": {"kind": "parsl", "workers": 2, "seconds": 5}}},
            }
        )
        cloudpickle.register_pickle_by_value(work)  # the folder of the tests is not where Parsl's workers look
        with Executors(config, lambda rung, materials: []) as executors:
            yield executors
        cloudpickle.unregister_pickle_by_value(work)

    @pytest.fixture(scope="class")
    def executor(self, executors: Executors) -> Executor:
        return executors.executor(0)

    def test_an_oracle_is_asked_under_its_limits(self, executors: Executors) -> None:
        good, deadly = executors.submit(0, [Composition("NaCl")]), executors.submit(0, [Composition("He")])
        assert good.result(PATIENCE)[0].values == {"density": 2.0}
        assert failure_of(deadly.exception(PATIENCE) or KeyError()) == "the worker ended with exit code 7"

    def test_nothing_is_written_but_in_the_output_folder(self, executor: Executor, output: Path) -> None:
        assert executor.submit(work.double, 1).result(PATIENCE) == 2
        assert [path.name for path in output.iterdir()] == ["parsl"]
        assert not Path("runinfo").exists()

    def test_workers_that_are_killed_fail_their_own_tasks(self, executor: Executor) -> None:
        futures: list[Future[int]] = [executor.submit(work.pid_after, 0.02) for _ in range(40)]
        killed = [executor.submit(work.die) for _ in range(3)]
        more = [executor.submit(work.double, number) for number in range(20)]
        for future in killed:
            reason = future.exception(PATIENCE)
            assert reason is not None
            assert "Lost" in failure_of(reason)
        assert all(future.result(PATIENCE) for future in futures)
        assert [future.result(PATIENCE) for future in more] == [2 * number for number in range(20)]

    def test_workers_know_nothing_of_the_store(self, executor: Executor) -> None:
        assert "gfnmat.campaign.sql_store" not in executor.submit(work.modules).result(PATIENCE)


def test_an_executor_that_is_shut_takes_nothing() -> None:
    for executor in (InlineExecutor(), ProcessExecutor(1)):
        executor.shutdown()
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(work.double, 1)


def test_shutting_down_waits_or_cancels() -> None:
    executor = ProcessExecutor(1)
    first, second = executor.submit(work.pid_after, 0.2), executor.submit(work.pid_after, 0.2)
    executor.shutdown()
    assert first.done()
    assert second.done()
    executor = ProcessExecutor(1)
    first, second = executor.submit(work.pid_after, 0.3), executor.submit(work.pid_after, 0.2)
    while not first.running():
        time.sleep(0.01)
    assert not second.running()
    executor.shutdown(cancel_futures=True)
    assert first.result()
    assert second.cancelled()
