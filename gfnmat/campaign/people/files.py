"""Files that a person fills in: written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

SHEETS = (".csv", ".xlsx")


def check_writable(path: Path) -> None:
    """Sees at once whether a sheet can be written; a file that is there keeps its content.

    Raises:
        ValueError: no kind of file that sheets are written as.
        OSError: the file or its folder cannot be written.
    """
    if path.suffix.lower() not in SHEETS:
        raise ValueError(f"{path}: suggestions are written as {' or '.join(SHEETS)}; give a name that ends so.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.open("ab").close()
    trial = _beside(path)
    trial.open("xb").close()
    trial.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that has its old content, or none, until all of the new one is on the disk."""
    target = path.resolve()  # a link stays one
    part = _beside(target)
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A new name in the same folder: only within one file system is renaming all or nothing."""
    return path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
