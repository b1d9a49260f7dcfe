"""The runs of one problem, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor

from gfnmat import Campaign, Candidates
from gfnmat.metrics.curves import (
    Curve,
    best_so_far,
    diversity,
    fraction_of_hits,
    hypervolume_found,
    top_k_mean,
)
from gfnmat.metrics.evaluations import Evaluations
from gfnmat.metrics.hypervolume import box_around
from gfnmat.metrics.reach import Costs
from harness.problems import Problem
from harness.runs import Run
from harness.sources import Table
from harness.truth import Truth, as_utilities

HALF, NEARLY_ALL = 0.5, 0.95
BEST, TOP_MEAN, HITS, HYPERVOLUME, DIVERSITY = "best", "top_k_mean", "hits", "hypervolume", "diversity"


@dataclass(frozen=True)
class RunResult:
    """One finished run, with its curves by the name of the metric."""

    run: Run
    measurements: pd.DataFrame
    evaluations: Evaluations
    curves: dict[str, Curve]


@dataclass(frozen=True)
class Results:
    """All finished runs of a problem.

    Attributes:
        problem: what was to be found.
        table: what it was read from.
        campaign: any of the campaigns: all have the same space, objectives and constraints.
        truth: what there is to find, if that is known.
        reference: the reference point of the hypervolume, one utility an objective; None with one objective.
        runs: method to its runs, in the order of seeds.
        budget: cost at which all methods are compared: the campaign file's.
    """

    problem: Problem
    table: Table | None
    campaign: Campaign
    truth: Truth | None
    reference: Tensor | None
    runs: dict[str, list[RunResult]]
    budget: float

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(next(iter(self.runs.values()))[0].curves)

    @cached_property
    def targets(self) -> list[tuple[str, float]]:
        """What the cost is counted to: metrics and levels."""
        return [pair for pair in ((HITS, HALF), (HYPERVOLUME, NEARLY_ALL)) if self.truth and pair[0] in self.metrics]

    def at(self, method: str, metric: str, costs: Tensor) -> Tensor:
        """A metric of each seed at these costs, `seeds x costs`."""
        return torch.stack([result.curves[metric].at(costs) for result in self.runs[method]])

    def costs_to_reach(self, method: str, metric: str, level: float) -> Costs:
        """What each seed of a method paid until a metric reached a level."""
        results = self.runs[method]
        return Costs(
            torch.tensor([r.curves[metric].cost_to_reach(level) for r in results], dtype=torch.double),
            torch.tensor([r.evaluations.spent for r in results], dtype=torch.double),
        )


def collect(problem: Problem, table: Table | None, runs: Sequence[Run]) -> Results | None:
    """Measures the finished ones of the runs of a problem; None if there is none.

    Raises:
        ValueError: the cost that a run's measurements add up to is not what its campaign says it spent.
    """
    finished = [run for run in runs if run.is_done]
    if not finished:
        return None
    campaign = Campaign.open(finished[0].campaign_file)
    truth = Truth.of(campaign)
    measured = [(run, frame, _evaluations(run, frame, campaign)) for run in finished for frame in [run.measurements()]]
    reference = _reference(problem, campaign, truth, [evaluations for _, _, evaluations in measured])
    of_method: dict[str, list[RunResult]] = {}
    for run, frame, evaluations in measured:
        curves = _curves(evaluations, problem.k, truth, reference)
        of_method.setdefault(run.method, []).append(RunResult(run, frame, evaluations, curves))
    budget = float(problem.content(table)["budget"]["cost"])
    return Results(problem, table, campaign, truth, reference, of_method, budget)


def _evaluations(run: Run, frame: pd.DataFrame, campaign: Campaign) -> Evaluations:
    found = Evaluations.of(frame, campaign.problem)
    if abs(found.spent - run.facts["spent"]) > 1e-6 * max(1.0, found.spent):
        raise ValueError(f"{run}: measurements cost {found.spent:g}, and the campaign spent {run.facts['spent']:g}.")
    return found


def _reference(
    problem: Problem, campaign: Campaign, truth: Truth | None, found: Sequence[Evaluations]
) -> Tensor | None:
    if len(campaign.problem.objectives) == 1:
        return None
    if problem.reference:
        return as_utilities(campaign.problem, problem.reference)
    sets = [truth.utilities] if truth else [each.utilities[each.counts] for each in found]
    return box_around(sets)[0] if any(len(points) for points in sets) else torch.zeros(len(campaign.problem.objectives))


def _curves(evaluations: Evaluations, k: int, truth: Truth | None, reference: Tensor | None) -> dict[str, Curve]:
    counts = Candidates.of(evaluations.names).counts
    curves: dict[str, Curve] = {}
    if reference is None:
        curves[BEST] = best_so_far(evaluations)
        curves[TOP_MEAN] = top_k_mean(evaluations, k)
    else:
        found = hypervolume_found(evaluations, reference)
        whole = truth.hypervolume(reference) if truth else 1.0
        curves[HYPERVOLUME] = Curve(found.costs, found.values / whole, found.start)
    if truth:
        curves[HITS] = fraction_of_hits(evaluations, truth.hits)
    curves[DIVERSITY] = diversity(evaluations, k, counts / counts.sum(1, keepdim=True))
    return curves
