"""The protocols that oracles fulfil, and the isolation that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from oracles.evaluation import Evaluation

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@runtime_checkable
class Oracle(Protocol):
    """Answers properties of materials at one level of theory.

    `evaluate` returns one evaluation a material, in order, and raises for no material: a bad one fails by
    itself. The values of an evaluation that is done are of `properties`; it may lack some of them.
    """

    properties: tuple[str, ...]

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return one evaluation a material."""
        ...


@runtime_checkable
class Screening(Protocol):
    """An oracle that knows, at no cost, which materials it cannot answer at all.

    What it says of an ordered structure depends on the reduced formula alone, never on cell or coordinates: it is
    asked about one structure of a formula, and that answer holds for all of them.
    """

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return False for each material that would be infeasible without any calculation."""
        ...


@runtime_checkable
class Inspecting(Protocol):
    """An oracle that knows, without a calculation, which crystals it refuses for their cell or coordinates."""

    def accepts(self, structures: Sequence[Structure]) -> list[bool]:
        """Return False for each crystal that would be infeasible as it is: atoms that overlap, a cell too thin."""
        ...


def each(function: Callable[[Item], Evaluation], materials: Sequence[Item]) -> list[Evaluation]:
    """Evaluate one by one, timed; an exception is the failure of its own material."""
    evaluations = []
    for material in materials:
        start = perf_counter()
        try:
            evaluations.append(function(material))
        except Exception as reason:
            evaluations.append(Evaluation.failed(reason, seconds=perf_counter() - start))
    return evaluations


def isolated(function: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item]) -> list[Answer | Exception]:
    """Call a function on the whole batch and, where that raises, on halves of it.

    Returns one answer an item, or the exception that the item raises by itself: k bad items among n cost about
    k log2(n) further calls.
    """
    if not items:
        return []
    try:
        return list(function(items))
    except Exception as reason:
        if len(items) == 1:
            return [reason]
    half = len(items) // 2
    return isolated(function, items[:half]) + isolated(function, items[half:])
