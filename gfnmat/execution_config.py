"""What a campaign file may say about where and how evaluations run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from gfnmat.problem import Value


class ExecutorConfig(Value):
    """Where the evaluations of one fidelity run, whatever its kind.

    Attributes:
        batch: materials handed to the oracle at once: what one failure of a machine can cost.
    """

    kind: str
    batch: int = Field(default=1, ge=1)


class InlineConfig(ExecutorConfig):
    """Evaluates in the process of the loop, which waits."""

    kind: Literal["inline"] = "inline"
    batch: int = Field(default=8, ge=1)


class WorkersConfig(ExecutorConfig):
    """Evaluates in workers.

    Attributes:
        workers: evaluations that run at once; of `parsl`, on each node.
        seconds: time limit of one material's evaluation; k materials in one batch have k times as long. Starting a
            worker and building its oracle does not count. None sets no limit.
        memory: GiB that a worker may take on top of what it has when its oracle is built; on Linux. None sets no limit.
        threads: threads of one worker; None leaves them as they are.
    """

    workers: int = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    memory: float | None = Field(default=None, gt=0)
    threads: int | None = Field(default=1, ge=1)

    @property
    def at_once(self) -> int:
        """Evaluations that run at once, on all machines together."""
        return self.workers


class ProcessesConfig(WorkersConfig):
    """Evaluates in processes of this machine."""

    kind: Literal["processes"]


class ParslConfig(WorkersConfig):
    """Evaluates on the nodes of a cluster, by Parsl.

    Attributes:
        provider: who starts workers: this machine (`local`), or the cluster's queue.
        nodes: most blocks at once; a block is one job of the queue, of one node unless `options` names more
            (`nodes_per_block`). They are asked for as the work needs them.
        walltime: of one block, HH:MM:SS; what runs at its end is evaluated again.
        options: settings of Parsl's provider as it names them: `partition`, `account`, `qos`, `queue`,
            `scheduler_options`, `worker_init` (shell lines before the workers start), `init_blocks`, `namespace`,
            `image` and so on.
        launcher: how workers come to the nodes of one block; `srun` or `mpiexec` where it has several.
        address: of this machine as the nodes see it; None tries all it has.
        ports: first and last port on which this machine listens, where a firewall lets only some through.
        heartbeat: seconds between signs of life; workers silent for five times as long are given up. None is 2 s
            for `local` and 30 s for others.
        encrypted: whether what is sent is encrypted; None encrypts what leaves this machine.
        accelerators: how many, or which, each worker has one of its own of; `workers` is no more than these.
    """

    kind: Literal["parsl"]
    provider: Literal["local", "slurm", "pbs", "torque", "lsf", "kubernetes"] = "local"
    nodes: int = Field(default=1, ge=1)
    walltime: str = "01:00:00"
    options: dict[str, Any] = Field(default_factory=dict)
    launcher: Literal["single", "simple", "srun", "mpiexec", "mpirun", "aprun", "jsrun"] = "single"
    address: str | None = None
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], Annotated[int, Field(ge=1, le=65535)]] = (54000, 55000)
    heartbeat: int | None = Field(default=None, ge=1)
    encrypted: bool | None = None
    accelerators: int | tuple[str, ...] = 0

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if not re.fullmatch(r"\d+:[0-5]\d:[0-5]\d", self.walltime):
            raise ValueError(f"walltime is {self.walltime!r}; give hours, minutes and seconds, such as 01:00:00")
        for option, word in _SAID_BY.items():
            if option in self.options:
                raise ValueError(f"options: {option} is said by `{word}`; leave it out of the options")
        if self.ports[0] >= self.ports[1]:
            raise ValueError(f"ports {list(self.ports)} must ascend")
        given = self.accelerators if isinstance(self.accelerators, int) else len(self.accelerators)
        if given and self.workers > given:
            raise ValueError(f"workers is {self.workers}, and there are {given} accelerators; give each worker one")
        return self

    @property
    def at_once(self) -> int:
        """Evaluations that run at once, on all machines together."""
        return self.workers * self.nodes * int(self.options.get("nodes_per_block", 1))


_SAID_BY = {"max_blocks": "nodes", "walltime": "walltime", "launcher": "launcher"}


class PythonConfig(WorkersConfig):
    """Evaluates on the user's own `concurrent.futures.Executor`.

    Attributes:
        factory: `module:name` of what returns the executor; the module is looked for beside the campaign file.
        arguments: what it is called with.
        workers: evaluations handed to it at once.
    """

    kind: Literal["python"]
    factory: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    threads: int | None = Field(default=None, ge=1)


EXECUTORS: dict[str, type[ExecutorConfig]] = {
    "inline": InlineConfig,
    "processes": ProcessesConfig,
    "parsl": ParslConfig,
    "python": PythonConfig,
}


def _kind(executor: Any) -> str | None:
    """The kind of an executor as it was given; None for one that is not known."""
    kind = executor.get("kind") if isinstance(executor, Mapping) else getattr(executor, "kind", None)
    return kind if isinstance(kind, str) and kind in EXECUTORS else None


AnyExecutorConfig = Annotated[
    Annotated[InlineConfig, Tag("inline")]
    | Annotated[ProcessesConfig, Tag("processes")]
    | Annotated[ParslConfig, Tag("parsl")]
    | Annotated[PythonConfig, Tag("python")],
    Discriminator(_kind),
]


class ExecutionConfig(Value):
    """How evaluations are run.

    Attributes:
        attempts: evaluations of one material tried before a failure of the machine is given up.
        backoff: seconds before the second attempt, doubled for each further one.
        lease: seconds after which what a vanished process was evaluating may be given to another.
        executors: name of a fidelity to its executor; a fidelity not named is evaluated in this process.
    """

    attempts: int = Field(default=3, ge=1)
    backoff: float = Field(default=1.0, ge=0)
    lease: float = Field(default=300.0, gt=0)
    executors: dict[str, AnyExecutorConfig] = Field(default_factory=dict)

    def executor(self, fidelity: str) -> InlineConfig | ProcessesConfig | ParslConfig | PythonConfig:
        """The executor of a fidelity."""
        return self.executors.get(fidelity, InlineConfig())
