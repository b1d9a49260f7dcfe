"""Why evaluations failed, in few words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

MOST_REASONS = 12


@dataclass(frozen=True)
class Reason:
    """A kind of failure.

    Attributes:
        fidelity, status: where it happened, and whose fault it was.
        example: the first message of the kind.
        formula: the material that the example is about.
        count: failures of the kind.
    """

    fidelity: str
    status: str
    example: str
    formula: str
    count: int


def reasons(measurements: pd.DataFrame) -> list[Reason]:
    """The commonest kinds; messages that differ only in numbers or in the formula are one kind."""
    kinds: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for row in measurements[measurements["status"] != "done"].to_dict("records"):
        message = row["error"] if isinstance(row["error"], str) else ""
        first = message.strip().splitlines()[0] if message.strip() else "no reason given"
        pattern = re.sub(r"\d+(\.\d+)?", "#", first.replace(row["formula"], "*"))
        kinds.setdefault((row["fidelity"], row["status"], pattern), []).append((first, row["formula"]))
    found = [
        Reason(fidelity, status, cases[0][0], cases[0][1], len(cases)) for (fidelity, status, _), cases in kinds.items()
    ]
    return sorted(found, key=lambda reason: -reason.count)[:MOST_REASONS]
