"""What a worker does, wherever it runs: it builds an oracle once, and asks it.

A worker imports this module, and so neither the store nor, unless its oracle does, torch.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle

from gfnmat.campaign.execution.failures import TaskError, WorkerDiedError
from gfnmat.campaign.rung_oracle import rung_oracle
from gfnmat.problem import Fidelity
from oracles import Evaluation, Oracle

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

    from gfnmat.campaign.execution.processes import ProcessExecutor

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class OracleSpec:
    """From which a worker builds the oracle of a rung.

    fidelity: names the oracle, with its settings.
    properties: what decides.
    folder: that of the campaign file; absolute, for a worker may be elsewhere.
    """

    fidelity: Fidelity
    properties: tuple[str, ...]
    folder: Path

    def pickled(self) -> bytes:
        """As it is sent; also what `__main__` defines, and data frames."""
        return bytes(cloudpickle.dumps(self))


@dataclass(frozen=True)
class TaskLimits:
    """What a task may take where its executor does not see to it: seconds, and GiB of memory."""

    seconds: float | None
    memory: float | None


class _Built(threading.local):
    """What this thread has built, for an oracle is asked by one thread at a time: by the pickled `OracleSpec`."""

    def __init__(self) -> None:
        self.oracles: dict[bytes, Oracle] = {}
        self.isolated: dict[tuple[bytes, float | None], ProcessExecutor] = {}


_built = _Built()


def payload(spec: bytes, materials: Sequence[Composition | Structure], threads: int | None) -> bytes:
    """What `evaluate` is sent: which oracle, as `OracleSpec.pickled`, about which materials, in how many threads."""
    return bytes(cloudpickle.dumps((spec, bytes(cloudpickle.dumps(list(materials))), threads)))


def evaluate(sent: bytes) -> list[Evaluation]:
    """Ask the oracle of a `payload`; one answer a material, in order.

    Raises:
        TaskError: it cannot be built or raised; whatever it was can be sent back.
    """
    try:
        spec, materials, threads = cloudpickle.loads(sent)
        return _oracle(spec, threads).evaluate(cloudpickle.loads(materials))
    except Exception as reason:
        raise TaskError(f"{type(reason).__name__}: {reason}") from None


def evaluate_within(limits: TaskLimits, sent: bytes) -> list[Evaluation]:
    """The same in a process of its own under limits, for executors that have none that hold against compiled code.

    Raises:
        TaskError: as `evaluate` does.
        TimeoutError: it took longer, and was killed.
        WorkerDiedError: its process died.
    """
    from gfnmat.campaign.execution.processes import ProcessExecutor

    spec, _, threads = cloudpickle.loads(sent)
    key = (spec, limits.memory)
    if key not in _built.isolated:
        _built.isolated[key] = ProcessExecutor(1, limits.memory, prepare, (spec, threads))
    try:
        answers: list[Evaluation] = _built.isolated[key].submit_within(limits.seconds, evaluate, sent).result()
        return answers
    except (TaskError, TimeoutError, WorkerDiedError) as reason:
        raise type(reason)(str(reason)) from None
    except Exception as reason:
        raise TaskError(f"{type(reason).__name__}: {reason}") from None


def prepare(spec: bytes, threads: int | None) -> None:
    """Have the oracle built before the first task."""
    _oracle(spec, threads)


def _oracle(spec: bytes, threads: int | None) -> Oracle:
    if threads is not None:
        _limit_threads(threads)
    if spec not in _built.oracles:
        it: OracleSpec = cloudpickle.loads(spec)
        _built.oracles[spec] = rung_oracle(it.fidelity, it.properties, it.folder)
    return _built.oracles[spec]


def _limit_threads(threads: int) -> None:
    for name in _THREADS:
        os.environ[name] = str(threads)  # read when the libraries are loaded
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
