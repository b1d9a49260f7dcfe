"""What goes wrong with a worker, said so that a store can keep it."""

from __future__ import annotations

from concurrent.futures import CancelledError

LONGEST = 400
"""Characters of what an exception says that are kept."""

ENDED = "the executor was ended at once"


class WorkerDiedError(RuntimeError):
    """The process that evaluated ended before it answered; the message says how."""


class TaskError(RuntimeError):
    """What a task raised, or that its answer cannot be sent; the message says it all, so that it can be sent itself."""


def failure_of(exception: BaseException) -> str:
    """A sentence for the store about what a future raised: always the machine's fault, never the material's."""
    if isinstance(exception, CancelledError):
        return "the evaluation was cancelled"
    message = _in_a_line(exception)
    if isinstance(exception, WorkerDiedError | TaskError | TimeoutError) and message:
        return message
    return f"{type(exception).__name__}: {message}" if message else type(exception).__name__


def _in_a_line(exception: BaseException) -> str:
    try:
        message = " ".join(str(exception).split())
        if len(message) > LONGEST and isinstance(reason := getattr(exception, "reason", None), str):
            message = " ".join(reason.split())  # Parsl describes its executor first
    except Exception:  # its own description fails
        return ""
    return message if len(message) <= LONGEST else f"{message[:LONGEST]} ..."
