"""Who evaluates: one run of the loop, in a process, on a machine; and whether it is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import uuid4

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
    host, boot, space, process, _ = owner.split("/")
    here = _here()
    if host != here[0] or (boot == here[1] and space != here[2]):
        return False
    if boot != here[1]:
        return True  # this machine started anew since
    if process == here[3]:
        return owner not in _alive
    number, started = process.split("-")
    return _process(int(number)) != f"{number}-{started}"


def _here() -> tuple[str, str, str, str]:
    return socket.gethostname().replace("/", "-"), _boot(), _process_space(), _process(os.getpid())


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


def _process(number: int) -> str:
    """A process's number, and when it started, in ticks since the machine did: numbers are used again."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return f"{number}-gone" if fields[0] in "ZX" else f"{number}-{fields[19]}"
    except FileNotFoundError:
        pass
    if Path("/proc/self/stat").exists():
        return f"{number}-gone"
    try:
        return f"{number}-{psutil.Process(number).create_time():.0f}"
    except psutil.Error:
        return f"{number}-gone"
