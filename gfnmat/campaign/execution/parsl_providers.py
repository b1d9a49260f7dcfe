"""Parsl's objects as a campaign file describes them: who starts workers, and how they are reached."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.config import ConfigError
from gfnmat.execution_config import ParslConfig
from oracles.registry import unknown

if TYPE_CHECKING:
    from parsl.executors import HighThroughputExecutor

_PROVIDERS = {
    "local": "LocalProvider",
    "slurm": "SlurmProvider",
    "pbs": "PBSProProvider",
    "torque": "TorqueProvider",
    "lsf": "LSFProvider",
    "kubernetes": "KubernetesProvider",
}

_LAUNCHERS = {
    "single": "SingleNodeLauncher",
    "simple": "SimpleLauncher",
    "srun": "SrunLauncher",
    "mpiexec": "MpiExecLauncher",
    "mpirun": "MpiRunLauncher",
    "aprun": "AprunLauncher",
    "jsrun": "JsrunLauncher",
}

_SILENT_BEATS = 5
"""Signs of life that may be missing before workers are given up."""

_IN_ITS_OWN_SESSION = "import os, sys; os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"
"""So that a terminal's Ctrl-C does not end what connects to the workers, and the guard can."""


def require_parsl() -> None:
    """Raise ConfigError where Parsl is not installed."""
    try:
        import_module("parsl")
    except ImportError:
        raise ConfigError(
            "execution: an executor of kind parsl needs Parsl, which is not installed; "
            "run pip install 'gfnmat[parsl]', or choose kind: processes"
        ) from None


def provider(config: ParslConfig, name: str) -> Any:
    """Parsl's provider.

    Args:
        config: what the campaign file says.
        name: of the fidelity, for the sentence of an error.

    Raises:
        ConfigError: an option that the provider does not know or want, or that is missing.
    """
    require_parsl()
    place = f"execution: executors: {name}"
    make = getattr(import_module("parsl.providers"), _PROVIDERS[config.provider])
    parameters = inspect.signature(make.__init__).parameters
    known = [option for option in parameters if option not in ("self", "max_blocks", "walltime", "launcher")]
    for option in config.options:
        if option not in known:
            raise ConfigError(f"{place}: options: {unknown(f'option of {make.__name__}', option, known)}")
    said: dict[str, Any] = {"max_blocks": config.nodes, "init_blocks": 1, **config.options}
    if "walltime" in parameters:
        said["walltime"] = config.walltime
    if "launcher" in parameters:
        said["launcher"] = getattr(import_module("parsl.launchers"), _LAUNCHERS[config.launcher])()
    if config.provider != "kubernetes":  # there the image has its own
        said["worker_init"] = f"{_path_of_python()}\n{config.options.get('worker_init', '')}"
    try:
        return make(**said)
    except Exception as reason:
        raise ConfigError(f"{place}: options: {make.__name__} refused them: {reason}") from None


def high_throughput_executor(config: ParslConfig, name: str, label: str) -> HighThroughputExecutor:
    """Parsl's executor of a fidelity; raises as `provider` does."""
    started_by = provider(config, name)
    from parsl.executors import HighThroughputExecutor

    is_local = config.provider == "local"
    heartbeat = config.heartbeat or (2 if is_local else 30)
    accelerators = config.accelerators
    return HighThroughputExecutor(
        label=label,
        provider=started_by,
        address=config.address or ("127.0.0.1" if is_local else None),
        worker_port_range=config.ports,
        max_workers_per_node=config.workers,
        cores_per_worker=1e-6,  # `workers` says how many, whatever the cores
        available_accelerators=accelerators if isinstance(accelerators, int) else list(accelerators),
        heartbeat_period=heartbeat,
        heartbeat_threshold=_SILENT_BEATS * heartbeat,
        encrypted=not is_local if config.encrypted is None else config.encrypted,
        interchange_launch_cmd=[sys.executable, "-c", _IN_ITS_OWN_SESSION, str(_programs() / "interchange.py")],
    )


def _programs() -> Path:
    """Where Parsl's programs are: beside the interpreter, of which PATH need know nothing."""
    return Path(sys.executable).parent


def _path_of_python() -> str:
    return f"export PATH={shlex.quote(str(_programs()))}{os.pathsep}$PATH"
