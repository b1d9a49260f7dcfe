"""The best of a long campaign, without reading all of it."""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History, values_of
from gfnmat.campaign.progress import leader
from gfnmat.campaign.records import Measurement
from gfnmat.campaign.store import Store

FIRST = 64  # candidates that are looked at; twice as many where these do not settle it


def best_of(store: Store, goals: Goals) -> Measurement | None:
    """The best feasible measurement by the first objective, as `leader` finds it in the whole history.

    Numbers alone tell which candidates it can be among; what these were told decides, by the history's own rules.
    """
    done = store.values(goals.problem.target_rung)
    latest = {number: (candidate, values) for number, candidate, values in done}
    if not latest:
        return None
    numbers = torch.tensor(list(latest))
    candidate = torch.tensor([candidate for candidate, _ in latest.values()]).unique(return_inverse=True)[1]
    mean = _means(candidate, values_of([values for _, values in latest.values()], goals.problem.properties))
    is_known = ~mean.isnan().any(1)
    utility = goals.utilities(mean)[:, 0].masked_fill(~(is_known & goals.meets_constraints(mean)), -torch.inf)
    ranked = utility.argsort(descending=True, stable=True)
    n = FIRST
    while True:
        top = ranked[:n]
        top = top[utility[top] > -torch.inf]
        if not len(top):
            return None
        found = _judged(store, goals, numbers[torch.isin(candidate, top)].tolist())
        of_best = None if found is None else goals.utilities(History(goals, (), ()).values([found]))[0, 0]
        if n >= len(ranked) or (of_best is not None and bool(of_best > utility[ranked[n]])):
            return found
        n *= 2


def _means(candidate: Tensor, values: Tensor) -> Tensor:
    """Mean of the known values of each candidate, `candidates x properties`; NaN where none is known."""
    known = ~values.isnan()
    shape = (int(candidate.max()) + 1, values.shape[1])
    total = values.new_zeros(shape).index_add_(0, candidate, values.nan_to_num(nan=0.0))
    count = values.new_zeros(shape).index_add_(0, candidate, known.to(values))
    return total / count  # 0 / 0 is NaN


def _judged(store: Store, goals: Goals, numbers: list[int]) -> Measurement | None:
    """The leader among some suggestions, and what these are duplicates of."""
    wanted, known = set(numbers), dict[int, Measurement]()
    while missing := wanted - known.keys():
        known |= {m.suggestion.id: m for m in store.measurements(sorted(missing))}
        wanted = {m.answer.duplicate_of for m in known.values() if m.answer.duplicate_of is not None} | set(known)
    measured = [known[number] for number in sorted(known)]
    return leader(History(goals, [m.suggestion for m in measured], measured))
