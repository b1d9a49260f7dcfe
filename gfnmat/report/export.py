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
    EXTXYZ = "extxyz"
    ASE = "ase"


def export(campaign: Campaign, formats: Sequence[Format], folder: Path) -> list[Path]:
    """Writes what is asked for, and returns the files written.

    Measurements and Pareto set as CSV or JSON; one CIF file a candidate (of crystals also one as it was proposed);
    all structures in one extended XYZ file or ASE database, see `structure_files`.
    """
    from gfnmat.report import structure_files

    written: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    for kind in dict.fromkeys(formats):
        if kind is Format.CIF:
            written += structure_files.write_cif(campaign, folder / "structures")
        elif kind is Format.EXTXYZ:
            written += structure_files.write_extxyz(campaign, folder / "structures.extxyz")
        elif kind is Format.ASE:
            written += structure_files.write_ase(campaign, folder / "structures.db")
        else:
            written += _tables(campaign, kind, folder)
    return written


def as_json(frame: pd.DataFrame) -> str:
    """One object a row; what is not known is null."""
    return str(frame.to_json(orient="records", indent=2, double_precision=15)) + "\n"


def _tables(campaign: Campaign, kind: Format, folder: Path) -> list[Path]:
    written = []
    for name, frame in (("measurements", campaign.measurements()), ("pareto", campaign.pareto())):
        path = folder / f"{name}.{kind}"
        path.write_text(frame.to_csv(index=False) if kind is Format.CSV else as_json(frame), encoding="utf-8")
        written.append(path)
    return written
