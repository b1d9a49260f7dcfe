"""A sheet to fill in as an Excel workbook, with a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.people.injection import SIGNS
from gfnmat.campaign.people.legend import IDENTIFYING, legend_of, range_of, to_fill_in
from gfnmat.campaign.people.table import error_of, headed
from gfnmat.campaign.records import STATUSES
from oracles import property_named

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

SUGGESTIONS = "suggestions"
"""The sheet that is filled in."""
LEGEND = "legend"
FURTHER_ROWS = 500  # below those suggested, in which replicates are checked as well
WIDEST = {"key": 12, "why": 70}
WIDE = 28
NARROWEST = {"formula": 14, "status": 14, "error": 24, "note": 30}
GREY, DARK_GREY, YELLOW, DARK_YELLOW = "FFEDEDED", "FFD0D0D0", "FFFFF9DB", "FFFFE699"
LARGEST = 1e300


def workbook_of(sheet: pd.DataFrame, properties: Sequence[str]) -> bytes:
    """The workbook: the suggestions with the cells to fill in coloured and checked, and what each column means."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.properties.creator = "gfnmat"
    page = workbook.active
    page.title = SUGGESTIONS
    columns = [str(column) for column in sheet.columns]
    _fill(page, sheet, columns, frozenset(to_fill_in(properties)))
    _check(page, columns, len(sheet), properties)
    about = sum(column in IDENTIFYING for column in columns)
    page.freeze_panes = page.cell(row=2, column=about + 1)
    page.auto_filter.ref = f"A1:{page.cell(row=len(sheet) + 1, column=len(columns)).coordinate}"
    page.page_setup.orientation = "landscape"
    page.print_title_rows = "1:1"
    _explain(workbook.create_sheet(LEGEND), columns, properties)
    content = BytesIO()
    workbook.save(content)
    return content.getvalue()


def _fill(page: Worksheet, sheet: pd.DataFrame, columns: Sequence[str], to_fill: frozenset[str]) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.utils import get_column_letter

    def colour(code: str) -> PatternFill:
        return PatternFill("solid", start_color=code, end_color=code)

    line = Side(style="thin", color="FFBFBFBF")
    for place, column in enumerate(columns, 1):
        head = page.cell(row=1, column=place)
        _write_text(head, column)
        head.font = Font(bold=True)
        head.alignment = Alignment(wrap_text=True, vertical="top")
        head.fill = colour(DARK_YELLOW if column in to_fill else DARK_GREY)
        widest = len(column)
        for row, given in enumerate(sheet.iloc[:, place - 1], 2):
            cell = page.cell(row=row, column=place)
            _write(cell, given)
            if column in to_fill:
                # the general format: under a format of numbers Excel shows as one what it took for a date
                cell.fill, cell.border = colour(YELLOW), Border(left=line, right=line, top=line, bottom=line)
            elif column in IDENTIFYING:
                cell.fill, cell.font = colour(GREY), Font(color="FF595959")
            elif isinstance(cell.value, float) and 1e-3 <= abs(cell.value) < 1e6:
                cell.number_format = "0.000"
            widest = max(widest, len(str(cell.value or "")))
        page.column_dimensions[get_column_letter(place)].width = max(
            NARROWEST.get(column, 0),
            min(widest + 3, WIDEST.get(column, WIDE)),  # the button of the filter takes room
        )


def _check(page: Worksheet, columns: Sequence[str], n: int, properties: Sequence[str]) -> None:
    """Lets Excel refuse what could not be told, and warn before what a row is about is changed."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    letters = {column: get_column_letter(place) for place, column in enumerate(columns, 1)}
    last = n + 1 + FURTHER_ROWS

    def check(column: str, until: int, title: str, prompt: str, style: str, **rule: Any) -> None:
        checked = DataValidation(allow_blank=True, showErrorMessage=True, showInputMessage=True, **rule)
        checked.promptTitle = checked.errorTitle = title[:32]
        checked.prompt = checked.error = prompt[:255]
        checked.errorStyle = style
        checked.add(f"{letters[column]}2:{letters[column]}{until}")
        page.add_data_validation(checked)

    for column in (column for column in columns if column in IDENTIFYING and n):
        prompt = "This says what the row is about: do not edit it. Further measurements go into rows below."
        check(column, n + 1, "Not to be edited", prompt, "warning", type="custom", formula1="FALSE")
    for name in properties:
        known = property_named(name)
        low, high = max(known.lower, -LARGEST), min(known.upper, LARGEST)
        unit = known.unit if known.unit not in ("", "1") else "no unit"
        between = {"type": "decimal", "operator": "between", "formula1": f"{low:.15g}", "formula2": f"{high:.15g}"}
        check(headed(name), last, name, f"{range_of(name)}, in {unit}", "stop", **between)
        from_zero = {"type": "decimal", "operator": "greaterThanOrEqual", "formula1": "0"}
        prompt = f"Standard error of {name}: 0 and more, in {unit}"
        check(headed(name, error_of(name)), last, error_of(name), prompt, "stop", **from_zero)
    words = f'"{",".join(STATUSES)}"'
    prompt = f"One of {', '.join(STATUSES)}; empty beside a value means done."
    check("status", last, "status", prompt, "stop", type="list", formula1=words)


def _explain(page: Worksheet, columns: Sequence[str], properties: Sequence[str]) -> None:
    from openpyxl.styles import Alignment, Font

    for place, (title, width) in enumerate((("column", 34), ("meaning", 78), ("unit", 14), ("allowed", 44)), 1):
        head = page.cell(row=1, column=place)
        _write_text(head, title)
        head.font = Font(bold=True)
        page.column_dimensions[head.column_letter].width = width
    for row, line in enumerate(legend_of(columns, properties), 2):
        for place, text in enumerate((line.column, line.meaning, line.unit, line.allowed), 1):
            cell = page.cell(row=row, column=place)
            _write_text(cell, text)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    page.freeze_panes = "A2"


def _write(cell: Cell, given: Any) -> None:
    """A number, a text that stays one, or nothing."""
    if isinstance(given, str):
        _write_text(cell, given)
        return
    number = given.item() if hasattr(given, "item") else given
    is_number = isinstance(number, int | float) and math.isfinite(number)
    cell.value = number if is_number else None


def _write_text(cell: Cell, text: str) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"  # also of what begins with an equals sign, or looks like an error of Excel's
    cell.number_format = "@"
    cell.quotePrefix = text.startswith(SIGNS)
