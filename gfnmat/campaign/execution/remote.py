"""An executor that belongs to a cluster's library, with the manners of one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from typing import Any
from uuid import uuid4

from gfnmat.campaign.execution.failures import ENDED, TaskError, WorkerDiedError
from gfnmat.campaign.execution.sending import failed, outcome, pickled_task, settle


class RemoteExecutor(Executor):
    """Hands tasks to another executor as bytes, and says of each failure what was its own.

    Libraries differ in what they do to an exception that cannot be sent, to a function of `__main__`, to a future that
    is cancelled, and to one that is open when they end; through this one they do not. A future counts as waiting until
    its answer is there: cancelled before, the answer is dropped, whether or not the library can stop the task.

    Args:
        other: the library's executor.
    """

    def __init__(self, other: Executor) -> None:
        self._other = other
        self._lock = threading.Lock()
        self._open: set[Future[Any]] = set()
        self._is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have `fn(*args, **kwargs)` called; that the other executor takes no task fails the future.

        Raises:
            RuntimeError: the executor was shut down.
        """
        if self._is_shut:
            raise RuntimeError("the executor was shut down and takes no tasks; make another")
        try:
            theirs = self._other.submit(outcome, pickled_task(fn, args, kwargs), uuid4().hex)
        except Exception as reason:
            return failed(reason)
        mine: Future[Any] = Future()
        with self._lock:
            self._open.add(mine)
        mine.add_done_callback(lambda done: self._closed(done, theirs))
        theirs.add_done_callback(lambda done: self._passed_on(done, mine))
        return mine

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; wait for those that are open, or cancel them, and shut the other executor down."""
        self._is_shut = True
        if cancel_futures:
            for future in self._still_open():
                future.cancel()
        if wait:
            wait_for(self._still_open())
        with suppress(NotImplementedError):
            self._other.shutdown(wait=wait)

    def kill(self) -> None:
        """Wait for nothing: open tasks fail."""
        self._is_shut = True
        for future in self._still_open():
            if self._begun(future):
                future.set_exception(WorkerDiedError(ENDED))
        with suppress(Exception):  # it ends with the program at the latest
            self._other.shutdown(wait=False)

    def _still_open(self) -> list[Future[Any]]:
        with self._lock:
            return list(self._open)

    def _begun(self, future: Future[Any]) -> bool:
        """Whether the caller, and nobody before, is to finish a future; it is running then."""
        with self._lock:
            if future not in self._open:
                return False
            self._open.discard(future)
        return future.set_running_or_notify_cancel()

    def _closed(self, mine: Future[Any], theirs: Future[Any]) -> None:
        with self._lock:
            self._open.discard(mine)
        if not theirs.done():
            with suppress(Exception):  # Parsl cannot
                theirs.cancel()

    def _passed_on(self, theirs: Future[Any], mine: Future[Any]) -> None:
        if not self._begun(mine):
            return
        if theirs.cancelled():
            mine.set_exception(TaskError("the executor cancelled the task"))
        elif (reason := theirs.exception()) is not None:
            mine.set_exception(reason)
        else:
            settle(mine, theirs.result())
