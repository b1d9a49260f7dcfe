"""The one object with a history: ask, tell, run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gfnmat.campaign import frames
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.planner import Plan, Planner
from gfnmat.campaign.provenance import provenance
from gfnmat.campaign.records import Answer, Suggestion
from gfnmat.campaign.results import answers_from
from gfnmat.campaign.sql_store import SqlStore
from gfnmat.campaign.store import AlreadyToldError, Store, StoreError
from gfnmat.config import CampaignConfig, ConfigError, ProposerConfig, load
from gfnmat.problem import Problem
from gfnmat.proposers.proposer import Proposer
from gfnmat.space.composition import CompositionSpace
from oracles import PROPERTIES

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure

BATCH = 8  # materials given to an oracle at once: what an interruption can cost
ATTEMPTS = 3


class EvaluationError(ValueError):
    """An oracle that fails for every material of a batch; the message is for the user."""


@dataclass(frozen=True)
class Progress:
    """Where a running campaign stands.

    Attributes:
        round, rounds: the present round from 0, and the most there may be.
        phase: `learn`, `propose`, `select` or `evaluate`.
        spent, budget: cost.
        evaluations: answers so far, over all rounds.
        planned, done: evaluations of this round.
        best: the best so far, for a person.
    """

    round: int
    rounds: int | None
    phase: str
    spent: float
    budget: float
    evaluations: int
    planned: int
    done: int
    best: str


@dataclass(frozen=True)
class Status:
    """Where a campaign stands.

    Attributes:
        rounds_done, rounds: rounds planned so far, and the most there may be.
        spent, budget: cost.
        outstanding: suggestions whose results are awaited.
        counts: by fidelity, how many measurements have each status.
        finished: whether the loop has nothing left to do.
        store: its URL.
        best: properties of the best feasible measurement by the first objective; None while there is none.
    """

    name: str
    rounds_done: int
    rounds: int | None
    spent: float
    budget: float
    outstanding: int
    counts: dict[str, dict[str, int]]
    finished: bool
    store: str
    best: dict[str, float] | None


class Campaign:
    """A campaign that lives in a store: whatever happens to this process, what was told is kept.

    Open one with `Campaign.open`.
    """

    def __init__(self, config: CampaignConfig, store: Store) -> None:
        self.config = config
        self.problem: Problem = config.problem
        self.space = _space(config)
        self._ladder = Ladder(self.problem, config.folder)
        self._goals = Goals(self.problem)
        self._store = store
        self._proposer = _proposer(config.proposer, self.space, config.seed)
        self._planner = Planner(config, self._goals, self._proposer, self.space, self._ladder.screens)
        if (kept := store.open(config.name, config.kept, provenance())) is not None:
            _check_same_campaign(store.url, *kept, config)

    @classmethod
    def open(cls, source: str | Path | Mapping[str, Any], store: str | None = None) -> Campaign:
        """Opens a campaign, a new one or where its store stands; nothing is written before there is something to keep.

        Args:
            source: a campaign file, or its content.
            store: a database URL that takes precedence over the file's.

        Raises:
            ConfigError: the file does not describe a campaign that can run.
            StoreError: the store belongs to another campaign.
        """
        config = load(source)
        try:
            return cls(config, SqlStore(store or config.store_url))
        except ConfigError as error:
            named = "" if isinstance(source, Mapping) else f"{source}: "
            raise ConfigError(f"{named}{error}") from None

    def run(self, progress: Callable[[Progress], None] | None = None) -> str:
        """Closes the loop until the budget or the rounds are spent; resumes what was interrupted.

        Args:
            progress: told of every step.

        Returns:
            Why it ended, for a person.

        Raises:
            EvaluationError: an oracle failed for every material of a batch. These stay outstanding, and running again
                tries them again.
        """
        tell_of = progress or (lambda where: None)
        self._restore_proposer()
        while True:
            self._evaluate_outstanding(tell_of)
            history, number = self._history(), len(self._store.rounds())
            if (reason := self._end(history, number)) is not None:
                return reason
            plan = self._planner.plan(
                history,
                n=self.config.acquisition.batch_size,
                round_number=number,
                say=lambda phase, h=history, n=number: tell_of(self._where(h, n, phase)),  # type: ignore[misc]
            )
            if not plan.choices:
                return "no candidate is left that an oracle can answer and the budget pays for"
            self._issue(plan, number, asked=False)

    def ask(self, n: int, fidelity: str | None = None) -> pd.DataFrame:
        """Up to n suggestions for a person to evaluate; their cost is reserved until they are told.

        Args:
            n: how many.
            fidelity: the rung to suggest for; None leaves the choice open.

        Returns:
            One row a suggestion: id, formula, fidelity, cost, mean and sd of each property (predicted at the target;
            NaN while nothing is known), why. Fewer than n rows if the budget or the space gives no more.
        """
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one suggestion.")
        rung = None if fidelity is None else self.problem.rung(fidelity)
        self._restore_proposer()
        history, number = self._history(), len(self._store.rounds())
        if rung is None and not history.at_target():
            rung = self.problem.target_rung  # nothing tells the rungs apart yet
        plan = self._planner.plan(history, n=n, round_number=number, only_rung=rung)
        issued = self._issue(plan, number, asked=True)
        return frames.suggestions_frame(issued, self._fidelity_names, self.problem.properties)

    def outstanding(self) -> pd.DataFrame:
        """What was suggested and has no result yet, with the columns of `ask`."""
        return frames.suggestions_frame(self._history().outstanding, self._fidelity_names, self.problem.properties)

    def tell(self, results: pd.DataFrame | Sequence[Mapping[str, Any]], correct: bool = False) -> int:
        """Keeps results; returns how many were new. Telling the same again changes nothing.

        A late result supersedes that the suggestion was withdrawn, and further properties complete what was told.

        Args:
            results: one row a result: id, one column a property, optionally status and error.
            correct: let results that contradict what was told supersede it.

        Raises:
            ValueError: a row that cannot be kept; then nothing was written.
        """
        issued = {suggestion.id: suggestion for suggestion in self._store.suggestions()}
        return self._store.tell(answers_from(results, issued, self._ladder.all_properties), correct=correct)

    def measurements(self) -> pd.DataFrame:
        """Everything that came back: id, formula, fidelity, status, cost, round, each property, seconds, error."""
        return frames.measurements_frame(self._store.measurements(), self._fidelity_names, self._ladder.all_properties)

    def pareto(self) -> pd.DataFrame:
        """The measurements at the target that meet the constraints and that no other one beats.

        One row a material: id, formula, one column a property, round.
        """
        best = self._history().best()
        return frames.pareto_frame(best, self._ladder.properties(self.problem.target_rung))

    def structures(self) -> dict[str, Structure]:
        """Formula to the structure that the highest fidelity judged."""
        structures = self._store.structures()
        done = [m.suggestion for m in self._history().answered if m.suggestion.id in structures]
        by_rung = sorted(done, key=lambda suggestion: suggestion.choice.rung)
        return {suggestion.choice.formula: structures[suggestion.id] for suggestion in by_rung}

    def rounds(self) -> pd.DataFrame:
        """One row a round of the loop: evaluations, spent, and the fields of `RoundRecord`."""
        return frames.rounds_frame(self._store.rounds(), self._history())

    def status(self) -> Status:
        """Where the campaign stands."""
        history, number = self._history(), len(self._store.rounds())
        counts: dict[str, dict[str, int]] = {name: {} for name in self._fidelity_names}
        for measurement in history.measurements:
            of_rung = counts[self._fidelity_names[measurement.suggestion.choice.rung]]
            of_rung[measurement.answer.status] = of_rung.get(measurement.answer.status, 0) + 1
        best = self._leader(history)
        return Status(
            name=self.config.name,
            rounds_done=number,
            rounds=self.config.budget.rounds,
            spent=history.spent,
            budget=self.config.budget.cost,
            outstanding=len(history.outstanding),
            counts=counts,
            finished=not history.outstanding and self._end(history, number) is not None,
            store=self._store.url,
            best=dict(best[1]) if best else None,
        )

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""
        return {**self._store.provenance(), "seed": str(self.config.seed)}

    @property
    def store_url(self) -> str:
        """Where the campaign lives, without a password."""
        return self._store.url

    @property
    def _fidelity_names(self) -> list[str]:
        return [fidelity.name for fidelity in self.config.fidelities]

    def _history(self) -> History:
        return History(self._goals, self._store.suggestions(), self._store.measurements())

    def _restore_proposer(self) -> None:
        if (state := self._store.proposer_state()) is not None:
            self._proposer.restore(state)

    def _end(self, history: History, rounds: int) -> str | None:
        """Why no further round can add to what is known of the target; None if one can."""
        budget = self.config.budget
        if budget.rounds is not None and rounds >= budget.rounds:
            return f"all {budget.rounds} rounds are done"
        if budget.cost - history.spent + 1e-9 < self.problem.target.cost:
            return f"what is left of the budget does not pay for another evaluation at {self.problem.target.name}"
        return None

    def _issue(self, plan: Plan, number: int, asked: bool) -> list[Suggestion]:
        record, state = (None, None) if asked else (plan.record, self._proposer.state())
        return self._store.issue(plan.choices, self._fidelity_names, record, state, number, asked=asked)

    def _evaluate_outstanding(self, tell_of: Callable[[Progress], None]) -> None:
        """Evaluates what the loop issued and has no answer for; each batch is kept before the next begins."""
        while waiting := [s for s in self._history().outstanding if not s.asked]:
            by_rung = groupby(sorted(waiting, key=lambda s: (s.choice.rung, s.id)), key=lambda s: s.choice.rung)
            for rung, of_rung in by_rung:
                for batch in _batches(list(of_rung)):
                    self._evaluate(rung, batch)
                    tell_of(self._where(self._history(), batch[0].round, "evaluate"))

    def _evaluate(self, rung: int, batch: Sequence[Suggestion]) -> None:
        ids = [suggestion.id for suggestion in batch]
        if len(batch) == 1 and batch[0].attempts >= ATTEMPTS:
            self._keep({ids[0]: Answer("retryable", error=f"given up after {ATTEMPTS} attempts that did not end")})
            return
        self._store.count_attempt(ids)
        try:
            answers = self._ladder.evaluate(rung, [suggestion.choice.formula for suggestion in batch])
            if len(batch) > 1 and all(answer.status == "retryable" for answer in answers):
                raise EvaluationError(
                    f"{self._fidelity_names[rung]} failed for every one of {len(batch)} materials: {answers[0].error}. "
                    "They stay outstanding; once that is put right, the same command tries them again."
                )
        except (KeyboardInterrupt, EvaluationError):
            self._store.count_attempt(ids, by=-1)
            raise
        self._keep(
            {
                suggestion.id: answer
                for suggestion, answer in zip(batch, answers, strict=True)
                if answer.status != "retryable" or suggestion.attempts + 1 >= ATTEMPTS
            }
        )

    def _keep(self, answers: Mapping[int, Answer]) -> None:
        """Tells the store one by one: what a person has told meanwhile stands."""
        for number, answer in answers.items():
            with suppress(AlreadyToldError):
                self._store.tell({number: answer})

    def _where(self, history: History, number: int, phase: str) -> Progress:
        waiting = {suggestion.id for suggestion in history.outstanding}
        of_round = [s for s in history.suggestions if s.round == number and not s.asked]
        return Progress(
            round=number,
            rounds=self.config.budget.rounds,
            phase=phase,
            spent=history.spent,
            budget=self.config.budget.cost,
            evaluations=len(history.measurements),
            planned=len(of_round),
            done=sum(s.id not in waiting for s in of_round),
            best=self._best_text(history),
        )

    def _leader(self, history: History) -> tuple[str, Mapping[str, float]] | None:
        """Formula and values of the best feasible measurement by the first objective."""
        best = history.best()
        if not best:
            return None
        leader = int(self._goals.utilities(history.values(best))[:, 0].argmax())
        return best[leader].suggestion.choice.formula, best[leader].answer.values

    def _best_text(self, history: History) -> str:
        if (leader := self._leader(history)) is None:
            return "none yet"
        formula, values = leader
        parts = []
        for objective in self.problem.objectives:
            unit = PROPERTIES[objective.property].unit if objective.property in PROPERTIES else ""
            parts.append(f"{objective.property} {values[objective.property]:.3g} {unit}".strip())
        return f"{', '.join(parts)} ({formula})"


def _batches(waiting: Sequence[Suggestion]) -> Iterator[Sequence[Suggestion]]:
    """Batches of those not tried yet; then one by one those whose attempt did not end, so that none costs another."""
    fresh = [suggestion for suggestion in waiting if suggestion.attempts == 0]
    for start in range(0, len(fresh), BATCH):
        yield fresh[start : start + BATCH]
    for suggestion in waiting:
        if suggestion.attempts:
            yield [suggestion]


def _check_same_campaign(url: str, name: str, kept: Mapping[str, Any], config: CampaignConfig) -> None:
    try:
        identity = CampaignConfig.model_validate(kept).identity
    except ValueError:
        raise StoreError(f"{url} holds a campaign file that this gfnmat does not read; give another store.") from None
    if differing := [key for key, value in config.identity.items() if identity[key] != value]:
        raise StoreError(
            f"{url} belongs to campaign {name!r}, which differs from {config.name!r} in {', '.join(differing)}; "
            "give another store, or the campaign file that it was started with."
        )


def _space(config: CampaignConfig) -> CompositionSpace:
    settings = config.space.model_dump(exclude={"kind"})
    try:
        return CompositionSpace(**settings)
    except ValueError as error:
        raise ConfigError(f"space: {error}") from None


def _proposer(config: ProposerConfig, space: CompositionSpace, seed: int) -> Proposer:
    if config.kind == "random":
        from gfnmat.proposers.random import RandomProposer

        return RandomProposer(space)
    from gfnmat.proposers.gflownet import GFlowNetProposer

    try:
        torch.empty(0, device=config.device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"proposer: device {config.device} is not on this machine ({error}); try cpu.") from None
    return GFlowNetProposer(space, trajectories=config.trajectories, seed=seed, device=config.device)
