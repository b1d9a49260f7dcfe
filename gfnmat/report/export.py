"""A campaign's results as files that other tools read."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from gfnmat.campaign import Campaign


class Format(StrEnum):
    """What can be written."""

    CSV = "csv"
    JSON = "json"
    CIF = "cif"


def export(campaign: Campaign, formats: Sequence[Format], folder: Path) -> list[Path]:
    """Writes measurements and Pareto set as CSV or JSON, structures as CIF; returns the files written."""
    written: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    for kind in dict.fromkeys(formats):
        if kind is Format.CIF:
            written += _structures(campaign, folder / "structures")
            continue
        for name, frame in (("measurements", campaign.measurements()), ("pareto", campaign.pareto())):
            path = folder / f"{name}.{kind}"
            path.write_text(frame.to_csv(index=False) if kind is Format.CSV else as_json(frame), encoding="utf-8")
            written.append(path)
    return written


def as_json(frame: pd.DataFrame) -> str:
    """One object a row; what is not known is null."""
    return str(frame.to_json(orient="records", indent=2, double_precision=15)) + "\n"


def _structures(campaign: Campaign, folder: Path) -> list[Path]:
    written = []
    for formula, structure in campaign.structures().items():
        folder.mkdir(exist_ok=True)
        path = folder / f"{formula}.cif"
        path.write_text(str(structure.to(fmt="cif")), encoding="utf-8")
        written.append(path)
    return written
