"""What a store keeps of a failure."""

from concurrent.futures import CancelledError

import pytest

from gfnmat.campaign.execution.failures import TaskError, WorkerDiedError, failure_of


class DumbError(Exception):
    def __str__(self) -> str:
        raise KeyError("nothing to say")


class LongWindedError(Exception):
    reason = "no node could be had"


@pytest.mark.parametrize(
    ("exception", "sentence"),
    [
        (WorkerDiedError("the worker ended with exit code 3"), "the worker ended with exit code 3"),
        (TaskError("fidelities: dft: no such oracle"), "fidelities: dft: no such oracle"),
        (TimeoutError("no answer within 5 s"), "no answer within 5 s"),
        (TimeoutError(), "TimeoutError"),
        (MemoryError(), "MemoryError"),
        (ConnectionError("gone"), "ConnectionError: gone"),
        (CancelledError(), "the evaluation was cancelled"),
        (DumbError(), "DumbError"),
        (OSError("of\n   many\tlines"), "OSError: of many lines"),
        (LongWindedError("x" * 1000), "LongWindedError: no node could be had"),
        (OSError("x" * 1000), "OSError: " + "x" * 400 + " ..."),
    ],
)
def test_a_failure_is_one_sentence(exception: BaseException, sentence: str) -> None:
    assert failure_of(exception) == sentence
