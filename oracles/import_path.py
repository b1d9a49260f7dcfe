"""Objects of the user's own, named by import path."""

from __future__ import annotations

import importlib
from typing import Any


def imported(given: str, setting: str, example: str) -> Any:
    """Return what `module:name` names.

    setting: what the path was given as, for the sentence of the error. example: such a path.
    Raises ValueError where it is no such path, and where the module or the name is not there.
    """
    module_name, separator, name = given.partition(":")
    if not (separator and module_name and name):
        raise ValueError(f"{setting} is 'module:name', such as {example!r}, not {given!r}")
    try:
        module = importlib.import_module(module_name)
    except ImportError as reason:
        raise ValueError(f"{setting}: cannot import {module_name!r}: {reason}") from reason
    if not hasattr(module, name):
        raise ValueError(f"{setting}: the module {module_name!r} has no {name!r}")
    return getattr(module, name)
