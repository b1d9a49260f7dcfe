"""Who evaluates: one run of the loop, in a process, on a machine; and whether it is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import getnode, uuid4

import psutil

_alive: set[str] = set()
"""Owners in this process that have not retired."""


def take_up() -> str:
    """A new owner, alive until it retires or its process ends."""
    owner = "/".join([*_here(), uuid4().hex[:8]])
    _alive.add(owner)
    return owner


def retire(owner: str) -> None:
    """What this owner held may be taken over at once."""
    _alive.discard(owner)


def is_gone(owner: str) -> bool:
    """Whether an owner has surely ended; of other machines nobody here can tell, only their leases can."""
    machine, boot, space, process, _ = owner.split("/")
    here = _here()
    if machine != here[0] or (boot == here[1] and space != here[2]):
        return False
    if boot != here[1]:
        return True  # this machine started anew since
    if process == here[3]:
        return owner not in _alive
    return not _runs(*process.split("-"))


def _here() -> tuple[str, str, str, str]:
    return _machine(), _boot(), _process_space(), f"{os.getpid()}-{_start(os.getpid())}"


def _machine() -> str:
    """Its name, and what tells it from others of that name: of copies of one system only the hardware differs."""
    kept = Path("/etc/machine-id")
    number = kept.read_text().strip()[:8] if kept.exists() else ""
    return f"{socket.gethostname()}-{number}-{getnode():x}".replace("/", "-")


def _boot() -> str:
    """The present run of this machine; wall-clock times would differ after the clock was set."""
    kept = Path("/proc/sys/kernel/random/boot_id")
    return kept.read_text().strip()[:13] if kept.exists() else str(round(psutil.boot_time() / 60))


def _process_space() -> str:
    """Containers on one machine may share its name, and number their processes alike."""
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return "0"


def _runs(number: str, start: str) -> bool:
    """Whether a process may still run: numbers are used again, and other users' processes may be hidden."""
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return _start(int(number)) in (start, "")


def _start(number: int) -> str:
    """When a process started, in ticks since the machine did; `gone` if it has ended, empty where nobody may know."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return "gone" if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    try:
        return f"{psutil.Process(number).create_time():.0f}" if not Path("/proc/self/stat").exists() else ""
    except psutil.NoSuchProcess:
        return "gone"
    except psutil.Error:
        return ""
