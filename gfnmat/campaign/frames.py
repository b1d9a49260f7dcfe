"""A campaign's records as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.history import History
from gfnmat.campaign.records import FREE, Choice, Measurement, RoundRecord, Suggestion, Trust

if TYPE_CHECKING:
    import pandas as pd


_NO_NUMBERS = ("round", "trust")  # of a round's record: its number comes first, and trust has a frame of its own


def suggestions_frame(
    suggestions: Sequence[Suggestion], fidelities: Sequence[str], properties: Sequence[str], crystals: bool
) -> pd.DataFrame:
    """One row a suggestion: id, names (see `_names`), fidelity, replicate, cost, predictions, why, batch."""
    import pandas as pd

    def row(suggestion: Suggestion) -> dict[str, Any]:
        choice = suggestion.choice
        predictions = {
            f"{name}_{kind}": values.get(name, float("nan"))
            for name in properties
            for kind, values in (("mean", choice.means), ("sd", choice.sds))
        }
        place = {"fidelity": fidelities[choice.rung], "replicate": choice.replicate}
        head = {"id": suggestion.id, **_names(choice), **place}
        return {**head, "cost": choice.cost, **predictions, "why": choice.why, "batch": suggestion.batch}

    columns = ["id", *_name_columns(crystals), "fidelity", "replicate", "cost"]
    columns += [f"{name}_{kind}" for name in properties for kind in ("mean", "sd")] + ["why", "batch"]
    return pd.DataFrame([row(s) for s in suggestions], columns=columns)


def _name_columns(crystals: bool) -> list[str]:
    return ["formula", "space_group", "key"] if crystals else ["formula"]


def _names(choice: Choice) -> dict[str, Any]:
    """What a candidate is called: its formula; of a crystal also the symbol of its space group, and its key."""
    return {"formula": choice.formula, "space_group": choice.space_group, "key": choice.key}


def measurements_frame(
    history: History, fidelities: Sequence[str], properties: Sequence[str], crystals: bool
) -> pd.DataFrame:
    """One row a measurement: id, names, fidelity, replicate, status, cost, round, properties, seconds, error, by what.

    After the properties come the standard errors of those of which any is known, as `PROPERTY_error`. Of crystals also
    `duplicate_of`: the first measurement at the target of the same material; NA for that itself.
    """
    import pandas as pd

    doubted = [name for name in properties if any(name in m.answer.errors for m in history.measurements)]
    rows = [
        {
            "id": m.suggestion.id,
            **_names(m.suggestion.choice),
            "fidelity": fidelities[m.suggestion.choice.rung],
            "replicate": m.suggestion.choice.replicate,
            "status": m.answer.status,
            "cost": 0.0 if m.answer.status in FREE else m.suggestion.choice.cost,
            "round": m.suggestion.round,
            **{name: m.answer.values.get(name, float("nan")) for name in properties},
            **{f"{name}_error": m.answer.errors.get(name, float("nan")) for name in doubted},
            "duplicate_of": history.duplicates.get(m.suggestion.id),
            "seconds": m.answer.seconds,
            "error": m.answer.error,
            "provenance": ", ".join(f"{name}={text}" for name, text in m.answer.provenance.items()),
        }
        for m in history.measurements
    ]
    columns = ["id", *_name_columns(crystals), "fidelity", "replicate", "status", "cost", "round", *properties]
    columns += [f"{name}_error" for name in doubted]
    columns += ["duplicate_of"] if crystals else []
    frame = pd.DataFrame(rows, columns=[*columns, "seconds", "error", "provenance"])
    return frame.astype({"duplicate_of": "Int64"}) if crystals else frame


def pareto_frame(best: Sequence[Measurement], properties: Sequence[str], crystals: bool) -> pd.DataFrame:
    """One row a material that no other one beats: id, names, each property, round."""
    import pandas as pd

    rows = [
        {
            "id": m.suggestion.id,
            **_names(m.suggestion.choice),
            **{name: m.answer.values.get(name, float("nan")) for name in properties},
            "round": m.suggestion.round,
        }
        for m in best
    ]
    return pd.DataFrame(rows, columns=["id", *_name_columns(crystals), *properties, "round"])


def rounds_frame(records: Sequence[RoundRecord], history: History) -> pd.DataFrame:
    """One row a round: evaluations issued, cost so far, what the sampler did, and how far the surrogate is right."""
    import pandas as pd

    rows = [
        {
            "round": record.round,
            "evaluations": sum(s.round == record.round for s in history.suggestions),
            "spent": history.cost_of(s for s in history.suggestions if s.round <= record.round),
            **{name: value for name, value in asdict(record).items() if name not in _NO_NUMBERS},
        }
        for record in records
    ]
    columns = ["round", "evaluations", "spent", *(f.name for f in fields(RoundRecord) if f.name not in _NO_NUMBERS)]
    frame = pd.DataFrame(rows, columns=columns)
    numbers = [f.name for f in fields(RoundRecord) if f.default is None]
    return frame.astype(dict.fromkeys(numbers, float))


def trust_frame(records: Sequence[RoundRecord]) -> pd.DataFrame:
    """One row a round, property and fidelity: how good the surrogate was, see `Trust`."""
    import pandas as pd

    rows = [{"round": record.round, **asdict(entry)} for record in records for entry in record.trust]
    frame = pd.DataFrame(rows, columns=["round", *(f.name for f in fields(Trust))])
    return frame.astype({"rank_correlation": float})
