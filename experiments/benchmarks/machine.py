"""On what a benchmark ran."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def describe(*packages: str) -> str:
    """One line: processor, cores, threads, Python and the versions of the packages that matter."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *packages))
    return (
        f"machine: {platform.processor() or platform.machine()}, {cores} cores, "
        f"{torch.get_num_threads()} torch threads, "
        f"Python {platform.python_version()}, {versions}"
    )
