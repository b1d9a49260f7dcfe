"""A disk that is full.

Two ways. `limited_to` and `limit_files` bound the size of every file that a process writes; they need no rights, and
a test can lift the bound as one frees a disk. The system then says EFBIG instead of ENOSPC, and SQLite "disk I/O error"
where a full disk is "database or disk is full". `small_tmpfs` is a file system that is really full, and needs root.
"""

from __future__ import annotations

import atexit
import errno
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


class NoMountError(RuntimeError):
    """A file system cannot be mounted here; the message says why."""


def limit_files(kibibytes: int | None) -> None:
    """From now on, no file that this process writes may grow beyond so many KiB; None lifts the limit.

    It holds for the whole process, its threads and the children that it starts; what was larger before stays readable
    and may be written within the limit. Call it in a driver (output that goes to files is bounded, too), or through
    `limited_files` in the test's own process.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _set_limit(kibibytes)


@contextmanager
def limited_files(kibibytes: int) -> Iterator[None]:
    """Within it, no file that this process writes may grow beyond so many KiB; pytest's own files are bounded, too."""
    before, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    _set_limit(kibibytes)  # Python ignores SIGXFSZ unless told otherwise
    try:
        yield
    finally:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


def limited_to(kibibytes: int) -> str:
    """The prelude of a driver whose files end at so many KiB from its start: `run_driver(..., prelude=limited_to(64))`.

    The driver lifts the limit with `limit_files(None)`, imported from this module.
    """
    return f"from {__name__} import limit_files\nlimit_files({kibibytes})\n"


@contextmanager
def small_tmpfs(folder: Path, kibibytes: int) -> Iterator[Path]:
    """Mounts a file system of so many KiB on an empty folder, and unmounts it on leaving, or at interpreter exit.

    What it holds is lost on leaving. Any user may write in it. Every file takes whole pages of 4 KiB. To fill it, use
    `fill`; to free it, remove what `fill` returned.

    Raises:
        NoMountError: this process may not mount; the `tmpfs_folder` fixture of this folder skips then.
    """
    options = f"size={kibibytes}k,mode=1777,nosuid,nodev"
    command = ["mount", "-t", "tmpfs", "-o", options, "gfnmat-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except OSError as missing:
        raise NoMountError(f"there is no mount here: {missing}") from None
    if mounted.returncode != 0:
        raise NoMountError(f"a tmpfs cannot be mounted on {folder}: {mounted.stderr.strip()}")
    unmount = partial(_unmount, folder)
    atexit.register(unmount)
    try:
        yield folder
    finally:
        atexit.unregister(unmount)
        unmount()


def fill(folder: Path, leave: int = 0) -> Path:
    """Fills the file system of a folder but for `leave` KiB with one new file; removing that file frees it.

    It writes until the system refuses: only for `small_tmpfs`.
    """
    ballast = folder / "ballast"
    size = 0
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                size += file.write(bytes(4096))
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
        file.truncate(max(0, size - 1024 * leave))
    return ballast


def _set_limit(kibibytes: int | None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if kibibytes is None else 1024 * kibibytes, hard))


def _unmount(folder: Path) -> None:
    """Unmounts even if files are open: lazily then, so that the mount is out of sight at once."""
    if subprocess.run(["umount", str(folder)], capture_output=True).returncode != 0:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)
