"""A campaign's records as data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.history import History
from gfnmat.campaign.records import Measurement, RoundRecord, Suggestion

if TYPE_CHECKING:
    import pandas as pd


def suggestions_frame(
    suggestions: Sequence[Suggestion], fidelities: Sequence[str], properties: Sequence[str]
) -> pd.DataFrame:
    """One row a suggestion: id, formula, fidelity, cost, mean and sd of each property, why."""
    import pandas as pd

    def row(suggestion: Suggestion) -> dict[str, Any]:
        choice = suggestion.choice
        predictions = {
            f"{name}_{kind}": values.get(name, float("nan"))
            for name in properties
            for kind, values in (("mean", choice.means), ("sd", choice.sds))
        }
        head = {"id": suggestion.id, "formula": choice.formula, "fidelity": fidelities[choice.rung]}
        return {**head, "cost": choice.cost, **predictions, "why": choice.why}

    columns = ["id", "formula", "fidelity", "cost"]
    columns += [f"{name}_{kind}" for name in properties for kind in ("mean", "sd")] + ["why"]
    return pd.DataFrame([row(s) for s in suggestions], columns=columns)


def measurements_frame(
    measurements: Sequence[Measurement], fidelities: Sequence[str], properties: Sequence[str]
) -> pd.DataFrame:
    """One row a measurement: id, formula, fidelity, status, cost, round, each property, seconds, error."""
    import pandas as pd

    rows = [
        {
            "id": m.suggestion.id,
            "formula": m.suggestion.choice.formula,
            "fidelity": fidelities[m.suggestion.choice.rung],
            "status": m.answer.status,
            "cost": m.suggestion.choice.cost,
            "round": m.suggestion.round,
            **{name: m.answer.values.get(name, float("nan")) for name in properties},
            "seconds": m.answer.seconds,
            "error": m.answer.error,
        }
        for m in measurements
    ]
    columns = ["id", "formula", "fidelity", "status", "cost", "round", *properties, "seconds", "error"]
    return pd.DataFrame(rows, columns=columns)


def pareto_frame(best: Sequence[Measurement], properties: Sequence[str]) -> pd.DataFrame:
    """One row a material that no other one beats: id, formula, each property, round."""
    import pandas as pd

    rows = [
        {
            "id": m.suggestion.id,
            "formula": m.suggestion.choice.formula,
            **{name: m.answer.values.get(name, float("nan")) for name in properties},
            "round": m.suggestion.round,
        }
        for m in best
    ]
    return pd.DataFrame(rows, columns=["id", "formula", *properties, "round"])


def rounds_frame(records: Sequence[RoundRecord], history: History) -> pd.DataFrame:
    """One row a round: what it spent, what its sampler did, and the best after it.

    `best` is the best value so far of the first objective, among the measurements at the target that meet the
    constraints; `hypervolume` is theirs, with the objectives scaled so that 0 is the worst and 1 the best of the
    whole campaign and measured from -0.1; NaN for one objective.
    """
    import pandas as pd

    progress = _progress(history)
    by_round: Mapping[int, list[Suggestion]] = {
        r.round: [s for s in history.suggestions if s.round == r.round] for r in records
    }
    rows, spent = [], 0.0
    for record in records:
        issued = by_round[record.round]
        spent += sum(s.choice.cost for s in issued)
        best, hypervolume = progress(record.round)
        rows.append(
            {
                "round": record.round,
                "evaluations": len(issued),
                "spent": spent,
                "seconds": record.seconds,
                "loss": record.loss,
                "log_z": record.log_z,
                "pool": record.pool,
                "distinct": record.distinct,
                "hypervolume": hypervolume,
                "best": best,
            }
        )
    columns = ["round", "evaluations", "spent", "seconds", "loss", "log_z", "pool", "distinct", "hypervolume", "best"]
    return pd.DataFrame(rows, columns=columns)


def _progress(history: History) -> Any:
    from botorch.utils.multi_objective.hypervolume import Hypervolume

    from gfnmat.campaign.reward import Scale

    goals, nan = history.goals, float("nan")
    feasible = history.feasible_at_target()
    utilities = goals.utilities(history.values(feasible)) if feasible else None
    scale = Scale.of(utilities) if utilities is not None else None

    def after(number: int) -> tuple[float, float]:
        rows = [index for index, m in enumerate(feasible) if m.suggestion.round <= number]
        if not rows or utilities is None or scale is None:
            return nan, nan
        leader = rows[int(utilities[rows, 0].argmax())]
        best = feasible[leader].answer.values[goals.problem.objectives[0].property]
        if utilities.shape[1] == 1:
            return best, nan
        points = scale.normalised(utilities[rows])
        reference = points.new_full((points.shape[1],), -0.1)
        return best, float(Hypervolume(reference).compute(points[goals.non_dominated(points)]))

    return after
