"""Threads that do something beside the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def start_beside(work: Callable[[], None], name: str) -> threading.Thread:
    """Starts a thread that ends with the program and gets none of its signals.

    The system may hand a signal to any thread; Python acts in the main one, which would not be woken from a long call.
    """

    def run() -> None:
        if hasattr(signal, "pthread_sigmask"):
            faults = {signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGBUS, signal.SIGABRT}
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)
        work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
