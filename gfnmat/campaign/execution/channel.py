"""Messages between two processes over a socket, with a deadline for all that may block."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from time import monotonic

_HEADER = struct.Struct("!Q")
_CHUNK = 1 << 20
_LOOK = 0.2
"""Seconds after which a silent channel asks whether the other side lives: a process that it started may hold its end
open."""


class Channel:
    """One end of a pair of sockets; a message is its length and its bytes.

    Args:
        end: the socket, which is this object's from now on.
        is_alive: whether there is still someone on the other side.
    """

    def __init__(self, end: socket.socket, is_alive: Callable[[], bool] = lambda: True) -> None:
        end.setblocking(False)
        self._socket = end
        self._is_alive = is_alive

    def send(self, message: bytes, until: float | None = None) -> None:
        """Send a message.

        Raises:
            EOFError: the other side has gone.
            TimeoutError: the monotonic clock passed `until`.
        """
        for part in (_HEADER.pack(len(message)), message):
            unsent = memoryview(part)
            while unsent:
                try:
                    unsent = unsent[self._socket.send(unsent[:_CHUNK]) :]
                except BlockingIOError:
                    self._wait(select.POLLOUT, until)
                except OSError as reason:
                    raise EOFError from reason

    def receive(self, until: float | None = None) -> bytearray:
        """Return the next message; raises as `send` does."""
        (size,) = _HEADER.unpack(self._read(_HEADER.size, until))
        return self._read(size, until)

    def close(self) -> None:
        """Let the other side read to its end."""
        self._socket.close()

    def _read(self, size: int, until: float | None) -> bytearray:
        read = bytearray()
        while len(read) < size:
            try:
                chunk = self._socket.recv(min(_CHUNK, size - len(read)))
            except BlockingIOError:
                self._wait(select.POLLIN, until)
                continue
            except OSError as reason:
                raise EOFError from reason
            if not chunk:
                raise EOFError
            read += chunk
        return read

    def _wait(self, event: int, until: float | None) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        left = _LOOK if until is None else min(_LOOK, until - monotonic())
        if poll.poll(max(0.0, left) * 1000):
            return
        if until is not None and monotonic() >= until:
            raise TimeoutError
        if not self._is_alive() and not poll.poll(0):
            raise EOFError
