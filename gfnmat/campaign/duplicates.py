"""Whether structures that were judged are one material."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice
from gfnmat.campaign.store import Store

if TYPE_CHECKING:
    from pymatgen.core import Structure

SAME_VOLUME = 0.05
"""Relative difference in volume per atom up to which two structures can be one: pymatgen's matcher scales it away."""


def compared(
    answers: Mapping[int, Answer], issued: Mapping[int, Choice], history: History, store: Store
) -> dict[int, Answer]:
    """The answers of the target about crystals; one whose structure came before says which one that was."""
    formulas = {choice.formula for choice in issued.values()}
    judged: dict[int, Choice] = {}
    for m in history.measurements:
        choice = m.suggestion.choice
        if (
            m.answer.status == "done"
            and m.answer.duplicate_of is None
            and choice.rung == history.goals.problem.target_rung
            and choice.formula in formulas
            and choice.replicate == 0
        ):
            judged[m.suggestion.id] = choice
    structures = store.structures(list(judged))
    found = {}
    for number, answer in answers.items():
        if answer.status == "done" and answer.structure is not None:
            mine = issued[number]
            others = {
                n: structure
                for n, structure in structures.items()
                if judged[n].formula == mine.formula and judged[n].key != mine.key
            }
            answer = replace(answer, duplicate_of=first_match(answer.structure, others))
            if answer.duplicate_of is None and mine.replicate == 0:
                judged[number], structures[number] = mine, answer.structure
        found[number] = answer
    return found


def first_match(structure: Structure, earlier: Mapping[int, Structure]) -> int | None:
    """The number of the first of the earlier structures that is the same material; None if all are others."""
    volume = structure.volume / len(structure)
    for number, other in sorted(earlier.items()):
        if abs(other.volume / len(other) / volume - 1) <= SAME_VOLUME and _matcher().fit(structure, other):
            return number
    return None


@cache
def _matcher() -> Any:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher()
