"""Sheets to fill in: what is in them, and that what a person fills in comes back."""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gfnmat.campaign.frames import suggestions_frame
from gfnmat.campaign.people import files, sheet
from gfnmat.campaign.people.injection import guarded, unguarded
from gfnmat.campaign.people.legend import legend_of
from gfnmat.campaign.people.reading import read_results
from gfnmat.campaign.people.results import answers_from
from gfnmat.campaign.people.sheet import check_writable, require_nothing_untold, sheet_of, write_suggestions
from gfnmat.campaign.people.table import headed
from gfnmat.campaign.records import STATUSES, Answer, Suggestion
from oracles import property_named
from tests.gfnmat.campaign.people.issued import FIDELITIES, PROPERTIES, suggestion

HEADERS = [
    *["id", "formula", "fidelity", "replicate"],
    *["bulk_modulus [GPa]", "bulk_modulus_error [GPa]", "density [g/cm3]", "density_error [g/cm3]"],
    *["shine", "shine_error", "status", "error", "note"],
]


def filled(path: Path, cells: dict[int, dict[str, Any]]) -> None:
    """Writes cells (row of the table from 0, header, content) into a sheet, as a person does."""
    if path.suffix == ".xlsx":
        workbook = openpyxl.load_workbook(path)
        page = workbook["suggestions"]
        places = {cell.value: cell.column for cell in page[1]}
        for row, contents in cells.items():
            for header, content in contents.items():
                page.cell(row=row + 2, column=places[header]).value = content
                if isinstance(content, str):
                    page.cell(row=row + 2, column=places[header]).data_type = "s"
        workbook.save(path)
        return
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    for row, contents in cells.items():
        rows[row].update({header: str(content) for header, content in contents.items()})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(params=[".csv", ".xlsx"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"ask{request.param}"


def test_what_is_filled_in_comes_back(path: Path, frame: pd.DataFrame, suggestions: dict[int, Suggestion]) -> None:
    write_suggestions(frame, path, PROPERTIES, "ceramics")
    filled(
        path,
        {
            0: {
                "bulk_modulus [GPa]": 160.5,
                "bulk_modulus_error [GPa]": 2,
                "density [g/cm3]": "3.6 g/cm³",
                "note": "ok",
            },
            1: {"status": "infeasible", "error": "it melts"},
            2: {"shine": -1e-7, "status": "Done"},
        },
    )
    told = answers_from(read_results(path), suggestions, PROPERTIES, campaign="ceramics", fidelities=FIDELITIES)
    assert told == {
        1: Answer("done", {"bulk_modulus": 160.5, "density": 3.6}, {"bulk_modulus": 2.0}, provenance={"note": "ok"}),
        2: Answer("infeasible", error="it melts"),
        3: Answer("done", {"shine": -1e-7}),
    }


@st.composite
def fillings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What may be filled into each row of a sheet."""
    text = st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=12
    ).map(str.strip)

    def digits(number: float) -> float:
        return float(f"{number:.15g}")  # as many as a spreadsheet keeps

    def row() -> dict[str, Any]:
        status = draw(st.sampled_from(["", *STATUSES]))
        cells: dict[str, Any] = {"status": status, "error": draw(text) if status else "", "note": draw(text)}
        if status in ("", "done"):
            names = draw(st.lists(st.sampled_from(PROPERTIES), unique=True, min_size=1 if status else 0))
            for name in names:
                known = property_named(name)
                low, high = max(known.lower, -1e200), min(known.upper, 1e200)
                cells[headed(name)] = digits(draw(st.floats(low, high)))
                if draw(st.booleans()):
                    cells[headed(name, f"{name}_error")] = digits(draw(st.floats(0, 1e100)))
        return cells

    return [row() for _ in range(4)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=fillings())
def test_whatever_is_filled_in_comes_back(
    cells: list[dict[str, Any]], path: Path, frame: pd.DataFrame, suggestions: dict[int, Suggestion]
) -> None:
    write_suggestions(frame, path, PROPERTIES, "ceramics")
    given_cells = {
        n: {header: guarded(cell) if path.suffix == ".csv" and header in ("error", "note") else cell
            for header, cell in row.items() if cell != ""}
        for n, row in enumerate(cells)
    }  # fmt: skip
    filled(path, given_cells)
    expected = {}
    for number, row in enumerate(cells, 1):
        values = {name: row[headed(name)] for name in PROPERTIES if headed(name) in row}
        errors = {name: row[key] for name in PROPERTIES if (key := headed(name, f"{name}_error")) in row}
        status, error = row["status"] or "done", row["error"] or None
        provenance = {"note": row["note"]} if row["note"] else {}
        if status != "done":
            expected[number] = Answer(status, error=error or f"told as {status}", provenance=provenance)
        elif values:
            expected[number] = Answer("done", values, errors, error=error, provenance=provenance)
    if not expected:
        with pytest.raises(ValueError, match="no row of the results holds a value"):
            answers_from(read_results(path), suggestions, PROPERTIES)
        return
    assert answers_from(read_results(path), suggestions, PROPERTIES, fidelities=FIDELITIES) == expected


def test_the_columns_to_fill_in_come_after_what_a_row_is_about(frame: pd.DataFrame) -> None:
    columns = list(sheet_of(frame, PROPERTIES, "ceramics"))
    assert columns[: len(HEADERS)] == HEADERS
    assert columns[len(HEADERS) :] == [*list(frame.columns)[4:], "campaign"]


def test_a_column_that_is_new_to_suggestions_is_kept(frame: pd.DataFrame) -> None:
    columns = list(sheet_of(frame.assign(batch="B1", risk=0.5), ["density"], "ceramics"))
    assert columns[:2] == ["id", "formula"]
    assert columns[-3:] == ["batch", "risk", "campaign"]


def test_crystals_have_their_group_and_key(tmp_path: Path) -> None:
    frame = suggestions_frame([suggestion(1, "MgO")], FIDELITIES, ["density"], crystals=True)
    write_suggestions(frame, tmp_path / "ask.xlsx", ["density"], "ceramics")
    page = openpyxl.load_workbook(tmp_path / "ask.xlsx")["suggestions"]
    assert [cell.value for cell in page[1]][:6] == ["id", "formula", "space_group", "key", "fidelity", "replicate"]
    assert page.freeze_panes == "G2"


def test_the_legend_explains_every_column(path: Path, frame: pd.DataFrame) -> None:
    columns = list(sheet_of(frame.assign(batch="B1"), PROPERTIES, "ceramics"))
    lines = {line.column: line for line in legend_of(columns, PROPERTIES)}
    assert set(columns) <= set(lines)
    assert all(line.meaning and line.allowed for line in lines.values())
    assert "as it was suggested" not in {lines[column].meaning for column in columns}
    assert (lines["density [g/cm3]"].unit, lines["density [g/cm3]"].allowed) == ("g/cm3", "0.01 to 30")
    assert {f"status: {status}" for status in STATUSES} <= set(lines)
    assert "same id" in lines["several measurements"].meaning


def test_a_workbook_is_set_up_for_filling_in(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "ask.xlsx"
    write_suggestions(frame, path, PROPERTIES, "ceramics")
    workbook = openpyxl.load_workbook(path)
    assert workbook.sheetnames == ["suggestions", "legend"]
    page = workbook["suggestions"]
    assert page.freeze_panes == "E2"
    assert page.auto_filter.ref == f"A1:{page.cell(row=5, column=page.max_column).coordinate}"
    places = {cell.value: cell for cell in page[1]}
    letters = {header: cell.column_letter for header, cell in places.items()}
    rules = {str(rule.sqref).split("2:")[0]: rule for rule in page.data_validations.dataValidation}
    assert rules[letters["status"]].formula1 == '"done,infeasible,retryable,withdrawn"'
    assert rules[letters["status"]].showDropDown is False  # which means that there is one
    of_density = rules[letters["density [g/cm3]"]]
    assert (of_density.type, of_density.formula1, of_density.formula2) == ("decimal", "0.01", "30")
    assert rules[letters["density_error [g/cm3]"]].formula1 == "0"
    assert rules["A"].promptTitle == "Not to be edited"
    fills = {header: page[f"{letter}2"].fill.start_color.rgb for header, letter in letters.items()}
    assert len({fills[header] for header in HEADERS[4:]}) == 1
    assert len({fills["id"], fills["note"], fills["why"]}) == 3
    assert page[f"{letters['density_mean']}2"].number_format == "0.000"
    described = {row[0].value for row in workbook["legend"].iter_rows(min_row=2)}
    assert set(places) <= described


def test_a_workbook_is_valid_xml_by_the_schema_s_order(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "ask.xlsx"
    write_suggestions(frame, path, PROPERTIES, "a < b & \x07 'c'")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        pages = {
            name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist() if name.endswith("xml")
        }
    page = pages["xl/worksheets/sheet1.xml"]
    order = [child.tag.split("}")[1] for child in page]
    schema = ["sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "autoFilter"]
    schema += ["dataValidations", "pageMargins", "pageSetup"]
    assert order == [tag for tag in schema if tag in order]
    assert not list(page.iter("{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0", "#N/A"]
)
def test_no_name_is_taken_for_a_formula(text: str, path: Path, frame: pd.DataFrame) -> None:
    write_suggestions(frame.assign(fidelity=text, why=text), path, PROPERTIES, text)
    read = read_results(path)
    assert set(read.fidelity) == set(read.why) == set(read.campaign) == {text}
    if path.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    else:
        cells = [cell for row in openpyxl.load_workbook(path)["suggestions"].iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type in ("f", "e")]


@given(st.text())
def test_a_guarded_text_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_sodium_nitride_survives(path: Path, frame: pd.DataFrame) -> None:
    write_suggestions(frame, path, PROPERTIES, "ceramics")
    assert read_results(path).formula.tolist() == ["MgO", "TiO2", "NaN", "MgO"]


def test_a_full_disk_leaves_what_was_there(path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"filled in")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_suggestions(frame, path, PROPERTIES, "ceramics")
    assert path.read_bytes() == b"filled in"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path, frame: pd.DataFrame) -> None:
    path, link = tmp_path / "ask.csv", tmp_path / "link.csv"
    path.touch()
    path.chmod(0o640)
    link.symlink_to(path)
    sheet.write_suggestions(frame, link, PROPERTIES, "ceramics")
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(read_results(path)) == 4


def test_whether_a_file_can_be_written_is_seen_without_writing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ask.ods: suggestions are written as .csv or .xlsx"):
        check_writable(tmp_path / "ask.ods")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path / "folder.csv")
    kept = tmp_path / "kept.csv"
    kept.write_text("filled in")
    check_writable(kept)
    check_writable(tmp_path / "new" / "ask.XLSX")
    assert kept.read_text() == "filled in"
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_a_sheet_that_was_begun_to_be_filled_in_is_not_overwritten(
    frame: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"sheet{ending}"
    require_nothing_untold(path, PROPERTIES, frame.id)
    write_suggestions(frame, path, PROPERTIES, "mine")
    require_nothing_untold(path, PROPERTIES, frame.id)
    begun = read_results(path)
    begun["note"] = ["in the furnace", *[""] * (len(begun) - 1)]
    begun.to_csv(path, index=False) if ending == ".csv" else begun.to_excel(path, index=False)
    with pytest.raises(ValueError, match="in which note has been filled in; tell it first"):
        require_nothing_untold(path, PROPERTIES, frame.id)
    require_nothing_untold(path, PROPERTIES, [99])
