"""Evaluation of what the loop issued: batch by batch, each kept before the next begins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from gfnmat.campaign.duplicates import first_match
from gfnmat.campaign.history import History
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.records import Answer, Choice, Suggestion
from gfnmat.campaign.store import AlreadyToldError, Store
from gfnmat.space.candidates import Candidates

BATCH = 8  # materials given to an oracle at once: what an interruption can cost
ATTEMPTS = 3
ENOUGH = 8  # answers of the target, from which a property that none of them has is taken for a mistake


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


@dataclass(frozen=True)
class Evaluator:
    """Asks the oracles about suggestions and tells the store what they answer.

    Attributes:
        ladder: the oracles.
        store: where suggestions come from and answers go.
    """

    ladder: Ladder
    store: Store

    def evaluate(self, waiting: Sequence[Suggestion]) -> Iterator[Sequence[Suggestion]]:
        """Evaluates suggestions rung by rung; gives each batch once its answers are kept.

        Raises:
            EvaluationError: an oracle failed for every material of a batch, whose attempt then does not count.
        """
        by_rung = groupby(sorted(waiting, key=lambda s: (s.choice.rung, s.id)), key=lambda s: s.choice.rung)
        for rung, of_rung in by_rung:
            for batch in _batches(list(of_rung)):
                self._evaluate(rung, batch)
                yield batch

    def _evaluate(self, rung: int, batch: Sequence[Suggestion]) -> None:
        ids = [suggestion.id for suggestion in batch]
        if len(batch) == 1 and batch[0].attempts >= ATTEMPTS:
            self._keep({ids[0]: Answer("retryable", error=f"given up after {ATTEMPTS} attempts that did not end")})
            return
        self.store.count_attempt(ids)
        try:
            candidates = Candidates.of_keys([suggestion.choice.key for suggestion in batch])
            answers = self.ladder.evaluate(rung, candidates)
            if len(batch) > 1 and all(answer.status == "retryable" for answer in answers):
                raise EvaluationError(
                    f"{self.ladder.problem.fidelities[rung].name} failed for every one of {len(batch)} materials: "
                    f"{answers[0].error}. They stay outstanding; once that is put right, the same command tries them "
                    "again."
                )
            at_target = candidates.crystals is not None and rung == self.ladder.problem.target_rung
            told = {
                suggestion.id: answer
                for suggestion, answer in zip(batch, answers, strict=True)
                if answer.status != "retryable" or suggestion.attempts + 1 >= ATTEMPTS
            }
            told = self._compared(told, batch) if at_target else told
        except (KeyboardInterrupt, EvaluationError):
            self.store.count_attempt(ids, by=-1)
            raise
        self._keep(told)

    def _compared(self, answers: Mapping[int, Answer], batch: Sequence[Suggestion]) -> dict[int, Answer]:
        """The answers of the target about crystals; one whose structure came before says which one that was."""
        issued = {suggestion.id: suggestion.choice for suggestion in batch}
        formulas = {choice.formula for choice in issued.values()}
        judged: dict[int, Choice] = {}
        for m in self.store.measurements():
            choice = m.suggestion.choice
            if (
                m.answer.status == "done"
                and m.answer.duplicate_of is None
                and choice.rung == self.ladder.problem.target_rung
                and choice.formula in formulas
                and choice.replicate == 0
            ):
                judged[m.suggestion.id] = choice
        structures = self.store.structures(list(judged))
        compared = {}
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
            compared[number] = answer
        return compared

    def _keep(self, answers: Mapping[int, Answer]) -> None:
        """Tells the store one by one: what a person has told meanwhile stands."""
        for number, answer in answers.items():
            with suppress(AlreadyToldError):
                self.store.tell({number: answer})


def _batches(waiting: Sequence[Suggestion]) -> Iterator[Sequence[Suggestion]]:
    """Batches of those not tried yet; then one by one those whose attempt did not end, so that none costs another."""
    fresh = [suggestion for suggestion in waiting if suggestion.attempts == 0]
    for start in range(0, len(fresh), BATCH):
        yield fresh[start : start + BATCH]
    for suggestion in waiting:
        if suggestion.attempts:
            yield [suggestion]
