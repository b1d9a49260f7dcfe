"""Tasks and oracles of the tests: by their own names here, so that any worker finds them."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any


class OddError(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd indeed")


def double(x: int) -> int:
    return 2 * x


def pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def raise_odd() -> None:
    raise OddError(1, 2)


def unpicklable() -> Any:
    return threading.Lock()


def die(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def segfault() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def take(gib: float) -> int:
    return len(bytearray(int(gib * 2**30)))


def modules() -> list[str]:
    return sorted(name for name in sys.modules if name.startswith(("sqlalchemy", "torch", "gfnmat.campaign.sql")))


def noted(path: str) -> None:
    """Leave a sign that it was called."""
    Path(path).touch()


def stuck_in_c(seconds: int) -> None:
    """Hold the interpreter's lock in compiled code."""
    ctypes.PyDLL(None).sleep(seconds)


def with_a_grandchild(path: str) -> None:
    """Start a process that outlives its parent unless it is ended; say who is who, and go on for a minute."""
    child = subprocess.Popen(["sleep", "61"])
    partial = Path(path).with_suffix(".part")
    partial.write_text(f"{os.getpid()} {child.pid}")
    partial.rename(path)
    time.sleep(60)


def with_a_copy(path: str) -> None:
    """Leave the session, in a copy of this process that holds all it has open; then die."""
    if os.fork() == 0:
        os.setsid()
        Path(path).write_text(str(os.getpid()))
        time.sleep(60)
    while not Path(path).exists():
        time.sleep(0.01)
    die()


def densities(materials: list[Any]) -> list[Any]:
    """An oracle that a formula decides: `He` kills, `Ne` hangs, `Ar` fails."""
    answers: list[Any] = []
    for material in materials:
        elements = {str(element) for element in material.elements}
        if "He" in elements:
            os._exit(7)
        if "Ne" in elements:
            time.sleep(60)
        answers.append(ValueError("too noble") if "Ar" in elements else {"density": float(material.num_atoms)})
    return answers


def dask_executor(threads: int = 1) -> Any:
    """A factory, as a user's module has it."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=threads, processes=False, dashboard_address=None)
    return Client(cluster).get_executor()
