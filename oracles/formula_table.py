"""Tables with one row a composition: read, and refused where a row is ambiguous."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.elements import whole_counts

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Composition, Structure

Key = frozenset[tuple[str, int]]
"""A reduced composition, as its elements with their counts; the spelling and order of a formula do not matter."""


def key_of(material: Composition | Structure) -> Key:
    """Return what two materials of one reduced composition share; raise `InfeasibleError` for fractional formulas."""
    return frozenset(whole_counts(material).items())


def read(path: str | Path, key: str) -> pd.DataFrame:
    """Read a CSV or parquet file; in the key column "NaN" is sodium nitride and not a missing value."""
    import pandas as pd

    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"table: no file {path}")
    if path.suffix == ".parquet":
        try:
            return pd.read_parquet(path)
        except ImportError:
            raise ValueError(
                f"table: to read {path} pandas needs pyarrow; `pip install pyarrow`, or save the table as CSV"
            ) from None
    others = [column for column in pd.read_csv(path, nrows=0).columns if column != key]
    missing = ["", "nan", "NaN", "NA", "N/A", "null", "None"]
    return pd.read_csv(path, dtype={key: str}, keep_default_na=False, na_values=dict.fromkeys(others, missing))


def check_columns(data: pd.DataFrame, columns: Iterable[str], source: str) -> None:
    """Raise ValueError for the first of these columns that the table, called `source`, lacks."""
    for column in columns:
        if column not in data.columns:
            there = ", ".join(map(str, data.columns))
            raise ValueError(f"{source} has no column {column!r}; it has: {there}")


def compositions(data: pd.DataFrame, key: str, source: str) -> list[Key]:
    """Return the composition of each row; raise ValueError for a formula that cannot be read, and for a second row."""
    found = _read_compositions(data, key, source)
    first: dict[Key, int] = {}
    for position, composition in enumerate(found):
        if composition in first:
            raise ValueError(
                f"{_twice(data, key, source, first[composition], position)}: keep one, or average them first"
            )
        first[composition] = position
    return found


def distinct_rows(data: pd.DataFrame, key: str, source: str, columns: Sequence[str]) -> dict[Key, int]:
    """Return the position of the first row of each composition.

    Raises ValueError for a formula that cannot be read, and for rows of one composition that differ in `columns`.
    """
    first: dict[Key, int] = {}
    for position, composition in enumerate(_read_compositions(data, key, source)):
        earlier = first.setdefault(composition, position)
        for column in columns if earlier != position else ():
            one, other = data[column].iloc[earlier], data[column].iloc[position]
            if one != other and not (one != one and other != other):  # an empty cell is not equal to itself
                raise ValueError(
                    f"{_twice(data, key, source, earlier, position)}, whose {column} is {one} and {other}: "
                    "keep one, or average them first"
                )
    return first


def _twice(data: pd.DataFrame, key: str, source: str, earlier: int, position: int) -> str:
    one, other = data[key].iloc[earlier], data[key].iloc[position]
    return f"{source} has two rows of one composition, {str(one)!r} and {str(other)!r} (row {position + 1})"


def _read_compositions(data: pd.DataFrame, key: str, source: str) -> list[Key]:
    from pymatgen.core import Composition

    found = []
    for position, formula in enumerate(data[key]):
        try:
            found.append(key_of(formula if isinstance(formula, Composition) else Composition(str(formula))))
        except Exception as reason:
            raise ValueError(f"{source}, row {position + 1}: {formula!r}: {reason}") from None
    return found
