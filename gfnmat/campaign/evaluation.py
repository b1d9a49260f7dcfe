"""Faults of oracles that end the loop, before a budget is spent on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer

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
    """How many materials in a row a rung answered none of: where all fail, it is to be put right, not the materials.

    What an oracle says itself counts at once; what becomes of workers, a lost node among them, when it is given up.

    Args:
        names: of the rungs.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._failed: dict[int, set[int]] = {}

    def require_some_answer(self, rung: int, answers: Mapping[int, Answer]) -> None:
        """Take note of what an oracle said; raise EvaluationError where it failed for a batch, or for many in a row."""
        failed = {number for number, answer in answers.items() if answer.status == "retryable"}
        if len(failed) < len(answers):
            self._failed.pop(rung, None)
            return
        self._count(rung, failed, next(iter(answers.values())), is_whole=len(answers) > 1)

    def require_some_worker(self, rung: int, given_up: Mapping[int, Answer]) -> None:
        """Take note of what is given up because of workers; raise EvaluationError where that was many in a row."""
        if given_up:
            self._count(rung, set(given_up), next(iter(given_up.values())), is_whole=False)

    def _count(self, rung: int, failed: set[int], answer: Answer, is_whole: bool) -> None:
        of_rung = self._failed.setdefault(rung, set())
        of_rung |= failed
        if is_whole or len(of_rung) >= ENOUGH:
            del self._failed[rung]
            count = len(failed) if is_whole else len(of_rung)
            raise EvaluationError(
                f"{self._names[rung]} failed for every one of {count} materials: {answer.error}. What was not given up "
                "stays outstanding; once that is put right, the same command tries it again."
            )
