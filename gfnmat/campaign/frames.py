"""A campaign's records as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
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
    """One row a round: evaluations issued, cost so far, what the sampler did, and how far the surrogate is right."""
    import pandas as pd

    rows = [
        {
            "round": record.round,
            "evaluations": sum(s.round == record.round for s in history.suggestions),
            "spent": history.cost_of(s for s in history.suggestions if s.round <= record.round),
            **{name: value for name, value in asdict(record).items() if name != "round"},
        }
        for record in records
    ]
    columns = ["round", "evaluations", "spent", *(f.name for f in fields(RoundRecord) if f.name != "round")]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(("loss", "log_z", "coverage", "rank_correlation"), float))
