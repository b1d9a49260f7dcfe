"""The program of a worker: it answers one task after another until its channel ends.

It starts with the standard library and cloudpickle alone, and keeps the driver's `__main__` out: a script without
`if __name__ == "__main__"`, a notebook and a program read from standard input work alike.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gfnmat.campaign.execution.channel import Channel
from gfnmat.campaign.execution.failures import TaskError
from gfnmat.campaign.execution.sending import outcome

TAKEN = b"taken"

PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from gfnmat.campaign.execution.worker import serve; serve(int(sys.argv.pop(1)))"
)
"""What the interpreter is started with, the driver's `sys.path` and the number of the worker's socket."""


def serve(descriptor: int) -> None:
    """Answer what comes through a socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the driver leaves it to the driver
    with suppress(OSError):
        os.dup2(2, 1)  # what an oracle prints is not among what a command writes for programs
    channel = Channel(socket.socket(fileno=descriptor))
    with suppress(EOFError):
        channel.send(outcome(channel.receive()))
        while True:
            task = channel.receive()
            channel.send(TAKEN)
            channel.send(outcome(task))
            del task


def ready(memory: float | None, prepare: Callable[..., object] | None, args: tuple[Any, ...]) -> None:
    """Prepare a worker, then limit what it may take beyond what it has, GiB."""
    if prepare is not None:
        prepare(*args)
    if memory is not None:
        limit_memory(memory)


def limit_memory(gib: float) -> None:
    """Let this process take so much more than it has, by Linux's limit on data."""
    if sys.platform != "linux":
        raise TaskError("memory is limited on Linux only; leave `memory` out")
    import resource

    with open("/proc/self/status") as status:
        has = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = has + int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
