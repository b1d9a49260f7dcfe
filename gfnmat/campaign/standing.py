"""The best of a long campaign, without reading all of it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.progress import leader
from gfnmat.campaign.records import Measurement
from gfnmat.campaign.store import Store
from gfnmat.campaign.store.columns import Told

FIRST = 64  # candidates that are looked at; twice as many where these do not settle it


def best_of(store: Store, goals: Goals) -> Measurement | None:
    """The best feasible measurement by the first objective, as `leader` finds it in the whole history.

    Numbers alone tell which candidates it can be among; what these were told decides, by the history's own rules.
    """
    done = store.values(goals.problem.target_rung, goals.problem.properties)
    if not len(done.suggestions):
        return None
    distinct, candidate = np.unique(done.candidates, return_inverse=True)
    mean = torch.from_numpy(_means(candidate, done.values, len(distinct)))
    is_known = ~mean.isnan().any(1)
    utility = goals.utilities(mean)[:, 0].masked_fill(~(is_known & goals.meets_constraints(mean)), -torch.inf).numpy()
    ranked = np.argsort(-utility, kind="stable")
    n = FIRST
    while True:
        first = [row for row in ranked[:n].tolist() if utility[row] > -np.inf]
        if not first:
            return None
        found = _judged(store, goals, done, set(distinct[first].tolist()))
        of_best = None if found is None else goals.utilities(History(goals, (), ()).values([found]))[0, 0]
        if n >= len(ranked) or (of_best is not None and bool(of_best > utility[ranked[n]])):
            return found
        n *= 2


def _means(candidate: NDArray[np.int64], values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Mean of the known values of each of n candidates, `n x properties`; NaN where none is known."""
    means = np.empty((n, values.shape[1]))
    for column, known in enumerate((~np.isnan(values)).T):
        total = np.bincount(candidate[known], values[known, column], n)
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
            means[:, column] = total / np.bincount(candidate[known], minlength=n)
    return means


def _judged(store: Store, goals: Goals, done: Told, candidates: set[int]) -> Measurement | None:
    """The leader among some candidates, and those that they are duplicates of."""
    known: dict[int, Measurement] = {}
    while True:
        wanted = set(done.suggestions[np.isin(done.candidates, list(candidates))].tolist())
        if not (missing := wanted - known.keys()):
            break
        known |= {m.suggestion.id: m for m in store.measurements(sorted(missing))}
        origins = [m.answer.duplicate_of for m in known.values() if m.answer.duplicate_of is not None]
        candidates |= set(done.candidates[np.isin(done.suggestions, origins)].tolist())
    measured = [known[number] for number in sorted(known)]
    return leader(History(goals, [m.suggestion for m in measured], measured))
