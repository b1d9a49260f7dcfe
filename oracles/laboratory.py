"""A person as an oracle: asked by the campaign, and told to it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from oracles.evaluation import Evaluation
from oracles.provenance import signed

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


class Laboratory:
    """What is measured by a person: nobody answers by itself, so that every material is retryable.

    properties: what the person measures.
    """

    properties: tuple[str, ...]

    def __init__(self, properties: Sequence[str]) -> None:
        if isinstance(properties, str) or not properties:
            raise ValueError(f"laboratory: `properties` is a list of property names, not {properties!r}")
        self.properties = tuple(properties)
        self.provenance = {"oracle": "laboratory"}

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return that each material is to be measured."""
        answer = Evaluation.retryable("a person is to measure it, and to tell the result")
        return signed([answer] * len(materials), self.provenance)
