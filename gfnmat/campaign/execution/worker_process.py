"""One worker, as its driver sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from time import monotonic, sleep

from gfnmat.campaign.execution.channel import Channel
from gfnmat.campaign.execution.failures import WorkerDiedError
from gfnmat.campaign.execution.sessions import Guard, end_session
from gfnmat.campaign.execution.worker import PROGRAM

START = 600.0
"""Seconds within which a worker is ready: an oracle may download its model."""

GRACE = 5.0
"""Seconds in which a worker that is no longer needed may end by itself."""


class NotTakenError(Exception):
    """The worker ended before it took the task, which can be given to another."""


class WorkerProcess:
    """A process in a session of its own, so that all that it starts can be ended with it.

    It is asked by one thread at a time; `kill` may come from any.
    """

    def __init__(self, guard: Guard, setup: bytes) -> None:
        mine, its = socket.socketpair()
        with its:
            paths = json.dumps([path for path in sys.path if isinstance(path, str)])
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, paths, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._guard = guard
        self._channel = Channel(mine, self.is_alive)
        self._setup = setup
        guard.watch(self.pid)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs; one that has ended is not reaped by this, so that its number stays its own."""
        if self._process.returncode is not None:
            return False
        if not hasattr(os, "waitid"):  # on macOS before Python 3.13
            return self._process.poll() is None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # another part of the program reaps every child
            return False

    def prepare(self) -> bytearray:
        """Set the worker up; return the outcome.

        Raises:
            WorkerDiedError: it ended meanwhile, or was not ready in time.
        """
        until = monotonic() + START
        try:
            self._channel.send(self._setup, until)
            return self._channel.receive(until)
        except TimeoutError:
            self.end()
            raise WorkerDiedError(f"the worker was not ready within {START:g} s") from None
        except EOFError:
            raise WorkerDiedError(f"the worker {self.end()} before it was ready") from None

    def answer(self, task: bytes, seconds: float | None) -> bytearray:
        """Have a task done; return the outcome.

        Raises:
            NotTakenError: the worker had ended before.
            WorkerDiedError: it ended meanwhile.
            TimeoutError: it took longer than `seconds`, and was killed.
        """
        until = None if seconds is None else monotonic() + seconds
        taken = False
        try:
            self._channel.send(task, until)
            self._channel.receive(until)
            taken = True
            return self._channel.receive(until)
        except TimeoutError:
            self.end()
            raise TimeoutError(f"no answer within {seconds:g} s; allow more `seconds`") from None
        except EOFError:
            how = self.end()
            if not taken:
                raise NotTakenError(how) from None
            raise WorkerDiedError(f"the worker {how}") from None

    def kill(self) -> None:
        """End the process and what it started at once."""
        with self._lock:
            if self._process.returncode is None:
                end_session(self.pid)

    def end(self) -> str:
        """End the process if it has not ended, and what it started; say how it ended by itself."""
        self._channel.close()
        with self._lock:
            if self._process.returncode is None:
                end_session(self.pid)
                self._guard.forget(self.pid)
                self._process.wait()
        return _in_words(self._process.returncode)

    def close(self) -> None:
        """Let the process end by itself, and end it where it does not."""
        self._channel.close()
        until = monotonic() + GRACE
        while self.is_alive() and monotonic() < until:
            sleep(0.01)
        self.end()


def _in_words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"was killed by signal {-code}"
    perhaps = "; out of memory, perhaps" if name == "SIGKILL" else ""
    return f"was killed by signal {-code} ({name}{perhaps})"
