"""Evaluation in this process, behind the interface of an executor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class InlineExecutor(Executor):
    """Computes at once: the future that it returns is finished.

    `KeyboardInterrupt` and `SystemExit` are raised to whoever submits.
    """

    def __init__(self) -> None:
        self._is_shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn(*args, **kwargs)`.

        Raises:
            RuntimeError: the executor was shut down.
        """
        if self._is_shut:
            raise RuntimeError("the executor was shut down and takes no tasks; make another")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as reason:
            future.set_exception(reason)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks."""
        self._is_shut = True
