"""The user's own executor: Dask's, executorlib's, or any other of the standard interface."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from gfnmat.campaign.execution.remote import RemoteExecutor
from gfnmat.config import ConfigError
from gfnmat.execution_config import PythonConfig
from oracles.import_path import imported


def imported_executor(config: PythonConfig, name: str, folder: Path) -> RemoteExecutor:
    """Call the factory that a campaign file names.

    Args:
        config: names it, with its arguments.
        name: of the fidelity, for the sentence of an error.
        folder: where its module is looked for.

    Raises:
        ConfigError: it is not there, fails, or returns something else.
    """
    place = f"execution: executors: {name}"
    try:
        factory = imported(config.factory, "factory", "mycluster:executor", folder)
    except ValueError as reason:
        raise ConfigError(f"{place}: {reason}") from None
    try:
        executor = factory(**config.arguments)
    except Exception as reason:
        raise ConfigError(
            f"{place}: the factory {config.factory} failed: {type(reason).__name__}: {reason}"
        ) from reason
    if not isinstance(executor, Executor) and not callable(getattr(executor, "submit", None)):
        raise ConfigError(
            f"{place}: the factory {config.factory} returned {type(executor).__name__}; it returns an executor, which "
            "has `submit` and `shutdown` as concurrent.futures.Executor has"
        )
    return RemoteExecutor(executor)
