"""How fast work is done, so that the next plan is ready before workers have nothing to do."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

WEIGHT = 0.3  # of the latest time in a mean
AHEAD = 1.5  # times that a plan takes: work for so long should wait while it is made
MOST = 2  # batches planned at once, and waiting, at most: more would make plans longer, and what they know older


class Pace:
    """Times of plans and evaluations, as means that follow the latest.

    Args:
        workers: evaluations that run at once, by rung.
        batch_size: evaluations that are picked at once where that keeps the workers busy.
    """

    def __init__(self, workers: Mapping[int, int], batch_size: int) -> None:
        self._workers = workers
        self._batch_size = batch_size
        self._plan = 0.0
        self._evaluation: dict[int, float] = {}

    def planned(self, seconds: float) -> None:
        """A plan took so long."""
        self._plan = max(seconds, self._plan + WEIGHT * (seconds - self._plan))

    def evaluated(self, rung: int, seconds: float) -> None:
        """The evaluation of one material took so long."""
        mean = self._evaluation.get(rung, seconds)
        self._evaluation[rung] = mean + WEIGHT * (seconds - mean)

    def seconds(self, rung: int) -> float | None:
        """How long the evaluation of one material takes at a rung; None while nothing is known."""
        return self._evaluation.get(rung)

    def is_due(self, waiting: Mapping[int, int], picked: Collection[int]) -> bool:
        """Whether some rung that was picked last will have nothing to do before another plan is ready.

        Args:
            waiting: evaluations that were issued and are not running, by rung.
            picked: the rungs of the latest plan.
        """
        if sum(waiting.values()) >= MOST * self._batch_size:
            return False
        known = [rung for rung in picked if rung in self._evaluation]
        return any(self._seconds_of_work(rung, waiting.get(rung, 0)) <= AHEAD * self._plan for rung in known)

    def amount(self, picked: Collection[int]) -> int:
        """How many evaluations to pick: a batch, or what the slowest rung gets done while a plan is made."""
        rates = [self._workers[r] / max(self._evaluation[r], 1e-6) for r in picked if r in self._evaluation]
        wanted = math.ceil(min(rates) * AHEAD * self._plan) if rates else 0
        return max(self._batch_size, min(wanted, MOST * self._batch_size))

    def _seconds_of_work(self, rung: int, waiting: int) -> float:
        return waiting * self._evaluation[rung] / self._workers[rung]
