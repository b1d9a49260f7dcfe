"""The figures of a benchmark as tables: curves, a summary, and every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from gfnmat.metrics.bands import Band, bootstrap
from gfnmat.metrics.reach import Estimate, median_cost, speedup
from harness.results import BEST, TOP_MEAN, Results, RunResult
from harness.runner import Failure

POINTS = 200
BASELINES = ("random", "evolutionary", "single_fidelity")
"""Methods that the others are compared with in cost."""

CURVES = ("problem", "method", "metric", "cost", "mean", "low", "high", "seeds")
SUMMARY = ("problem", "method", "quantity", "value", "low", "high", "bound", "seeds")


def curves_table(results: Results) -> pd.DataFrame:
    """Mean and 0.95 interval of each metric at costs from 0 to the most that every seed of a method has spent.

    Best and top-K mean are in the unit of the objective, the distance from the window for a target; they begin where
    all seeds know them.
    """
    rows: list[tuple[Any, ...]] = []
    for method, runs in results.runs.items():
        costs = _grid(results.budget, min(run.evaluations.spent for run in runs))
        for metric in results.metrics:
            band = as_shown(results, metric, bootstrap(results.at(method, metric, costs)))
            columns = (costs.tolist(), band.centre.tolist(), band.low.tolist(), band.high.tolist())
            rows += [(results.problem.name, method, metric, *point, len(runs)) for point in zip(*columns, strict=True)]
    return pd.DataFrame(rows, columns=list(CURVES)).dropna(subset=["mean"], ignore_index=True)


def _grid(budget: float, spent: float) -> Tensor:
    """Costs at which curves are read: as many up to the budget of the comparison as beyond it."""
    inside = torch.linspace(0, min(budget, spent), POINTS + 1, dtype=torch.double)
    beyond = torch.linspace(budget, spent, POINTS + 1, dtype=torch.double)[1:] if spent > budget else inside[:0]
    return torch.cat([inside, beyond])


def summary_table(results: Results, failures: Sequence[Failure] = ()) -> pd.DataFrame:
    """One row a method and quantity: means over the seeds, and medians of costs, with 0.95 intervals."""
    rows = []
    for method, runs in results.runs.items():
        failed = sum(failure.run.method == method for failure in failures)
        for quantity, found in _quantities(results, method, runs, failed):
            values = (found.value, found.low, found.high, found.bound)
            rows.append((results.problem.name, method, quantity, *values, len(runs)))
    return pd.DataFrame(rows, columns=list(SUMMARY))


def runs_table(results: Results) -> pd.DataFrame:
    """One row a run: what it reached at the budget of the comparison and at its end, what it cost, and why it ended."""
    rows = []
    budget = torch.tensor([results.budget], dtype=torch.double)
    for method, runs in results.runs.items():
        for result in runs:
            facts = result.run.facts
            row = {"problem": results.problem.name, "method": method, "seed": result.run.seed}
            for metric, curve in result.curves.items():
                sign = _sign(results, metric)
                row[f"{metric}_at_{results.budget:g}"] = sign * float(curve.at(budget))
                row[f"{metric}_at_end"] = sign * curve.final
            for metric, level in results.targets:
                row[cost_name(metric, level)] = result.curves[metric].cost_to_reach(level)
            row |= {"evaluations": len(result.measurements), **accounts(result, results)}
            row |= {key: facts[key] for key in ("seconds", "resumed", "peak_gib", "ended")}
            rows.append({**row, "folder": str(result.run.folder)})
    return pd.DataFrame(rows)


def accounts(result: RunResult, results: Results) -> dict[str, float]:
    """What a run paid: altogether, for its first round, below the target, and at the target."""
    paid, frame = result.evaluations.paid.numpy(), result.measurements
    at_target = (frame["fidelity"] == results.campaign.problem.target.name).to_numpy()
    return {
        "spent": float(paid.sum()),
        "spent_in_first_round": float(paid[(frame["round"] == 0).to_numpy()].sum()),
        "spent_below_target": float(paid[~at_target].sum()),
        "spent_at_target": float(paid[at_target].sum()),
    }


def cost_name(metric: str, level: float) -> str:
    """What the cost to reach a level is called."""
    return f"cost_to_{level:g}_{metric}"


def as_shown(results: Results, metric: str, band: Band) -> Band:
    """A band in the unit of the objective: what is minimised is a utility with its sign turned."""
    if _sign(results, metric) > 0:
        return band
    return Band(-band.centre, -band.high, -band.low)


def _sign(results: Results, metric: str) -> int:
    minimised = results.campaign.problem.objectives[0].goal != "maximize"
    return -1 if metric in (BEST, TOP_MEAN) and minimised else 1


def _quantities(
    results: Results, method: str, runs: Sequence[RunResult], failed: int
) -> Iterator[tuple[str, Estimate]]:
    budget = torch.tensor([results.budget], dtype=torch.double)
    for metric in results.metrics:
        band = as_shown(results, metric, bootstrap(results.at(method, metric, budget)))
        yield f"{metric}_at_{results.budget:g}", Estimate(float(band.centre), float(band.low), float(band.high))
    for metric, level in results.targets:
        costs = results.costs_to_reach(method, metric, level)
        name = cost_name(metric, level)
        yield name, median_cost(costs)
        yield f"{name}_share_of_seeds", _exactly(costs.share)
        for baseline in BASELINES:
            if baseline in results.runs and baseline != method:
                ratio = speedup(costs, results.costs_to_reach(baseline, metric, level))
                yield f"{name}_speedup_over_{baseline}", ratio
    for name in accounts(runs[0], results):
        yield name, _mean([accounts(run, results)[name] for run in runs])
    yield "evaluations", _mean([float(len(run.measurements)) for run in runs])
    whole = [run.run.facts["seconds"] for run in runs if not run.run.facts["resumed"]]
    if whole:
        yield "seconds", _mean(whole)
    yield "peak_gib", _mean([run.run.facts["peak_gib"] for run in runs])
    yield "failed_runs", _exactly(float(failed))


def _mean(values: Sequence[float]) -> Estimate:
    band = bootstrap(torch.tensor(values, dtype=torch.double)[:, None])
    return Estimate(float(band.centre), float(band.low), float(band.high))


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)
