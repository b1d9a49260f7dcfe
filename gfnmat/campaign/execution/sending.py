"""Tasks and their outcomes as bytes, so that what cannot be sent costs its own task and no connection."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import cloudpickle

from gfnmat.campaign.execution.failures import TaskError


def pickled_task(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """A task for `outcome`; what `__main__` defines goes with it.

    Raises:
        TaskError: it cannot be sent.
    """
    try:
        return bytes(cloudpickle.dumps((function, args, kwargs)))
    except Exception as reason:
        raise TaskError(f"the task cannot be sent: {type(reason).__name__}: {reason}") from reason


def failed(reason: BaseException) -> Future[Any]:
    """A future that is finished, with this exception."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    future.set_exception(reason)
    return future


def settle(future: Future[Any], sent: bytes | bytearray) -> None:
    """Give a running future an outcome."""
    try:
        succeeded, value = pickle.loads(sent)
    except Exception as reason:
        succeeded, value = False, TaskError(f"the answer cannot be read: {type(reason).__name__}: {reason}")
    if succeeded:
        future.set_result(value)
    else:
        future.set_exception(value)


def outcome(task: bytes | bytearray, unique: str = "") -> bytes:
    """Call a pickled function with its arguments; return pickled whether it returned, and what, or what it raised.

    unique: tells equal tasks apart; Dask would do one and give its answer to both, and a replicate would say nothing.
    """
    try:
        function, args, kwargs = pickle.loads(task)
        returned = function(*args, **kwargs)
    except BaseException as reason:
        return _raised(reason)
    try:
        return cloudpickle.dumps((True, returned))
    except Exception as reason:
        return _raised(TaskError(f"the answer cannot be sent: {type(reason).__name__}: {reason}"))


def _raised(reason: BaseException) -> bytes:
    """An exception as it is if it survives being sent, else what it says."""
    trace = "".join(traceback.format_exception(reason))
    try:
        if not isinstance(reason, Exception):
            raise TypeError("it would end whoever asks for the answer")
        reason.add_note(f"in a worker:\n{trace}")
        sent = cloudpickle.dumps((False, reason))
        if type(pickle.loads(sent)[1]) is not type(reason):
            raise TypeError("it comes back as another")
        return sent
    except BaseException:
        told = TaskError(_described(reason))
        told.add_note(f"in a worker:\n{trace}")
        return cloudpickle.dumps((False, told))


def _described(reason: BaseException) -> str:
    try:
        return f"{type(reason).__name__}: {reason}"
    except Exception:  # its own description fails
        return type(reason).__name__
