"""How fit the measured candidates are, as a search without a surrogate ranks them."""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.scores import Scale
from gfnmat.proposers.proposer import Measured
from gfnmat.space.candidates import Candidates


def measured(history: History) -> Measured | None:
    """What the target said so far, each material once; None while it has answered nothing.

    What an oracle found infeasible, at whatever rung, is less fit than all that was answered.
    """
    judged = {m.suggestion.choice.key: m for m in history.at_target() if m.suggestion.id not in history.duplicates}
    if not judged:
        return None
    failed = {m.suggestion.choice.key for m in history.measurements if m.answer.status == "infeasible"} - judged.keys()
    fitness = fitness_of(history.goals, history.values(list(judged.values())))
    lowest = (fitness.min() - 1).expand(len(failed))
    return Measured(Candidates.of_keys([*judged, *sorted(failed)]), torch.cat([fitness, lowest]))


def fitness_of(goals: Goals, values: Tensor) -> Tensor:
    """Fitness of measured properties, `n x properties` to `n`, as `Measured` has it.

    Of one objective it is the utility; of several, minus the Pareto rank, ties by crowding distance (NSGA-II: Deb et
    al., IEEE Trans. Evol. Comput. 6, 182, 2002). What misses a constraint is below, by the sum of the violations, each
    as a share of the largest one.
    """
    fitness = values.new_zeros(len(values))
    met = goals.meets_constraints(values)
    lowest = values.new_zeros(())
    if bool(met.any()):
        utilities = goals.utilities(values[met])
        order = utilities.squeeze(1) if utilities.shape[1] == 1 else pareto_order(goals, utilities)
        fitness[met] = Scale.of(order[:, None]).normalised(order[:, None]).squeeze(1)
        lowest = fitness[met].min()
    if not bool(met.all()):
        missed = torch.stack([excess(values[~met]).clamp(min=0) for excess in goals.excesses()])
        largest = missed.amax(1, keepdim=True)
        fitness[~met] = lowest - 1 - (missed / torch.where(largest > 0, largest, 1)).sum(0)
    return fitness


def pareto_order(goals: Goals, utilities: Tensor) -> Tensor:
    """Minus the Pareto rank of `n x objectives` utilities, `n`, plus less than 1 for the least crowded of a rank."""
    order = utilities.new_zeros(len(utilities))
    left, rank = torch.arange(len(utilities)), 0
    while len(left):
        first = goals.non_dominated(utilities[left])
        front = left[first]
        place = crowding_distance(utilities[front]).unique(return_inverse=True)[1]
        order[front] = place.to(utilities) / len(front) - rank
        left, rank = left[~first], rank + 1
    return order


def crowding_distance(utilities: Tensor) -> Tensor:
    """How far apart the neighbours of each member of a front are, `n x objectives` to `n`; infinite at its ends."""
    distance = utilities.new_zeros(len(utilities))
    for column in utilities.unbind(1):
        value, order = column.sort(stable=True)
        width = value[-1] - value[0]
        apart = torch.full_like(value, torch.inf)
        apart[1:-1] = (value[2:] - value[:-2]) / torch.where(width > 0, width, 1)
        distance[order] += apart
    return distance
