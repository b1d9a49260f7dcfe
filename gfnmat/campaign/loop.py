"""The loop: evaluates what was issued, learns from what came back, and issues more, until the budget is spent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from gfnmat.campaign.evaluation import EvaluationError, require_deciding_properties
from gfnmat.campaign.execution.background import start_beside
from gfnmat.campaign.execution.dispatcher import Dispatcher
from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign.execution.heartbeat import Heartbeat
from gfnmat.campaign.execution.interruption import Interruption
from gfnmat.campaign.execution.pace import Pace
from gfnmat.campaign.history import History
from gfnmat.campaign.ladder import Ladder
from gfnmat.campaign.memory import Memory
from gfnmat.campaign.planner import Plan, Planner
from gfnmat.campaign.progress import Progress, progress_of
from gfnmat.campaign.records import Limits, Suggestion
from gfnmat.campaign.store import Store, StoreError, UnreachableError, owner
from gfnmat.config import CampaignConfig
from gfnmat.proposers.proposer import Proposer

PLANNING = "gfnmat planning"
"""Name of the thread in which a round is planned beside evaluations."""

PATIENCE = 10.0  # seconds for which an interrupted plan is waited for at the end
SHARE = 5.0  # times that a report takes: for so long no other is made, since of long campaigns one takes a second
SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0  # seconds after which what other processes did is looked for
Listener = Callable[[Progress], None]


class Loop:
    """One run of a campaign's loop, by one owner of leases.

    Rounds are planned one after another once all is told that was issued, so that one seed gives one campaign; only
    where some executor works at several evaluations at once, the next round is planned beside them, from what is back.

    Args:
        config: the campaign.
        planner: plans rounds.
        proposer: the planner's, whose state is kept with each round.
        ladder: the oracles.
        store: where the campaign lives.
        memory: what the store holds.
        executors: where evaluations run.
        listener: told of every step.
    """

    def __init__(
        self,
        config: CampaignConfig,
        planner: Planner,
        proposer: Proposer,
        ladder: Ladder,
        store: Store,
        memory: Memory,
        executors: Executors,
        listener: Listener | None,
    ) -> None:
        self._config = config
        self._planner = planner
        self._proposer = proposer
        self._ladder = ladder
        self._store = store
        self._memory = memory
        self._executors = executors
        self._listener = listener
        self._names = [fidelity.name for fidelity in config.fidelities]
        workers = {rung: executors.workers(rung) for rung in ladder.by_machine}
        self._is_asynchronous = any(count > 1 for count in workers.values())
        self._pace = Pace(workers, config.acquisition.batch_size)
        self._who = owner.take_up()
        self._dispatcher = Dispatcher(ladder, store, memory, executors, config.execution, self._who, self._pace)
        self._planning: Future[Plan] | None = None
        self._planned_from = -1
        self._picked: set[int] = set()
        self._round = 0
        self._phase = "evaluate"
        self._pause = SHORTEST_WAIT
        self._is_over = threading.Event()
        self._next_report = 0.0
        self._last: Progress | None = None

    def run(self) -> str:
        """Goes on until the loop ends by itself; returns why.

        Raises:
            EvaluationError: a fault that a person has to put right.
            KeyboardInterrupt: the user, or a signal, ended it.
        """
        self._round = max(0, self._store.count_rounds() - 1)
        self._known = {m.suggestion.id for m in self._memory.history().measurements}
        is_whole, is_reachable = False, True
        try:
            with (
                Heartbeat(self._store, self._who, self._config.execution.lease),
                Interruption(lambda: self._dispatcher.is_busy, self._say_that_it_drains) as interruption,
            ):
                reason = self._close(interruption)
                is_whole = True
                self._next_report = 0.0
                self._report("evaluate")
                return reason
        except UnreachableError:
            is_reachable = False
            raise
        finally:
            self._is_over.set()
            with suppress(StoreError):  # what it cannot be told stays outstanding, and why has been raised
                if is_reachable:
                    self._dispatcher.abandon()
            owner.retire(self._who)
            self._executors.close(kill=not is_whole)
            if self._planning is not None:
                wait([self._planning], timeout=PATIENCE)

    def wait_for_planning(self) -> None:
        """Returns when no thread of this loop trains the proposer any more: an interruption may have left one."""
        if self._planning is not None:
            wait([self._planning])

    def _close(self, interruption: Interruption) -> str:
        fault: Exception | None = None
        while True:
            try:
                moved = self._dispatcher.collect()
            except EvaluationError as error:
                fault, moved = fault or error, True
            if interruption.is_draining or fault is not None:  # what other rungs are at is not given up for it
                if not self._dispatcher.is_busy:
                    raise fault or KeyboardInterrupt
                self._report("drain")
                self._dispatcher.wait(LONGEST_WAIT)
                continue
            moved = self._dispatcher.start(lambda: not interruption.is_draining) or moved
            if self._planning is not None and self._planning.done():
                planning, self._planning = self._planning, None
                if (fault := planning.exception()) is not None:  # type: ignore[assignment]
                    continue
                moved = self._issue(planning.result()) or moved
            history = self._memory.history()
            if moved:
                self._report("evaluate", history)
            ours = [s for s in history.outstanding if not s.asked and s.choice.rung in self._ladder.by_machine]
            if not ours and self._planning is None:
                if (reason := self._ended(history)) is not None:
                    return reason
                if not self._plan_here(history):
                    return "no candidate is left that an oracle can answer and the budget pays for"
            elif self._wants_more(history, ours):
                self._plan_beside(history)
            elif not moved:
                self._report("evaluate", history)
                self._dispatcher.wait(self._pause, self._planning)
                self._pause = min(2 * self._pause, LONGEST_WAIT)
                continue
            self._pause = SHORTEST_WAIT

    def _ended(self, history: History) -> str | None:
        """Why nothing more is to be issued; None if something is."""
        require_deciding_properties(history, self._known)
        return self._awaited_in_words(history) or end_of(self._config, history.spent, self._store.count_rounds())

    def _wants_more(self, history: History, ours: list[Suggestion]) -> bool:
        """Whether to plan beside what is being evaluated: there are new answers, and workers that run out of work."""
        if not self._is_asynchronous or self._planning is not None or len(history.measurements) == self._planned_from:
            return False
        running = self._dispatcher.running
        open_at = Counter(suggestion.choice.rung for suggestion in ours)
        waiting = {rung: count - running.get(rung, 0) for rung, count in open_at.items()}
        return self._pace.is_due(waiting, self._picked) and self._ended(history) is None

    def _plan_here(self, history: History) -> bool:
        """Plans and issues a round, while nothing else is done; whether there was anything to issue, by anyone."""
        self._round = self._store.count_rounds()
        plan = self._timed_plan(history, lambda phase: self._report(phase, history))
        return self._issue(plan) or len(self._memory.history().suggestions) > len(history.suggestions)

    def _plan_beside(self, history: History) -> None:
        """Begins to plan a round in a thread, while evaluations go on."""
        planning: Future[Plan] = Future()

        def work() -> None:
            try:
                planning.set_result(self._timed_plan(history, self._note_phase, self._require_going_on))
            except BaseException as error:
                planning.set_exception(error)

        self._planning = planning
        self._planned_from = len(history.measurements)
        start_beside(work, PLANNING)

    def _note_phase(self, phase: str) -> None:
        self._phase = phase

    def _require_going_on(self) -> None:
        """Ends a plan that nobody waits for any more."""
        if self._is_over.is_set():
            raise CancelledError

    def _timed_plan(
        self, history: History, say: Callable[[str], None], go_on: Callable[[], None] = lambda: None
    ) -> Plan:
        start, number = perf_counter(), self._store.count_rounds()
        n = self._pace.amount(self._picked) if self._is_asynchronous else self._config.acquisition.batch_size
        plan = self._planner.plan(history, n=n, round_number=number, say=say, go_on=go_on)
        self._pace.planned(perf_counter() - start)
        return plan

    def _issue(self, plan: Plan) -> bool:
        """Issues a round; whether anything of it was issued."""
        budget = self._config.budget
        limits = Limits(budget.cost, budget.rounds)
        issued = self._store.issue(
            plan.choices,
            self._names,
            plan.record,
            self._proposer.state(),
            plan.record.round,
            asked=False,
            limits=limits,
            by_hand=self._ladder.by_hand,
        )
        if issued:
            self._round = issued[0].round
            self._picked = {suggestion.choice.rung for suggestion in issued}
        return bool(issued)

    def _awaited_in_words(self, history: History) -> str | None:
        """What the loop issued to a person, without whom it does not know how to go on; None if there is none."""
        awaited = [s.choice.rung for s in history.outstanding if not s.asked and s.choice.rung in self._ladder.by_hand]
        if not awaited:
            return None
        named = ", ".join(f"{awaited.count(rung)} of {self._names[rung]}" for rung in sorted(set(awaited)))
        return (
            f"results are awaited: {named} (`gfnmat ask --again` lists them); once they are told, or withdrawn, the "
            "same command goes on"
        )

    def _report(self, phase: str, history: History | None = None) -> None:
        if self._listener is not None and (self._is_new(phase) or perf_counter() > self._next_report):
            start = perf_counter()
            shown = self._phase if phase == "evaluate" and self._planning is not None else phase
            self._last = progress_of(self._config, history or self._memory.history(), self._round, shown)
            self._listener(self._last)
            self._next_report = perf_counter() + SHARE * (perf_counter() - start)

    def _is_new(self, phase: str) -> bool:
        return self._last is None or (phase, self._round) != (self._last.phase, self._last.round)

    def _say_that_it_drains(self) -> None:
        if self._listener is not None and self._last is not None:
            self._listener(replace(self._last, phase="drain"))


def end_of(config: CampaignConfig, committed: float, rounds: int) -> str | None:
    """Why no further round can add to what is known of the target; None if one can.

    Args:
        config: the campaign.
        committed: what is reserved or spent of its budget.
        rounds: how many were planned.
    """
    budget = config.budget
    if budget.rounds is not None and rounds >= budget.rounds:
        return f"all {budget.rounds} rounds are done"
    if budget.cost - committed + 1e-9 < config.problem.target.cost:
        return f"what is left of the budget does not pay for another evaluation at {config.problem.target.name}"
    return None
