"""Where the evaluations of each rung run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gfnmat.campaign.execution.imported import imported_executor
from gfnmat.campaign.execution.inline import InlineExecutor
from gfnmat.campaign.execution.processes import ProcessExecutor
from gfnmat.campaign.execution.remote import RemoteExecutor
from gfnmat.campaign.execution.task import OracleSpec, TaskLimits, evaluate, evaluate_within, payload, prepare
from gfnmat.config import CampaignConfig
from gfnmat.execution_config import InlineConfig, ParslConfig, ProcessesConfig, PythonConfig, WorkersConfig
from oracles import Evaluation

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

    from gfnmat.campaign.execution.parsl_executors import ParslExecutors

Here = Callable[[int, Sequence["Composition | Structure"]], list[Evaluation]]
"""Asks the oracle of a rung in this process."""


class Executors:
    """The executor of each rung, started when it is first used; leaving its context ends them all.

    Whatever exception a future has is the machine's fault: `failures.failure_of` says it in a sentence.

    Args:
        config: says which there are.
        here: evaluates in this process, what no other executor is for: the ladder's own oracles.

    Raises:
        ConfigError: Parsl is asked for and is not installed, or refuses its options.
    """

    def __init__(self, config: CampaignConfig, here: Here) -> None:
        self._config = config
        self._here = here
        self._executors: dict[int, Executor] = {}
        self._specs: dict[int, bytes] = {}
        self._parsl: ParslExecutors | None = None
        self._require_parsl_as_said()

    def is_inline(self, rung: int) -> bool:
        """Whether this process evaluates, so that `submit` returns when it is done."""
        return isinstance(self._said(rung), InlineConfig)

    def workers(self, rung: int) -> int:
        """Tasks that run at once."""
        said = self._said(rung)
        return said.at_once if isinstance(said, WorkersConfig) else 1

    def batch(self, rung: int) -> int:
        """Materials to hand over in one task."""
        return self._said(rung).batch

    def submit(self, rung: int, materials: Sequence[Composition | Structure]) -> Future[list[Evaluation]]:
        """Have materials evaluated at a rung: one answer each, in order.

        Raises:
            ConfigError: the executor cannot be started as it is described.
        """
        said, executor = self._said(rung), self.executor(rung)
        if not isinstance(said, WorkersConfig):
            return executor.submit(self._here, rung, materials)
        sent = payload(self._spec(rung), materials, said.threads)
        seconds = None if said.seconds is None else said.seconds * len(materials)
        if isinstance(executor, ProcessExecutor):
            return executor.submit_within(seconds, evaluate, sent)
        if seconds is None and said.memory is None:
            return executor.submit(evaluate, sent)
        return executor.submit(evaluate_within, TaskLimits(seconds, said.memory), sent)

    def executor(self, rung: int) -> Executor:
        """The executor itself, started when it is first asked for.

        Raises:
            ConfigError: it cannot be started as it is described.
        """
        if rung not in self._executors:
            self._executors[rung] = self._started(rung)
        return self._executors[rung]

    def close(self, kill: bool = False) -> None:
        """End all executors: after what they have, or, with `kill`, at once."""
        executors = list(self._executors.values())
        self._executors.clear()
        try:
            for executor in executors:
                if kill and isinstance(executor, ProcessExecutor | RemoteExecutor):
                    executor.kill()
                else:
                    executor.shutdown(cancel_futures=kill)
        finally:
            if self._parsl is not None:
                self._parsl.close()
                self._parsl = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(kill=kind is not None)

    def _name(self, rung: int) -> str:
        return self._config.fidelities[rung].name

    def _said(self, rung: int) -> InlineConfig | ProcessesConfig | ParslConfig | PythonConfig:
        return self._config.execution.executor(self._name(rung))

    def _spec(self, rung: int) -> bytes:
        if rung not in self._specs:
            fidelity, folder = self._config.fidelities[rung], self._config.folder
            spec = OracleSpec(fidelity, self._config.problem.properties, folder.resolve())
            self._specs[rung] = spec.pickled()
        return self._specs[rung]

    def _started(self, rung: int) -> Executor:
        said, name = self._said(rung), self._name(rung)
        if isinstance(said, InlineConfig):
            return InlineExecutor()
        if isinstance(said, ProcessesConfig):
            return ProcessExecutor(said.workers, said.memory, prepare, (self._spec(rung), said.threads))
        if isinstance(said, ParslConfig):
            if self._parsl is None:
                from gfnmat.campaign.execution.parsl_executors import ParslExecutors

                self._parsl = ParslExecutors(self._config.output_folder / "parsl")
            return self._parsl.executor(name, said)
        return imported_executor(said, name, self._config.folder)

    def _require_parsl_as_said(self) -> None:
        """Raise ConfigError now for what Parsl would refuse when the rung is first used, after hours perhaps."""
        for name, said in self._config.execution.executors.items():
            if isinstance(said, ParslConfig):
                from gfnmat.campaign.execution.parsl_providers import provider

                provider(said, name)
