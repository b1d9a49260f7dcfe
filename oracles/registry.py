"""Oracles by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from oracles.oracle import Oracle


@dataclass(frozen=True)
class Registration:
    """How an oracle is made: `factory` takes its settings as keywords; `probe` returns what it can do here.

    `probe` is cheap (it loads no model) and raises where the oracle cannot work. `deterministic` says that asking the
    same again gives the same answer.
    """

    factory: Callable[..., Oracle]
    description: str
    probe: Callable[[], str]
    deterministic: bool = False


_registrations: dict[str, Registration] = {}


def register(
    name: str,
    factory: Callable[..., Oracle],
    description: str,
    probe: Callable[[], str] | None = None,
    deterministic: bool = False,
) -> None:
    """Make `build(name, **settings)` call `factory(**settings)`; see `Registration`.

    The factory's keyword parameters are the settings. Raises ValueError if the name is taken.
    """
    if not name.isidentifier():
        raise ValueError(f"an oracle's name is an identifier such as 'mace', not {name!r}")
    if name in _registrations:
        raise ValueError(f"there is an oracle {name!r} already: {_registrations[name].description}")
    _registrations[name] = Registration(factory, description, probe or (lambda: "ready"), deterministic)


def build(name: str, **settings: Any) -> Oracle:
    """Return an oracle by name, with its settings.

    Raises ValueError for an unknown name, an unknown or missing setting, or a setting's bad value.
    """
    if name not in _registrations:
        raise ValueError(unknown("oracle", name, list(_registrations)))
    factory = _registrations[name].factory
    parameters = inspect.signature(factory).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for setting in settings:
            if setting not in parameters:
                raise ValueError(unknown(f"setting of the oracle {name}", setting, list(parameters)))
    for setting, parameter in parameters.items():
        needed = parameter.default is parameter.empty and parameter.kind in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        )
        if needed and setting not in settings:
            raise ValueError(f"the oracle {name} needs the setting {setting!r}")
    return factory(**settings)


def available() -> dict[str, str]:
    """Return the name and a short description of every oracle."""
    return {name: registration.description for name, registration in _registrations.items()}


def is_deterministic(name: str) -> bool:
    """Return whether the oracle of this name is known to answer the same question alike each time."""
    return name in _registrations and _registrations[name].deterministic


def doctor() -> dict[str, str]:
    """Return for every oracle whether it works here: "ready ..." or "cannot work here: ..."; loads no model."""
    findings = {}
    for name, registration in _registrations.items():
        try:
            findings[name] = registration.probe()
        except Exception as reason:
            findings[name] = f"cannot work here: {reason}"
    return findings


def unknown(kind: str, given: str, allowed: Sequence[str]) -> str:
    """Return a sentence about an unknown name: what was given, what is allowed, the nearest right word."""
    nearest = get_close_matches(str(given), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    choice = f"there are: {', '.join(allowed)}" if allowed else "there are none"
    return f"unknown {kind} {given!r}; {choice}{hint}"
