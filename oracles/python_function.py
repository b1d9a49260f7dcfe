"""The user's own Python function as an oracle."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from oracles.evaluation import Evaluation
from oracles.import_path import imported
from oracles.provenance import file_digest, signed

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


class PythonFunction:
    """Calls `function` with the list of materials; it returns one dict or exception a material.

    function: `"module:name"`, or the callable itself.
    properties: the properties that it answers.
    path: a folder in which the module is looked up first, while it is imported.

    A dict maps properties to numbers; what is not among `properties` is ignored. A dict with none of them is a
    mistake of the function and not of the material, which is retryable. An exception in the list fails its own
    material: `OSError`, `MemoryError` and `TimeoutError` are retryable, all others infeasible. An exception that
    the function raises, or a list of the wrong length, says nothing of any material: all are retryable.
    """

    properties: tuple[str, ...]

    def __init__(
        self,
        function: str | Callable[[list[Any]], Sequence[Any]],
        properties: Sequence[str],
        path: str | Path | None = None,
    ) -> None:
        if isinstance(properties, str) or not properties:
            raise ValueError(f"python: `properties` is a list of property names, not {properties!r}")
        self.properties = tuple(properties)
        self.function = (
            imported(function, "python: `function`", "mymodel:predict", path) if isinstance(function, str) else function
        )
        if not callable(self.function):
            raise ValueError(f"python: {function!r} is not callable")
        self.provenance = {"oracle": "python", **_origin(self.function)}

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the function's answers, each checked."""
        return signed(self._evaluate(materials), self.provenance) if materials else []

    def _evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        start = perf_counter()
        try:
            answers = list(self.function(list(materials)))
            if len(answers) != len(materials):
                raise ValueError(f"{len(materials)} materials were given and {len(answers)} answers returned")
        except Exception as reason:
            seconds = (perf_counter() - start) / len(materials)
            message = f"the function failed: {type(reason).__name__}: {reason}"
            return [Evaluation.retryable(message, seconds=seconds)] * len(materials)
        seconds = (perf_counter() - start) / len(materials)
        return [self._checked(answer, seconds) for answer in answers]

    def _checked(self, answer: Any, seconds: float) -> Evaluation:
        if isinstance(answer, Exception):
            return Evaluation.failed(answer, seconds=seconds)
        if not isinstance(answer, Mapping):
            return Evaluation.infeasible(
                f"the function returned {type(answer).__name__}, not a dict or an exception", seconds=seconds
            )
        values = {name: value for name, value in answer.items() if name in self.properties}
        if not values:
            returned = ", ".join(map(str, answer)) or "nothing"
            return Evaluation.retryable(
                f"the function returned {returned}, and of the declared {', '.join(self.properties)} none: "
                "correct it, or the `properties`",
                seconds=seconds,
            )
        for name, value in values.items():
            if not isinstance(value, Real) or isinstance(value, bool):
                return Evaluation.infeasible(f"{name} is {value!r}, not a number", seconds=seconds)
        return Evaluation.judged(values, seconds=seconds)


def _origin(function: Callable[..., Any]) -> dict[str, str]:
    """Return the function's module and name, and the SHA-256 of the file that defines it, where there is one."""
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", "")
    origin = {"function": f"{module}:{getattr(named, '__qualname__', repr(named))}"}
    source = getattr(sys.modules.get(module), "__file__", None)
    if source is not None and Path(source).is_file():
        origin["sha256"] = file_digest(source)
    return origin
