"""A process that answers one line of JSON to each line of JSON, and is replaced when it does not."""

from __future__ import annotations

import json
import selectors
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, Any

from oracles.evaluation import UnavailableError

START = 120.0
"""Seconds within which a worker says its first line."""

LAST_WORDS = 400
"""Characters of what a worker last wrote on its standard error that are told when it ends."""


class Worker:
    """Starts `command` when it is first asked, and again after it died, was overdue or wrote what it should not.

    The process writes one line of JSON, an object, when it is ready (`greeting`), and one for each request, with the
    request's `id`; it ends when its standard input does. It is asked by one thread at a time.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self.greeting: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._unread = b""
        self._asked = 0
        self._finalizer: weakref.finalize[..., Any] | None = None

    def start(self) -> None:
        """Have a process that is ready; raises `UnavailableError` where there can be none."""
        with self._lock:
            self._running()

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer to a request.

        Raises `TimeoutError` after `seconds`, and `UnavailableError` if the process ends or does not answer as it
        should; the next request starts another.
        """
        with self._lock:
            process = self._running()
            self._asked += 1
            line = json.dumps({**request, "id": self._asked}).encode() + b"\n"
            try:
                assert process.stdin is not None
                process.stdin.write(line)
                process.stdin.flush()
            except OSError:
                raise self._ended() from None
            answer = self._line(process, seconds)
            if answer.get("id") != self._asked:
                raise self._stopped(UnavailableError(f"the worker answered {answer.get('id')}, not {self._asked}"))
            return answer

    def close(self) -> None:
        """End the process."""
        if self._finalizer is not None:
            self._finalizer()
            self._finalizer = self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        except OSError as reason:
            raise UnavailableError(f"the worker {self.command[0]} does not start: {reason}") from reason
        self._process = process
        self._finalizer = weakref.finalize(self, _end, process)
        self.greeting = self._line(process, START)
        return process

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
        """Return the next line that the process writes, an object."""
        assert process.stdout is not None
        until = monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, until - monotonic())):
                    raise self._stopped(TimeoutError(f"no answer within {seconds:g} s; allow more `seconds`"))
                read = process.stdout.read1(1 << 16)  # type: ignore[attr-defined]
                if not read:
                    raise self._ended()
                self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._stopped(UnavailableError(f"the worker answered {line[:80]!r}, which is no JSON object"))
        return answer

    def _stopped(self, reason: OSError) -> OSError:
        self.close()
        return reason

    def _ended(self) -> UnavailableError:
        """Say how the process ended, and what its last words were."""
        assert self._process is not None
        assert self._errors is not None
        status = self._process.wait(START)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()[-LAST_WORDS:]
        self.close()
        return UnavailableError(f"the worker {how}" + (f": {words}" if words else ""))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill and reap a process, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # of what was not written before it ended
                pipe.close()
