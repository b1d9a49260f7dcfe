"""Objects of the user's own, named by import path."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_importing = threading.Lock()


def imported(given: str, setting: str, example: str, path: str | Path | None = None) -> Any:
    """Return what `module:name` names.

    setting: what the path was given as, for the sentence of the error. example: such a path.
    path: a folder in which the module is looked up first, while it is imported.

    Raises ValueError where it is no such path, and where the module or the name is not there.
    """
    module_name, separator, name = given.partition(":")
    if not (separator and module_name and name):
        raise ValueError(f"{setting} is 'module:name', such as {example!r}, not {given!r}")
    if path is not None:
        _require_unshadowed(module_name, Path(path).expanduser().resolve(), setting)
    with _importable(path):
        importlib.invalidate_caches()
        try:
            module = importlib.import_module(module_name)
        except ImportError as reason:
            where = f" with {path} importable" if path is not None else ""
            raise ValueError(f"{setting}: cannot import {module_name!r}{where}: {reason}") from reason
    if not hasattr(module, name):
        raise ValueError(f"{setting}: the module {module_name!r} has no {name!r}")
    return getattr(module, name)


@contextmanager
def _importable(path: str | Path | None) -> Iterator[None]:
    """Have `path` first on `sys.path` for the duration."""
    if path is None:
        yield
        return
    entry = str(Path(path).expanduser().resolve())
    with _importing:
        sys.path.insert(0, entry)
        try:
            yield
        finally:
            sys.path.remove(entry)


def _require_unshadowed(module_name: str, folder: Path, setting: str) -> None:
    """Raise ValueError if another module of this name is imported already: Python would return that one."""
    top = module_name.partition(".")[0]
    source = getattr(sys.modules.get(top), "__file__", None)
    there = (folder / f"{top}.py").exists() or (folder / top / "__init__.py").exists()
    if there and source is not None and folder not in Path(source).resolve().parents:
        raise ValueError(f"{setting}: {top!r} in {folder} hides behind {source}, imported before; rename it")
