"""What an evaluation's end means: answers to keep, attempts to repeat, and faults that end the loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from gfnmat.campaign.duplicates import first_match
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice, Suggestion
from gfnmat.campaign.store import Store

ENOUGH = 8  # answers from which on none that is as it should be is taken for a mistake


class EvaluationError(ValueError):
    """An oracle that answers no material as it should; the message is for the user."""


def require_deciding_properties(history: History, known: Collection[int]) -> None:
    """Look at what the target answered, so that a budget is not spent on answers that nothing can be learned from.

    Args:
        history: everything known.
        known: numbers of the suggestions that are left aside: of what an earlier run was told, since when the oracle
            may have been corrected.

    Raises:
        EvaluationError: no measurement at the target has every deciding property, and some such property is in none of
            at least `ENOUGH` answers.
    """
    if history.at_target():
        return
    problem = history.goals.problem
    told = [
        m.answer.values
        for m in history.answered
        if m.suggestion.choice.rung == problem.target_rung and m.suggestion.id not in known
    ]
    absent = [name for name in problem.properties if not any(name in values for values in told)]
    if absent and len(told) >= ENOUGH:
        raise EvaluationError(
            f"{problem.target.name} answered {len(told)} materials and {', '.join(absent)} for none of them, by which "
            "objectives or constraints are judged: nothing can be learned so. Once the oracle is put right, the same "
            "command goes on; without the property it is another campaign."
        )


def failures_in_words(history: History) -> str:
    """What to add to the reason of an end where the target answered nothing at all; else empty."""
    problem = history.goals.problem
    asked = [m for m in history.measurements if m.suggestion.choice.rung == problem.target_rung]
    if not asked or any(m.answer.status == "done" for m in asked):
        return ""
    return f"; {problem.target.name} answered none of {len(asked)} materials, the last with: {asked[-1].answer.error}"


class Streaks:
    """How many materials a rung's machine failed for since it last did not: where all fail, it is to be put right.

    Args:
        names: of the rungs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._failed: dict[int, set[int]] = {}

    def require_some_answer(self, rung: int, answers: Mapping[int, Answer]) -> None:
        """Take note of what came back; raise EvaluationError for a batch, or many in a row, that failed entirely."""
        failed = {number for number, answer in answers.items() if answer.status == "retryable"}
        if len(failed) < len(answers):
            self._failed.pop(rung, None)
            return
        of_rung = self._failed.setdefault(rung, set())
        of_rung |= failed
        if len(answers) > 1 or len(of_rung) >= ENOUGH:
            count = len(answers) if len(answers) > 1 else len(of_rung)
            del self._failed[rung]
            raise EvaluationError(
                f"{self._names[rung]} failed for every one of {count} materials: {next(iter(answers.values())).error}. "
                "They stay outstanding; once that is put right, the same command tries them again."
            )


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


def choices_of(batch: Sequence[Suggestion]) -> dict[int, Choice]:
    """What was issued under each number."""
    return {suggestion.id: suggestion.choice for suggestion in batch}
