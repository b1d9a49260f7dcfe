"""The one object with a history: ask, tell, run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gfnmat.campaign import frames
from gfnmat.campaign.evaluation import failures_in_words
from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.loop import Loop, end_of
from gfnmat.campaign.memory import Memory
from gfnmat.campaign.parts import proposer_of, space_of
from gfnmat.campaign.people.results import answers_from
from gfnmat.campaign.people.unasked import unasked_from
from gfnmat.campaign.planner import Plan, Planner
from gfnmat.campaign.progress import Progress, Status
from gfnmat.campaign.provenance import provenance
from gfnmat.campaign.records import Imported, Limits, Replicate, Suggestion
from gfnmat.campaign.shortage import FewerSuggestionsWarning, why_fewer
from gfnmat.campaign.standing import best_of
from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign.store.sql_store import SqlStore
from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig, ConfigError
from gfnmat.problem import Problem
from gfnmat.proposers.pool import PoolProposer

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
        self._memory = Memory(self._goals, store)
        self._proposer = proposer_of(config, self.space)
        self._loop: Loop | None = None
        self._planner = Planner(
            config, self._goals, self._proposer, self.space, self._ladder.screens, self._ladder.accepts
        )
        store.open(config.name, config.kept, provenance(), partial(_check_same_campaign, store.url, config))

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
        self._loop = Loop(
            self.config,
            self._planner,
            self._proposer,
            self._ladder,
            self._store,
            self._memory,
            Executors(self.config, here=self._ladder.ask),
            progress,
        )
        return self._loop.run() + failures_in_words(self._history())

    def ask(self, n: int, fidelity: str | None = None) -> pd.DataFrame:
        """Up to n suggestions for a person to evaluate; their cost is reserved until they are told.

        Args:
            n: how many.
            fidelity: the rung to suggest for; None leaves the choice open, unless one rung alone is a laboratory's: the
                others the loop evaluates itself.

        Returns:
            One row a suggestion: id, formula (of crystals also space_group and key), fidelity, replicate (which
            measurement of the pair it is, from 0), cost, mean and sd of each property (predicted at the target; NaN
            while nothing is known), why, batch (the same for all that one transaction issued). Where there are fewer
            than n, `attrs["why_fewer"]` says why, and so does a warning.
        """
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least one suggestion.")
        by_hand = self._ladder.by_hand
        asked = self.problem.rung(fidelity) if fidelity is not None else by_hand[0] if len(by_hand) == 1 else None
        issued: list[Suggestion] = []
        while len(issued) < n:
            self._restore_proposer()
            history, number = self._history(), self._store.count_rounds()
            # nothing tells the rungs apart while nothing is known of the target
            rung = self.problem.target_rung if asked is None and not history.at_target() else asked
            plan = self._planner.plan(history, n=n - len(issued), round_number=number, only_rung=rung)
            issued += self._issue(plan, number)
            # what another process took in the meantime is planned anew
            if len(self._history().suggestions) == len(history.suggestions):
                break
        frame = self._frame(issued)
        if len(issued) < n:
            why = why_fewer(self.config, self._store.balance().committed, asked, len(issued), n)
            frame.attrs["why_fewer"] = why
            warnings.warn(why, FewerSuggestionsWarning, stacklevel=2)
        return frame

    def outstanding(self, batch: int | None = None, fidelity: str | None = None) -> pd.DataFrame:
        """What was suggested and has no result yet, with the columns of `ask`.

        Args:
            batch, fidelity: of these alone.
        """
        rung = None if fidelity is None else self.problem.rung(fidelity)
        waiting = [
            suggestion
            for suggestion in self._history().outstanding
            if batch in (None, suggestion.batch) and rung in (None, suggestion.choice.rung)
        ]
        return self._frame(waiting)

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
        issued = {suggestion.id: suggestion for suggestion in self._history().suggestions}
        told = answers_from(
            results,
            issued,
            self._ladder.all_properties,
            campaign=self.config.name,
            fidelities=self._fidelity_names,
            elsewhere=self._store.campaigns_of,
        )
        numbers = [place.of if isinstance(place, Replicate) else place for place in told]
        choices = [issued[number].choice for number in numbers]
        answers = self._ladder.with_formula_properties(choices, list(told.values()))
        completed = dict(zip(told, answers, strict=True))
        return self._store.tell(completed, correct=correct)

    def import_results(
        self,
        results: pd.DataFrame | Sequence[Mapping[str, Any]],
        fidelity: str | None = None,
        source: str | None = None,
        skip_outside: bool = False,
        correct: bool = False,
        folder: Path | None = None,
    ) -> Imported:
        """Keeps results that nobody asked for, as if they had been suggested; importing the same again changes nothing.

        Args:
            results: one row a result: `formula` (for crystals `structure`: CIF, POSCAR, pymatgen's JSON, or a file's
                path), one column a property; optionally `fidelity`, `cost` (what it takes of the budget, 0 otherwise),
                and what `tell` takes.
            fidelity: the rung of rows that name none; None means the target.
            source: where they are from, for the provenance of each.
            skip_outside: leave out what the space does not admit, instead of refusing all.
            correct: let results that contradict what was told supersede it.
            folder: where paths of structures begin; None takes no paths.

        Raises:
            ValueError: a row that cannot be kept; then nothing was written.
        """
        found = unasked_from(
            results,
            self.space,
            self.problem,
            self._ladder.all_properties,
            fidelity,
            skip_outside,
            source=source,
            folder=folder,
        )
        choices = [choice for choice, _ in found.imported]
        answers = self._ladder.with_formula_properties(choices, [answer for _, answer in found.imported])
        new = self._store.add(list(zip(choices, answers, strict=True)), self._fidelity_names, correct=correct)
        return Imported(new, tuple(found.left_out))

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
        counts: dict[str, dict[str, int]] = {name: {} for name in self._fidelity_names}
        outstanding = awaited = 0
        for (rung, state), n in sorted(self._store.counts().items()):
            if state in ("open", "awaited"):
                outstanding += n
                awaited += n if state == "awaited" else 0
            else:
                counts[self._fidelity_names[rung]][state] = n
        rounds, balance = self._store.count_rounds(), self._store.balance()
        best = best_of(self._store, self._goals)
        return Status(
            name=self.config.name,
            rounds_done=rounds,
            rounds=self.config.budget.rounds,
            spent=balance.committed,
            reserved=balance.reserved,
            budget=self.config.budget.cost,
            outstanding=outstanding,
            awaited=awaited,
            counts=counts,
            finished=not outstanding and end_of(self.config, balance.committed, rounds) is not None,
            store=self._store.url,
            best=dict(best.answer.values) if best else None,
            others=tuple(name for name in self._store.names() if name != self.config.name),
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

    def _history(self) -> History:
        return self._memory.history()

    def _restore_proposer(self) -> None:
        """Whatever this process did since: the proposer stands where the store says."""
        if self._loop is not None:
            self._loop.wait_for_planning()
        try:
            self._proposer.restore(self._store.proposer_state())
        except ValueError as error:
            raise StoreError(f"{self._store.url} holds a sampler that this gfnmat does not read: {error}") from None

    def _issue(self, plan: Plan, number: int) -> list[Suggestion]:
        limits = Limits(cost=self.config.budget.cost)
        return self._store.issue(plan.choices, self._fidelity_names, None, None, number, asked=True, limits=limits)


def _check_same_campaign(url: str, config: CampaignConfig, kept: Mapping[str, Any]) -> None:
    try:
        identity = CampaignConfig.model_validate(kept).identity
    except ValueError:
        raise StoreError(f"{url} holds a campaign file that this gfnmat does not read; give another store.") from None
    if differing := [key for key, value in config.identity.items() if identity[key] != value]:
        raise StoreError(
            f"{url} has a campaign {config.name!r} already, from which this one differs in {', '.join(differing)}; "
            "give it another name or another store, or the campaign file that it was started with."
        )
