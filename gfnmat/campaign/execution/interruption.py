"""Signals that end a run: Ctrl-C lets what is running finish, once more or any other ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

AT_ONCE = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
"""What a system sends that shuts down, and a cluster's queue before the walltime of a job ends."""


class StoppedError(KeyboardInterrupt):
    """A signal ended the run; everything told is kept.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


class Interruption:
    """A context in which signals are for the loop, where a program has not taken them for itself.

    Args:
        is_busy: whether anything is running that can be waited for; otherwise Ctrl-C ends the run at once.
        drains: told that it is waited for. It is called wherever the program is, and must take no locks.

    Attributes:
        is_draining: whether nothing new is to be begun.
    """

    def __init__(self, is_busy: Callable[[], bool], drains: Callable[[], None] = lambda: None) -> None:
        self.is_draining = False
        self._is_busy = is_busy
        self._drains = drains
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            if callable(signal.getsignal(signal.SIGINT)):  # a shell starts what is in its background without Ctrl-C
                self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._drain)
            for name in AT_ONCE:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            with suppress(ValueError):
                signal.signal(number, handler)

    def _drain(self, number: int, frame: FrameType | None) -> None:
        if self.is_draining or not self._is_busy():
            raise KeyboardInterrupt
        self.is_draining = True
        with suppress(RuntimeError):  # where it interrupted what it would use itself, as a stream
            self._drains()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        raise StoppedError(number)
