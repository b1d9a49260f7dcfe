"""Suggestions as a sheet that a person fills in: a table of comma-separated values, or an Excel workbook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.people.files import check_writable, write_whole
from gfnmat.campaign.people.injection import guarded
from gfnmat.campaign.people.legend import IDENTIFYING, to_fill_in

if TYPE_CHECKING:
    import pandas as pd


def write_suggestions(frame: pd.DataFrame, path: Path, properties: Sequence[str], campaign: str) -> None:
    """Writes suggestions with empty cells for the results beside them; the file is whole or as it was.

    Args:
        frame: what `Campaign.ask` gives.
        path: ends in .csv or .xlsx.
        properties: what is to be measured.
        campaign: its name, by which sheets of several campaigns are not confused.

    Raises:
        ValueError: another ending.
        OSError: the file cannot be written.
    """
    check_writable(path)
    sheet = sheet_of(frame, properties, campaign)
    if path.suffix.lower() == ".xlsx":
        from gfnmat.campaign.people.workbook import workbook_of

        write_whole(path, workbook_of(sheet, properties))
    else:
        table = sheet.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell)
        write_whole(path, table.to_csv(index=False).encode())


def require_nothing_untold(path: Path, properties: Sequence[str], awaited: Iterable[int]) -> None:
    """Raise ValueError where a sheet is there that tells of what is awaited: writing it anew would lose that."""
    from gfnmat.campaign.people.reading import read_results

    if not path.exists():
        return
    try:
        sheet = read_results(path)
    except ValueError:
        return
    if "id" not in sheet:
        return
    untold = sheet[sheet["id"].astype(str).isin({str(number) for number in awaited})]
    filled = [column for column in to_fill_in(properties) if column in sheet and not _is_empty(untold[column])]
    if filled:
        raise ValueError(
            f"{path} is a sheet in which {', '.join(filled)} has been filled in; tell it first, or give another name."
        )


def _is_empty(column: pd.Series[Any]) -> bool:
    return bool(all(cell is None or cell != cell or not str(cell).strip() for cell in column))


def sheet_of(frame: pd.DataFrame, properties: Sequence[str], campaign: str) -> pd.DataFrame:
    """The columns in the order of a sheet: what a row is about, what to fill in, what is known beforehand."""
    about = [column for column in IDENTIFYING if column in frame]
    others = [column for column in frame if column not in about]
    to_fill = to_fill_in(properties)
    filled = frame.assign(**dict.fromkeys(to_fill), campaign=campaign)
    return filled[[*about, *to_fill, *others, "campaign"]]
