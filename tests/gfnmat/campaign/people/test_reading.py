"""Tables as spreadsheets of several countries write them, and files that are none."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from gfnmat.campaign.people.reading import read_results
from gfnmat.campaign.people.results import answers_from
from gfnmat.campaign.records import Suggestion
from tests.gfnmat.campaign.people.issued import PROPERTIES


def table(tmp_path: Path, text: str | bytes, name: str = "results.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def workbook(tmp_path: Path, rows: list[list[Any]], title: str = "suggestions", before: bool = False) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    if before:
        page.append(["something", "else"])
        page = book.create_sheet(title)
    page.title = title
    for row in rows:
        page.append(row)
    book.save(tmp_path / "results.xlsx")
    return tmp_path / "results.xlsx"


@pytest.mark.parametrize(
    "text",
    [
        "id,density,note\n1,3.5,Ångström\n2,-0.5,\n",
        "\ufeffid,density,note\r\n1,3.5,Ångström\r\n2,-0.5,\r\n",
        "id;density;note\n1;3,5;Ångström\n2;-0,5;\n",
        "sep=;\nid;density;note\n1;3,5;Ångström\n2;\u22120,5;\n",
        "id;density;note\n1;3.5;Ångström\n2;-0.5;\n",
        "id\tdensity\tnote\n1\t3.5\tÅngström\n2\t-0.5\t\n",
        "id;density;note\n1;3,5;Ångström\n2;-5e-1;\n".encode("cp1252"),
        "\n\nid,density,note\n\n1,3.5,Ångström\n,,\n2,-0.5\n\n",
        'id,density,note\n1,"3.5",Ångström\n2,-0.5,""\n',
    ],
)
def test_tables_of_every_country_are_read(tmp_path: Path, text: str | bytes) -> None:
    read = read_results(table(tmp_path, text))
    assert list(read.columns) == ["id", "density", "note"]
    assert read.id.tolist() == [1, 2]
    assert read.density.tolist() == [3.5, -0.5]
    assert read.note.tolist() == ["Ångström", None]


def test_numbers_with_units_have_decimal_commas_too(tmp_path: Path) -> None:
    read = read_results(table(tmp_path, "id;bulk_modulus;note;fidelity\n1;120,5 GPa;1,5;1,5\n2;1,2e2;;\n"))
    assert read.bulk_modulus.tolist() == ["120.5 GPa", 120.0]
    assert read.note[2] == read.fidelity[2] == "1,5"


def test_a_point_among_decimal_commas_is_asked_about(tmp_path: Path) -> None:
    path = table(tmp_path, "id;density;density_mean\n1;1.234;1.234\n2;1,5;1.234\n")
    with pytest.raises(ValueError, match=r"row 2, column 'density': 1\.234 has a point in a table with decimal commas"):
        read_results(path)


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    path = table(tmp_path, '\nid,density,note\n1,3.5,"two\nlines"\n,,\n2,3.6,\n')
    assert read_results(path).index.tolist() == [3, 5]


def test_nan_is_a_formula_and_not_a_number(tmp_path: Path) -> None:
    read = read_results(table(tmp_path, "id,formula,density\n1,NaN,NaN\n"))
    assert read.formula.tolist() == ["NaN"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("results.csv", "", "it is empty"),
        ("results.csv", " \n\n", "it is empty"),
        ("results.csv", b"\xff\xfei\x00d\x00", "save it as CSV UTF-8"),
        ("results.csv", b"id,density\n1,\x81\n", "save it as CSV UTF-8"),
        ("results.csv", b"PK\x03\x04", "name it .xlsx"),
        ("results.csv", "id,density\n1,3,5\n", r"row 2 has 3 cells and the header 2; a decimal comma"),
        ("results.csv", 'id,note\n1,"open\n', "unexpected end"),
        ("results.xlsx", "id,density\n1,3.5\n", "no Excel workbook"),
        ("results.xls", b"\xd0\xcf\x11\xe0", r"save it as .csv, .tsv, .txt, .xlsx"),
        ("results.ods", b"PK\x03\x04", r"save it as .csv, .tsv, .txt, .xlsx"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is not a table.*{reason}"):
        read_results(table(tmp_path, content, name))


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("title", ["suggestions", "Suggestions", "Tabelle1"])
def test_the_sheet_of_suggestions_is_read_or_else_the_first(tmp_path: Path, title: str) -> None:
    rows = [[], ["id", "density", None], [1, 3.5, "aside"], [None, None, None], [2, "3.6 g/cm3", None]]
    read = read_results(workbook(tmp_path, rows, title, before=title != "Tabelle1"))
    assert read.to_dict("list") == {"id": [1, 2], "density": [3.5, "3.6 g/cm3"]}
    assert read.index.tolist() == [3, 5]


def test_a_formula_is_read_as_the_value_that_excel_gave_it(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["id", "density"], [1, "=7/2"]])
    with pytest.raises(ValueError, match="cell B2: its formula was never computed; open the file in Excel and save it"):
        read_results(path)
    computed(path, b"3.5")
    assert read_results(path).density.tolist() == [3.5]


def computed(path: Path, value: bytes) -> None:
    """Puts the value of the one formula into a workbook, where Excel keeps it."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    page = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = page.replace(b"<v />", b"<v></v>").replace(b"<v></v>", b"<v>" + value + b"</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("given", [date(2024, 5, 1), datetime(2024, 5, 1, 12, 30)])
def test_a_date_is_no_number(tmp_path: Path, given: date, suggestions: dict[int, Suggestion]) -> None:
    read = read_results(workbook(tmp_path, [["id", "density"], [1, given]]))
    with pytest.raises(ValueError, match=r"id 1: density is the date 2024-05-01.*format the cell as a number"):
        answers_from(read, suggestions, PROPERTIES)


def test_when_it_was_measured_may_be_a_date(tmp_path: Path, suggestions: dict[int, Suggestion]) -> None:
    header = ["id", "density", "measured_at", "measured_by", "source", "note"]
    read = read_results(workbook(tmp_path, [header, [1, 3.5, date(2024, 5, 1), "Ann", "DOI", 7]]))
    told = answers_from(read, suggestions, PROPERTIES)[1]
    kept = {"measured_at": "2024-05-01", "measured_by": "Ann", "source": "DOI", "note": "7"}
    assert told.provenance == kept


def test_an_empty_sheet_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its sheet 'suggestions' is empty"):
        read_results(workbook(tmp_path, []))
