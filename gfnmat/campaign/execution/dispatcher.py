"""Gives what was issued to executors, and what they answer to the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from gfnmat.campaign.duplicates import compared
from gfnmat.campaign.evaluation import EvaluationError, Streaks
from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign.execution.failures import failure_of
from gfnmat.campaign.execution.pace import Pace
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.memory import Memory
from gfnmat.campaign.records import Answer, Replicate, Suggestion
from gfnmat.campaign.store import AlreadyToldError, Store
from gfnmat.execution_config import ExecutionConfig
from gfnmat.space.candidates import Candidates
from oracles import Evaluation

LEAST_STARTS = 2  # of what did not end, before it is given up: a process may be killed for reasons of its own
MOMENT = 0.5  # seconds
CANNOT_BUILD = "ConfigError: "  # as tasks begin what they say of it


@dataclass(frozen=True)
class Task:
    """What an executor was given.

    Attributes:
        rung: whose oracle is asked.
        batch: what it is asked about.
        candidates: the same as candidates.
        started: when it was given, by the monotonic clock.
    """

    rung: int
    batch: Sequence[Suggestion]
    candidates: Candidates
    started: float

    @property
    def numbers(self) -> list[int]:
        """Of the suggestions."""
        return [suggestion.id for suggestion in self.batch]


class Dispatcher:
    """Claims what executors have room for, and keeps what comes back.

    Args:
        ladder: the oracles.
        store: where suggestions are claimed and answers go.
        memory: what the store holds.
        executors: where evaluations run.
        settings: attempts, backoff and lease.
        who: owner of the leases.
        pace: told how long evaluations take.
    """

    def __init__(
        self,
        ladder: Ladder,
        store: Store,
        memory: Memory,
        executors: Executors,
        settings: ExecutionConfig,
        who: str,
        pace: Pace,
    ) -> None:
        self._ladder = ladder
        self._store = store
        self._memory = memory
        self._executors = executors
        self._settings = settings
        self._who = who
        self._pace = pace
        self._streaks = Streaks([fidelity.name for fidelity in ladder.problem.fidelities])
        self._running: dict[Future[list[Evaluation]], Task] = {}
        self._here: Task | None = None
        self._resting: dict[int, float] = {}

    @property
    def is_busy(self) -> bool:
        """Whether anything is running."""
        return bool(self._running) or self._here is not None

    @property
    def running(self) -> dict[int, int]:
        """How many evaluations are running, by rung."""
        counts: dict[int, int] = {}
        for task in self._running.values():
            counts[task.rung] = counts.get(task.rung, 0) + len(task.batch)
        return counts

    def start(self, may_go_on: Callable[[], bool] = lambda: True) -> bool:
        """Claims and starts what executors have room for, at most one task in this process; whether any was.

        Args:
            may_go_on: asked before each.
        """
        rungs = self._ladder.by_machine
        here = [rung for rung in rungs if self._executors.is_inline(rung)]
        started = False
        for rung in rungs:
            while rung not in here and self._room(rung) and may_go_on() and self._start_one(rung):
                started = True
        return any(may_go_on() and self._start_one(rung) for rung in here) or started

    def _batch(self, rung: int) -> int:
        """How many materials to claim: in this process no more than leaves other executors waiting for a moment."""
        most = self._executors.batch(rung)
        if not self._executors.is_inline(rung) or not self._running:
            return most
        seconds = self._pace.seconds(rung)
        return max(1, min(most, int(MOMENT / seconds))) if seconds else 1

    def _room(self, rung: int) -> bool:
        return sum(task.rung == rung for task in self._running.values()) < self._executors.workers(rung)

    def _start_one(self, rung: int) -> bool:
        """Claims a task and gives it to the rung's executor, or gives it up; False where there is none."""
        at = monotonic()
        self._resting = {number: until for number, until in self._resting.items() if until > at}
        at_work = [number for task in self._running.values() for number in task.numbers]
        batch = self._store.claim(self._who, rung, self._batch(rung), self._settings.lease, [*at_work, *self._resting])
        if not batch:
            return False
        if batch[0].attempts > max(self._settings.attempts, LEAST_STARTS):
            error = f"given up after {self._settings.attempts} attempts that did not end"
            self._keep({batch[0].id: Answer("retryable", error=error)})
            return True
        candidates = Candidates.of_keys([suggestion.choice.key for suggestion in batch])
        task = Task(rung, batch, candidates, at)
        self._here = task
        try:
            future = self._executors.submit(rung, candidates.materials)
        except BaseException:
            self._store.release(self._who, task.numbers, counted=False)
            raise
        finally:
            self._here = None
        self._running[future] = task
        return True

    def wait(self, seconds: float, other: Future[Any] | None = None) -> None:
        """Waits until something is back, the other future is done, or an attempt is due; not for longer."""
        due = [until - monotonic() for until in self._resting.values()]
        awaited = [*self._running, *([] if other is None else [other])]
        pause = max(0.0, min([seconds, *due]))
        if awaited:
            wait(awaited, timeout=pause, return_when=FIRST_COMPLETED)
        else:
            sleep(pause)

    def collect(self) -> bool:
        """Keeps what is back; whether anything was.

        Raises:
            EvaluationError: a rung that fails for everything, whose attempts do not count; all else is kept.
        """
        done = [future for future in self._running if future.done()]
        fault: EvaluationError | None = None
        for future in sorted(done, key=lambda future: self._running[future].started):
            try:
                self._settle(self._running.pop(future), future)
            except EvaluationError as error:
                fault = error
        if fault is not None:
            raise fault
        return bool(done)

    def _settle(self, task: Task, future: Future[list[Evaluation]]) -> None:
        seconds = (monotonic() - task.started) / len(task.batch)
        try:
            told = self._ladder.answers(task.candidates, future.result())
            is_answered = True
        except (Exception, CancelledError) as error:
            told = [Answer("retryable", error=failure_of(error), seconds=seconds)] * len(task.batch)
            is_answered = False
        answers = dict(zip(task.numbers, told, strict=True))
        try:
            if is_answered:
                self._streaks.require_some_answer(task.rung, answers)
            elif (reason := told[0].error) is not None and CANNOT_BUILD in reason:
                raise EvaluationError(f"workers cannot build the oracle as this process does: {reason}")
        except EvaluationError:
            self._store.release(self._who, task.numbers, counted=False)
            raise
        self._pace.evaluated(task.rung, seconds)
        again = [
            suggestion
            for suggestion in task.batch
            if answers[suggestion.id].status == "retryable" and suggestion.attempts < self._settings.attempts
        ]
        for suggestion in again:
            del answers[suggestion.id]
            pause = self._settings.backoff * 2 ** (suggestion.attempts - 1)
            self._resting[suggestion.id] = monotonic() + pause
        if task.candidates.crystals is not None and task.rung == self._ladder.problem.target_rung:
            issued = {suggestion.id: suggestion.choice for suggestion in task.batch}
            answers = compared(answers, issued, self._memory.history(), self._store)
        self._keep(answers)
        self._store.release(self._who, [suggestion.id for suggestion in again], counted=True)
        if not is_answered:
            self._streaks.require_some_worker(task.rung, answers)

    def _keep(self, answers: Mapping[int, Answer]) -> None:
        """Tells the store; what a person, or another process, has told meanwhile stands."""
        told: dict[int | Replicate, Answer] = dict(answers.items())
        try:
            self._store.tell(told)
        except AlreadyToldError:
            for number, answer in answers.items():
                with suppress(AlreadyToldError):
                    self._store.tell({number: answer})

    def abandon(self) -> None:
        """Keeps what is back, and gives back what is running, as if it had not been begun."""
        with suppress(EvaluationError):
            self.collect()
        numbers = [number for task in self._running.values() for number in task.numbers]
        self._running.clear()
        self._store.release(self._who, numbers, counted=False)
