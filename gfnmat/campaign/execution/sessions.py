"""A process and all that it started end together, also when the process that wanted them is killed.

Run as a program, this is the guard: it is told by lines on its standard input which sessions there are, and kills them
once that input ends or whoever started it has gone. It imports little, so that it starts in 20 ms.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_SWEEPS = 3


def end_session(leader: int) -> None:
    """Kill a session: its leader, which must not be reaped before, and all processes that did not leave it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for _ in range(_SWEEPS):  # what a process started meanwhile is found by the next sweep
        members = [pid for pid in _processes() if pid != leader and _is_in(pid, leader)]
        if not members:
            return
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    """All processes of this machine, where the system lists them."""
    with suppress(OSError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return []


def _is_in(pid: int, leader: int) -> bool:
    try:
        return os.getsid(pid) == leader
    except OSError:
        return False


class Guard:
    """A process that outlives this one by the moment it takes to kill the sessions it was told of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, leader: int) -> None:
        """Have the session killed should this process end."""
        with self._lock:
            self._sessions.add(leader)
            self._tell(f"+{leader}")

    def forget(self, leader: int) -> None:
        """Leave the session alone: call it before the leader is reaped, after which its number may be another's."""
        with self._lock:
            self._sessions.discard(leader)
            self._tell(f"-{leader}")

    def close(self) -> None:
        """End the guard; what it watches is killed."""
        with self._lock:
            if self._process is not None:
                assert self._process.stdin is not None
                with suppress(OSError):
                    self._process.stdin.close()
                self._process.wait()
                self._process = None

    def _tell(self, line: str) -> None:
        if self._process is not None:
            try:
                self._write(line)
                return
            except OSError:  # it was killed
                self._process.wait()
                self._process = None
        if self._sessions:
            command = [sys.executable, "-I", "-S", __file__, str(os.getpid())]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
            self._write("\n".join(f"+{leader}" for leader in self._sessions))

    def _write(self, text: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()


def _guard(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sessions: set[int] = set()
    unread = b""
    while os.getppid() == parent:  # a copy of the pipe may be open elsewhere, and then it does not end
        if not select.select([0], [], [], 1.0)[0]:
            continue
        read = os.read(0, 1 << 16)
        if not read:
            break
        *lines, unread = (unread + read).split(b"\n")
        for line in lines:
            (sessions.add if line[:1] == b"+" else sessions.discard)(int(line[1:]))
    for leader in sessions:
        end_session(leader)


if __name__ == "__main__":
    _guard(int(sys.argv[1]))
