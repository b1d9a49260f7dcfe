"""Tables of results as people hand them in: comma-separated values of any country, or Excel workbooks."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.people.cells import is_empty
from gfnmat.campaign.people.faults import refuse_if_any
from gfnmat.campaign.people.injection import unguarded
from gfnmat.campaign.people.table import ROW_NUMBER, WORDS, plain
from gfnmat.campaign.people.workbook import SUGGESTIONS

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.worksheet.worksheet import Worksheet

WORKBOOKS = (".xlsx", ".xlsm")
TEXTS = (".csv", ".tsv", ".txt")
SEPARATORS = (",", ";", "\t")

_WHOLE = re.compile(r"[+-]?\d{1,15}")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WITH_COMMA = re.compile(r"([+\u2212-]?\d*),(\d+(?:[eE][+-]?\d+)?(?:\s*[^\d\s.,].*)?)")
_GROUPS_OR_DECIMALS = re.compile(r"[+\u2212-]?\d{1,3}(?:\.\d{3})+(?:\s*[^\d\s.,].*)?")
_PREDICTED = ("_mean", "_sd")


def read_results(path: Path) -> pd.DataFrame:
    """A table of results, for `answers_from` and `unasked_from`.

    Comma-, semicolon- or tab-separated values, the last two also with what European spreadsheets write: decimal commas
    where semicolons separate, and the encoding of Windows. Of a workbook the sheet `suggestions`, or else the first.
    Rows without any content are left out; the index counts rows as a spreadsheet does.

    Raises:
        ValueError: the file is no such table.
        OSError: the file cannot be read.
    """
    kind = path.suffix.lower()
    if kind not in (*WORKBOOKS, *TEXTS):
        raise ValueError(f"{path} is not a table that is read here; save it as {', '.join((*TEXTS, WORKBOOKS[0]))}.")
    content = path.read_bytes()
    if kind in WORKBOOKS:
        rows, first = _rows_of_workbook(path, content)
        return _framed(rows, first)
    text = _decoded(path, content)
    rows, separator, first = _rows_of_text(path, text)
    return _framed(_as_values(path, rows, separator == ";", first), first)


def _framed(rows: Sequence[Sequence[Any]], first: int) -> pd.DataFrame:
    """Rows below a header, without those that are empty and without columns that have no header."""
    import pandas as pd

    header = ["" if is_empty(cell) else str(cell).strip() for cell in rows[0]]
    kept = [place for place, name in enumerate(header) if name]
    numbers = [n for n, row in enumerate(rows[1:], first + 1) if not all(is_empty(cell) for cell in row)]
    cells = [[rows[n - first][place] for place in kept] for n in numbers]
    index = pd.Index(numbers, name=ROW_NUMBER, dtype="int64")
    return pd.DataFrame(cells, index=index, columns=[header[place] for place in kept], dtype=object)


def _decoded(path: Path, content: bytes) -> str:
    if content[:2] == b"PK":
        raise ValueError(f"{path} is not a table of comma-separated values but a workbook; name it .xlsx.")
    if b"\0" in content:
        raise ValueError(f"{path} is not a table of comma-separated values in UTF-8; save it as CSV UTF-8.")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError(f"{path} is not a table of comma-separated values in UTF-8; save it as CSV UTF-8.")


def _rows_of_text(path: Path, text: str) -> tuple[list[list[str | None]], str, int]:
    """The cells of all rows, what separates them, and the number of the header's row."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if named := re.fullmatch(r'"?sep=(.)"?', lines[first].strip()):  # by which Excel is told
        first += 1
    header = lines[first] if first < len(lines) else ""
    body = StringIO("\n".join(lines[first:]), newline="")
    try:
        widths = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in SEPARATORS}
        separator = named[1] if named else max(SEPARATORS, key=widths.__getitem__)
        rows = list(csv.reader(body, delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is not a table of comma-separated values: {error}.") from None
    if not header.strip():
        raise ValueError(f"{path} is not a table of comma-separated values: it is empty.")
    cells = []
    for number, row in enumerate(rows, first + 1):
        if any(cell.strip() for cell in row[len(rows[0]) :]):
            raise ValueError(
                f"{path} is not a table of comma-separated values: row {number} has {len(row)} cells and the header "
                f"{len(rows[0])}; a decimal comma, or a comma in a text, needs quotes around the cell."
            )
        padded = [*row, *[""] * len(rows[0])][: len(rows[0])]
        cells.append([None if is_empty(cell) else unguarded(cell) for cell in padded])
    return cells, separator, first + 1


def _as_values(path: Path, rows: list[list[str | None]], may_have_commas: bool, first: int) -> list[list[Any]]:
    """Numbers where a text is one, but in columns of names and free text."""
    header = [plain(name or "") for name in rows[0]]
    of_numbers = [place for place, name in enumerate(header) if name and name not in WORDS]
    has_commas = may_have_commas and any(
        (text := row[place]) is not None and _WITH_COMMA.fullmatch(text.strip())
        for row in rows[1:]
        for place in of_numbers
    )
    faults: list[str] = []
    values: list[list[Any]] = [list(row) for row in rows]
    for number, row in enumerate(values[1:], first + 1):
        for place in of_numbers:
            if (text := row[place]) is None:
                continue
            if has_commas and not header[place].endswith(_PREDICTED) and _GROUPS_OR_DECIMALS.fullmatch(text.strip()):
                faults.append(
                    f"{path}, row {number}, column {rows[0][place]!r}: {text} has a point in a table with decimal "
                    "commas; write it without marks between thousands, or with a comma."
                )
            row[place] = _value(text.strip(), has_commas)
    refuse_if_any(faults)
    return values


def _value(text: str, has_commas: bool) -> Any:
    text = text.replace("\N{MINUS SIGN}", "-")
    if has_commas and (found := _WITH_COMMA.fullmatch(text)):
        text = f"{found[1] or 0}.{found[2]}"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _rows_of_workbook(path: Path, content: bytes) -> tuple[list[list[Any]], int]:
    """The cells of all rows from the first that is not empty on, and its number."""
    values, formulas = (_page(path, content, values=values) for values in (True, False))
    faults = [
        f"{path}, cell {cell.coordinate}: its formula was never computed; open the file in Excel and save it."
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and values[cell.coordinate].value is None
    ]
    refuse_if_any(faults)
    rows = [list(row) for row in values.iter_rows(min_row=1, min_col=1, values_only=True)]
    first = next((n for n, row in enumerate(rows) if not all(is_empty(cell) for cell in row)), None)
    if first is None:
        raise ValueError(f"{path} is not a table: its sheet {values.title!r} is empty.")
    return rows[first:], first + 1


def _page(path: Path, content: bytes, values: bool) -> Worksheet:
    """The sheet of a workbook that holds the results, with what formulas give (`values`) or what they are."""
    from openpyxl import load_workbook

    try:
        workbook = load_workbook(BytesIO(content), data_only=values)
    except Exception as error:  # a damaged archive raises whatever its part at fault does
        raise ValueError(f"{path} is not a table: it is no Excel workbook ({str(error).strip()}).") from None
    if not workbook.worksheets:
        raise ValueError(f"{path} is not a table: it has no sheet of cells.")
    named = [page for page in workbook.worksheets if page.title.casefold() == SUGGESTIONS]
    return named[0] if named else workbook.worksheets[0]
