"""The one object with a history: ask, tell, run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gfnmat.campaign import frames
from gfnmat.campaign.evaluation import Evaluator, failures_in_words, require_deciding_properties
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.parts import proposer_of, space_of
from gfnmat.campaign.people.results import answers_from
from gfnmat.campaign.planner import Plan, Planner
from gfnmat.campaign.progress import Progress, Status
from gfnmat.campaign.provenance import provenance
from gfnmat.campaign.records import Measurement, Replicate, Suggestion
from gfnmat.campaign.sql_store import SqlStore
from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig, ConfigError
from gfnmat.problem import Problem
from gfnmat.proposers.pool import PoolProposer
from oracles import PROPERTIES

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Structure


class Campaign:
    """A campaign that lives in a store: whatever happens to this process, what was told is kept.

    Open one with `Campaign.open`.
    """

    def __init__(self, config: CampaignConfig, store: Store) -> None:
        self.config = config
        self.problem: Problem = config.problem
        self.space = space_of(config)
        self._ladder = Ladder(self.problem, config.folder)
        self._goals = Goals(self.problem)
        self._store = store
        self._evaluator = Evaluator(self._ladder, store)
        self._proposer = proposer_of(config, self.space)
        self._planner = Planner(
            config, self._goals, self._proposer, self.space, self._ladder.screens, self._ladder.accepts
        )
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

        A round that needs a laboratory ends the run once its other evaluations are done; the next run goes on when
        all that was asked of the laboratory is told or withdrawn.

        Args:
            progress: told of every step.

        Returns:
            Why it ended, for a person.

        Raises:
            EvaluationError: an oracle failed for every material of a batch, which stay outstanding and are tried again
                by the next run; or the target never answers some property that decides.
        """
        self._restore_proposer()
        return self._close_loop(progress) + failures_in_words(self._history())

    def ask(self, n: int, fidelity: str | None = None) -> pd.DataFrame:
        """Up to n suggestions for a person to evaluate; their cost is reserved until they are told.

        Args:
            n: how many.
            fidelity: the rung to suggest for; None leaves the choice open.

        Returns:
            One row a suggestion: id, formula (of crystals also space_group and key), fidelity, replicate (which
            measurement of the pair it is, from 0), cost, mean and sd of each property (predicted at the target; NaN
            while nothing is known), why. Fewer than n rows if the budget or the space gives no more.
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
        return self._frame(issued)

    def outstanding(self) -> pd.DataFrame:
        """What was suggested and has no result yet, with the columns of `ask`."""
        return self._frame(self._history().outstanding)

    def tell(self, results: pd.DataFrame | Sequence[Mapping[str, Any]], correct: bool = False) -> int:
        """Keeps results; returns how many were new. Telling the same again changes nothing.

        A late result supersedes that the suggestion was withdrawn, and further properties complete what was told.

        Args:
            results: one row a result: id, one column a property, optionally status, error, standard errors
                (PROPERTY_error), and replicate: which measurement of that candidate and fidelity it is, from 0.
            correct: let results that contradict what was told supersede it.

        Raises:
            ValueError: a row that cannot be kept; then nothing was written.
        """
        issued = {suggestion.id: suggestion for suggestion in self._store.suggestions()}
        told = answers_from(
            results,
            issued,
            self._ladder.all_properties,
            campaign=self.config.name,
            fidelities=self._fidelity_names,
        )
        numbers = [place.of if isinstance(place, Replicate) else place for place in told]
        completed = self._ladder.completed(told, [issued[number].choice.formula for number in numbers])
        return self._store.tell(completed, correct=correct)

    def measurements(self) -> pd.DataFrame:
        """Everything that came back: id, formula, fidelity, replicate, status, cost, round, properties, seconds, error,
        provenance.

        Provenance is by what the oracle computed it: versions, and settings; empty for what a person told.
        Standard errors that are known are in columns PROPERTY_error. Of crystals also space_group and key (as they
        were proposed), and duplicate_of: the measurement at the target
        in which this material was measured before.
        """
        return frames.measurements_frame(
            self._history(), self._fidelity_names, self._ladder.all_properties, self._has_crystals
        )

    def pareto(self) -> pd.DataFrame:
        """The measurements at the target that meet the constraints and that no other one beats.

        One row a material: id, formula (of crystals also space_group and key), one column a property, round. What was
        measured several times has the means of its measurements, and is judged by them.
        """
        best = self._history().best()
        return frames.pareto_frame(best, self._ladder.properties(self.problem.target_rung), self._has_crystals)

    def structures(self, which: Literal["judged", "proposed"] = "judged") -> dict[str, Structure]:
        """One structure a candidate, by formula, or by formula and number (`TiO2-17`) for crystals.

        Args:
            which: as the highest fidelity judged it (relaxed, where that relaxes), or as it was proposed; of
                compositions, which are proposed without structure, there is none proposed. A crystal that was judged
                has the same number in both.
        """
        judged = self.numbered_structures()
        kept = judged if which == "judged" else self.numbered_structures(which)
        by_worth = sorted(self._store.suggestions(), key=lambda s: (s.id in judged, s.choice.rung))
        chosen = {suggestion.choice.key: suggestion for suggestion in by_worth}.values()
        name = "{0.choice.formula}-{0.id}" if self._has_crystals else "{0.choice.formula}"
        return {name.format(suggestion): kept[suggestion.id] for suggestion in chosen if suggestion.id in kept}

    def numbered_structures(self, which: Literal["judged", "proposed"] = "judged") -> dict[int, Structure]:
        """Every structure that some fidelity judged, or that was proposed, by the suggestion's number."""
        if which == "proposed":
            return self._store.proposed_structures()
        return self._store.structures([m.suggestion.id for m in self._history().answered])

    def rounds(self) -> pd.DataFrame:
        """One row a round of the loop: evaluations, spent, and the fields of `RoundRecord`."""
        return frames.rounds_frame(self._store.rounds(), self._history())

    def trust(self) -> pd.DataFrame:
        """How good the surrogate was: one row a round, property and fidelity, with n, error, CRPS, coverage, rank."""
        return frames.trust_frame(self._store.rounds())

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
            best=dict(best.answer.values) if best else None,
        )

    def provenance(self) -> dict[str, str]:
        """What the campaign was started with: versions, platform, time."""
        return {**self._store.provenance(), "seed": str(self.config.seed)}

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that decide, then everything else that some fidelity answers."""
        return self._ladder.all_properties

    @property
    def store_url(self) -> str:
        """Where the campaign lives, without a password."""
        return self._store.url

    @property
    def _fidelity_names(self) -> list[str]:
        return [fidelity.name for fidelity in self.config.fidelities]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before the campaign runs: such as candidates of a pool that are left out."""
        return self._proposer.notes if isinstance(self._proposer, PoolProposer) else ()

    @property
    def _has_crystals(self) -> bool:
        return self.config.space.kind == "crystal"

    def _frame(self, suggestions: Sequence[Suggestion]) -> pd.DataFrame:
        return frames.suggestions_frame(suggestions, self._fidelity_names, self.problem.properties, self._has_crystals)

    def _close_loop(self, progress: Callable[[Progress], None] | None) -> str:
        known = {measurement.suggestion.id for measurement in self._store.measurements()}
        while True:
            self._evaluate_outstanding(progress)
            history, number = self._history(), len(self._store.rounds())
            require_deciding_properties(history, known)
            if (awaited := self._awaited_in_words(history)) is not None:
                return awaited
            if (reason := self._end(history, number)) is not None:
                return reason
            plan = self._planner.plan(
                history,
                n=self.config.acquisition.batch_size,
                round_number=number,
                say=lambda phase, h=history, n=number: progress(self._where(h, n, phase)) if progress else None,  # type: ignore[misc]
            )
            if not plan.choices:
                return "no candidate is left that an oracle can answer and the budget pays for"
            self._issue(plan, number, asked=False)

    def _awaited_in_words(self, history: History) -> str | None:
        """What the loop issued to a person, without whom it does not know how to go on; None if there is none."""
        awaited = [s.choice.rung for s in history.outstanding if not s.asked and self._ladder.is_by_hand(s.choice.rung)]
        if not awaited:
            return None
        named = ", ".join(f"{awaited.count(rung)} of {self._fidelity_names[rung]}" for rung in sorted(set(awaited)))
        return (
            f"results are awaited: {named} (`gfnmat ask --again` lists them); once they are told, or withdrawn, the "
            "same command goes on"
        )

    def _history(self) -> History:
        return History(self._goals, self._store.suggestions(), self._store.measurements())

    def _restore_proposer(self) -> None:
        """Whatever this process did since: the proposer stands where the store says."""
        try:
            self._proposer.restore(self._store.proposer_state())
        except ValueError as error:
            raise StoreError(f"{self._store.url} holds a sampler that this gfnmat does not read: {error}") from None

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

    def _evaluate_outstanding(self, progress: Callable[[Progress], None] | None) -> None:
        """Evaluates what the loop issued and has no answer for; what a person answers is left to them."""
        while waiting := [
            s for s in self._history().outstanding if not (s.asked or self._ladder.is_by_hand(s.choice.rung))
        ]:
            for batch in self._evaluator.evaluate(waiting):
                if progress is not None:  # reading all of a long history after each batch takes longer than the batch
                    progress(self._where(self._history(), batch[0].round, "evaluate"))

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

    def _leader(self, history: History) -> Measurement | None:
        """The best feasible measurement by the first objective."""
        best = history.best()
        return best[int(self._goals.utilities(history.values(best))[:, 0].argmax())] if best else None

    def _best_text(self, history: History) -> str:
        if (leader := self._leader(history)) is None:
            return "none yet"
        values = leader.answer.values
        parts = []
        for objective in self.problem.objectives:
            unit = PROPERTIES[objective.property].unit if objective.property in PROPERTIES else ""
            parts.append(f"{objective.property} {values[objective.property]:.3g} {unit}".strip())
        return f"{', '.join(parts)} ({leader.suggestion.choice.material})"


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
