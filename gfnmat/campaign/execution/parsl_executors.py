"""Evaluation on a cluster: one Parsl kernel, with one labelled executor a fidelity."""

from __future__ import annotations

import atexit
import os
import re
from pathlib import Path
from typing import Any

from gfnmat.campaign.execution.parsl_providers import high_throughput_executor, require_parsl
from gfnmat.campaign.execution.remote import RemoteExecutor
from gfnmat.campaign.execution.sessions import Guard
from gfnmat.config import ConfigError
from gfnmat.execution_config import ParslConfig


class ParslExecutors:
    """The executors of one campaign; the kernel starts with the first, and each asks for nodes from then on.

    Parsl tries nothing again: attempts are counted in the store. Its own time limit only raises an exception in the
    worker's thread, which compiled code does not notice, and is not used: see `task.evaluate_within`. Where this
    process is killed, the guard ends what connects it to the workers, and these end when they miss its signs of life;
    Parsl itself would leave both behind.

    Args:
        folder: where Parsl keeps logs and the scripts that it submits.
    """

    def __init__(self, folder: Path) -> None:
        require_parsl()
        self._folder = folder
        self._kernel: Any = None
        self._labels: set[str] = set()
        self._guard = Guard()
        self._owner = os.getpid()
        self._interchanges: list[int] = []

    def executor(self, name: str, config: ParslConfig) -> RemoteExecutor:
        """Start the executor of a fidelity.

        Raises:
            ConfigError: Parsl refuses what the campaign file says, or does not start.
        """
        label = self._label(name)
        started = high_throughput_executor(config, name, label)
        try:
            if self._kernel is None:
                self._kernel = _kernel(self._folder)
                atexit.register(self._close_at_exit)
            self._kernel.add_executors([started])
        except Exception as reason:
            raise ConfigError(
                f"execution: executors: {name}: Parsl does not start: {type(reason).__name__}: {reason}; "
                f"its log is in {self._folder}"
            ) from reason
        self._interchanges.append(started.interchange_proc.pid)
        self._guard.watch(started.interchange_proc.pid)
        from parsl.concurrent import ParslPoolExecutor

        return RemoteExecutor(ParslPoolExecutor(dfk=self._kernel, executors=[label]))

    def close(self) -> None:
        """End the kernel and all workers; tasks that are open never end, so `kill` their executors before."""
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            atexit.unregister(self._close_at_exit)
            for interchange in self._interchanges:
                self._guard.forget(interchange)
            kernel.cleanup()
            self._guard.close()

    def _close_at_exit(self) -> None:
        if os.getpid() == self._owner:  # a copy of this process ends without
            self.close()

    def _label(self, name: str) -> str:
        """A name that may be part of a file's name, and no other fidelity's."""
        plain = re.sub(r"\W", "-", name)
        label = next(x for x in (plain, *(f"{plain}-{n}" for n in range(2, 1000))) if x not in self._labels)
        self._labels.add(label)
        return label


def _kernel(folder: Path) -> Any:
    from parsl import Config, DataFlowKernel

    return DataFlowKernel(
        Config(
            executors=[],
            run_dir=str(folder.resolve()),
            retries=0,
            usage_tracking=0,
            strategy="simple",
            strategy_period=1,
        )
    )
