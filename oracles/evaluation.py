"""What an oracle answers about one material: values, or a failure that says whose fault it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from oracles.properties import objection

if TYPE_CHECKING:
    from pymatgen.core import Structure

Status = Literal["done", "infeasible", "retryable"]

MACHINE_FAULTS = (OSError, MemoryError, TimeoutError)
"""Exceptions that are the machine's fault; all others are the material's."""


class InfeasibleError(ValueError):
    """The material cannot be evaluated; its message says why."""


class UnavailableError(OSError):
    """The machine or the installation cannot evaluate anything now; its message says why."""


def described(reason: Exception) -> str:
    """Return an exception's message, led by its type unless it is one of this module's."""
    own = isinstance(reason, InfeasibleError | UnavailableError)
    return str(reason) if own else f"{type(reason).__name__}: {reason}"


@dataclass(frozen=True)
class Evaluation:
    """One oracle's answer for one material.

    status: `done` (there are values), `infeasible` (the material's fault: learn from it) or `retryable` (the
        machine's fault: try again).
    values: property to number, in the property's unit; empty unless done.
    errors: property to standard error, for those values whose error is known.
    structure: the structure that the values belong to, where there is one.
    seconds: wall-clock time spent; a batch's shared time is divided evenly.
    error: why there are no values; None if done.
    provenance: by what it was computed, as names and texts: the oracle, versions of code, model and data, and settings.

    Raises ValueError for an answer that contradicts itself or is not physical.
    """

    status: Status
    values: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)
    structure: Structure | None = None
    seconds: float = 0.0
    error: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"status is one of {', '.join(get_args(Status))}, not {self.status!r}")
        object.__setattr__(self, "values", {name: float(value) for name, value in self.values.items()})
        object.__setattr__(self, "errors", {name: float(value) for name, value in self.errors.items()})
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise ValueError(f"seconds is a time spent, not {self.seconds}")
        if self.status == "done":
            self._check_done()
        elif self.values or self.errors:
            raise ValueError(f"an evaluation that is {self.status} has no values")
        elif not self.error:
            raise ValueError(f"an evaluation that is {self.status} says why in `error`")

    def _check_done(self) -> None:
        if not self.values:
            raise ValueError("an evaluation that is done has values")
        if self.error is not None:
            raise ValueError("an evaluation that is done has no error")
        if reason := objection(self.values):
            raise ValueError(reason)
        if unknown := self.errors.keys() - self.values.keys():
            raise ValueError(f"standard errors without values: {', '.join(sorted(unknown))}")
        if any(not (math.isfinite(e) and e >= 0) for e in self.errors.values()):
            raise ValueError(f"standard errors are finite and not negative: {self.errors}")

    @classmethod
    def done(
        cls,
        values: Mapping[str, float],
        *,
        errors: Mapping[str, float] | None = None,
        structure: Structure | None = None,
        seconds: float = 0.0,
    ) -> Evaluation:
        """Return the values; raise ValueError if one is not finite or not physical."""
        return cls("done", values, errors or {}, structure, seconds)

    @classmethod
    def judged(
        cls,
        values: Mapping[str, float],
        *,
        errors: Mapping[str, float] | None = None,
        structure: Structure | None = None,
        seconds: float = 0.0,
    ) -> Evaluation:
        """Return the values if they are physical, and otherwise that the material is infeasible."""
        try:
            return cls.done(values, errors=errors, structure=structure, seconds=seconds)
        except (ValueError, TypeError) as reason:
            return cls.infeasible(str(reason), structure=structure, seconds=seconds)

    @classmethod
    def infeasible(cls, error: str, *, structure: Structure | None = None, seconds: float = 0.0) -> Evaluation:
        """Return a failure for a reason of the material."""
        return cls("infeasible", structure=structure, seconds=seconds, error=error)

    @classmethod
    def retryable(cls, error: str, *, structure: Structure | None = None, seconds: float = 0.0) -> Evaluation:
        """Return a failure for a reason of the machine."""
        return cls("retryable", structure=structure, seconds=seconds, error=error)

    @classmethod
    def failed(cls, reason: Exception, *, seconds: float = 0.0) -> Evaluation:
        """Return the failure that an exception means: `MACHINE_FAULTS` are retryable, others infeasible."""
        make = cls.retryable if isinstance(reason, MACHINE_FAULTS) else cls.infeasible
        return make(described(reason), seconds=seconds)
