"""Another library's executor, with the manners of one's own."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import execution_work as work
import pytest

from gfnmat.campaign.execution.failures import TaskError, WorkerDiedError, failure_of
from gfnmat.campaign.execution.remote import RemoteExecutor

PATIENCE = 10.0


class Never(Executor):
    """Answers when it is told to, and can cancel nothing."""

    def __init__(self) -> None:
        self.given: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.given.append(future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        raise NotImplementedError


def test_an_answer_after_the_future_was_cancelled_is_dropped() -> None:
    never = Never()
    executor = RemoteExecutor(never)
    future = executor.submit(work.double, 1)
    assert future.cancel()
    never.given[0].set_result(b"late")
    assert future.cancelled()
    executor.shutdown()


def test_killing_fails_what_is_open_and_drops_what_comes_late() -> None:
    never = Never()
    executor = RemoteExecutor(never)
    future = executor.submit(work.double, 1)
    executor.kill()
    assert isinstance(future.exception(PATIENCE), WorkerDiedError)
    never.given[0].set_result(b"late")
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(work.double, 1)


def test_nonsense_and_failures_of_the_library_are_its_tasks() -> None:
    never = Never()
    executor = RemoteExecutor(never)
    nonsense, lost = executor.submit(work.double, 1), executor.submit(work.double, 2)
    never.given[0].set_result(b"nonsense")
    never.given[1].set_exception(ConnectionError("the manager is lost"))
    assert isinstance(nonsense.exception(PATIENCE), TaskError)
    assert failure_of(lost.exception(PATIENCE) or KeyError()) == "ConnectionError: the manager is lost"


def test_a_library_that_takes_no_task_fails_the_task() -> None:
    threads = ThreadPoolExecutor(1)
    executor = RemoteExecutor(threads)
    assert executor.submit(work.double, 1).result(PATIENCE) == 2
    threads.shutdown()
    assert isinstance(executor.submit(work.double, 1).exception(PATIENCE), RuntimeError)
