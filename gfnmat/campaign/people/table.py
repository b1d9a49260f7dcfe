"""A table of results by the columns that mean something: whatever the spelling of headers and their units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from gfnmat.campaign.people.cells import is_empty, is_missing, require_unit, text_of
from gfnmat.campaign.people.faults import refuse_if_any
from oracles import property_named

if TYPE_CHECKING:
    import pandas as pd

PROVENANCE = ("note", "measured_by", "measured_at", "source")
NAMES = ("formula", "space_group", "key", "fidelity", "structure", "campaign", "batch")
WORDS = (*NAMES, *PROVENANCE, "error", "why")
"""Columns of names and free text: no cell of theirs is a number."""
OTHERS = ("id", "replicate", "cost", "status")
ROW_NUMBER = "row"
"""What the index of a table is called that counts its rows as a spreadsheet does."""

_HEADER = re.compile(r"(?P<name>[^\[(]+?)\s*(?:\[(?P<square>.*)\]|\((?P<round>.*)\))\s*")


@dataclass(frozen=True)
class Row:
    """One result as it was handed in.

    Attributes:
        name: which row it is, for a person.
        cells: column to what is there; empty cells are left out.
    """

    name: str
    cells: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The row, and the material that it names."""
        formula = self.text("formula")
        return self.name if formula is None else f"{self.name} ({formula})"

    def text(self, column: str) -> str | None:
        """A cell as text; None where it is empty."""
        return text_of(self.cells[column]) if column in self.cells else None


@dataclass(frozen=True)
class Table:
    """Results as they were handed in.

    Attributes:
        rows: those that hold anything.
        headers: as they were given.
        columns: what these stand for, those of them that mean something here.
        units: the unit of a property: its own, or that of its header where the property is the user's own.
    """

    rows: tuple[Row, ...]
    headers: tuple[str, ...]
    columns: frozenset[str]
    units: Mapping[str, str]

    @classmethod
    def of(cls, results: pd.DataFrame | Sequence[Mapping[str, Any]], properties: Sequence[str]) -> Table:
        """The results by the columns that mean something; others are left aside.

        Raises:
            ValueError: no row, a header that names another unit or nearly a property, or two for the same.
        """
        import pandas as pd

        frame = results if isinstance(results, pd.DataFrame) else pd.DataFrame(list(results))
        if frame.empty:
            raise ValueError("the results hold no row; give at least one.")
        headers = [str(header).strip() for header in frame.columns]
        meanings = [_meaning(header, properties) for header in headers]
        cells = [list(frame.iloc[:, place]) for place in range(len(headers))]
        faults = _slips(
            [h for h, (name, _) in zip(headers, meanings, strict=True) if name is None], meanings, properties
        )
        places: dict[str, int] = {}
        units = {name: property_named(name).unit for name in properties}
        for place, (name, unit) in enumerate(meanings):
            if name is None:
                continue
            blank = is_empty if name in WORDS else is_missing
            cells[place] = [None if blank(cell) else cell for cell in cells[place]]
            if unit is not None:
                units, faults = _with_unit(units, faults, headers[place], name, unit)
            if name not in places or all(cell is None for cell in cells[places[name]]):
                places[name] = place
            elif any(cell is not None for cell in cells[place]):
                faults.append(
                    f"the columns {headers[places[name]]!r} and {headers[place]!r} are of the same; leave one."
                )
        refuse_if_any(faults)
        counted = frame.index.name == ROW_NUMBER and frame.index.is_unique
        rows = []
        for position in range(len(frame)):
            found = {name: cells[place][position] for name, place in places.items()}
            kept = {name: cell for name, cell in found.items() if cell is not None}
            number = frame.index[position] if counted else position + 1
            if kept:
                rows.append(Row(f"row {number}", kept))
        return cls(tuple(rows), tuple(headers), frozenset(places), units)

    def require(self, column: str, advice: str, properties: Sequence[str]) -> None:
        """Raises ValueError where no row could be told: without what names it, or without anything to fill in."""
        named = ", ".join(self.headers)
        if column not in self.columns:
            raise ValueError(f"the results have no column {column!r}; they have {named}. {advice}")
        if "status" not in self.columns and not any(name in self.columns for name in properties):
            raise ValueError(
                f"the results have no column of a property; they have {named}, and one of "
                f"{', '.join(properties)} is needed."
            )


def error_of(name: str) -> str:
    """The column of a property's standard error."""
    return f"{name}_error"


def headed(name: str, column: str | None = None) -> str:
    """The header of a property's column, or of another column in its unit: `bulk_modulus [GPa]`."""
    unit = property_named(name).unit
    return f"{column or name} [{unit}]" if unit not in ("", "1") else column or name


def plain(header: str) -> str:
    """A header as names are written: `Bulk modulus` as `bulk_modulus`."""
    return re.sub(r"[\s-]+", "_", header.strip()).casefold()


def _meaning(header: str, properties: Sequence[str]) -> tuple[str | None, str | None]:
    """What a header stands for, and the unit that it names; None and None where it means nothing here."""
    quantities = [*properties, *(error_of(name) for name in properties)]
    spelled = {plain(name): name for name in (*quantities, *OTHERS, *WORDS)}
    if header in quantities:
        return header, None
    if plain(header) in spelled:
        return spelled[plain(header)], None
    if (found := _HEADER.fullmatch(header)) and (name := spelled.get(plain(found["name"]))) in quantities:
        return name, (found["round"] if found["square"] is None else found["square"]).strip()
    return None, None


def _with_unit(
    units: dict[str, str], faults: list[str], header: str, column: str, unit: str
) -> tuple[dict[str, str], list[str]]:
    """The units and faults with what one header says of its column's unit."""
    name = column if column in units else column.removesuffix("_error")
    if not units[name]:
        return {**units, name: unit}, faults  # a property of the user's own is in the unit that he says
    try:
        require_unit(unit, units[name], f"the column {header!r} is in {unit}")
    except ValueError as fault:
        return units, [*faults, f"{fault}."]
    return units, faults


def _slips(
    others: Sequence[str], meanings: Sequence[tuple[str | None, str | None]], properties: Sequence[str]
) -> list[str]:
    """Of headers that mean nothing here, those that are nearly one that does, and has no column."""
    present = {name for name, _ in meanings}
    known = [*properties, *(error_of(name) for name in properties), "status", "replicate", "error", "note"]
    absent = [name for name in known if name not in present]
    predicted = [f"{name}_{kind}" for name in properties for kind in ("mean", "sd")]
    faults = []
    for header in others:
        bare = plain(re.split(r"[\[(]", header)[0])
        if bare not in predicted and (meant := get_close_matches(bare, absent, n=1, cutoff=0.8)):
            kind = "property" if meant[0] in properties else "column of results"
            faults.append(f"the results have a column {header!r}, which is no {kind}; did you mean {meant[0]}?")
    return faults


def results_in(results: pd.DataFrame, properties: Sequence[str]) -> int:
    """How many rows tell anything."""
    told = {*properties, *(error_of(name) for name in properties), "status"}
    return sum(not told.isdisjoint(row.cells) for row in Table.of(results, properties).rows)


def ignored(headers: Sequence[str], properties: Sequence[str]) -> list[str]:
    """Headers that mean nothing here, but for those of a table of suggestions or measurements."""
    written = {"id", "why", "cost", "round", "seconds", "provenance", "duplicate_of", "batch"}
    written |= {f"{name}_{kind}" for name in properties for kind in ("mean", "sd")}
    return [header for header in headers if _meaning(header, properties)[0] is None and plain(header) not in written]
