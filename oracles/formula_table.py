"""Tables with one row a composition: read, and refused where a row is ambiguous."""

from __future__ import annotations

from collections.abc import Iterable
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
    """Read a CSV file; in the key column "NaN" is sodium nitride and not a missing value."""
    import pandas as pd

    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"table: no file {path}")
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
    from pymatgen.core import Composition

    first: dict[Key, str] = {}
    for position, formula in enumerate(data[key]):
        try:
            composition = key_of(Composition(str(formula)))
        except Exception as reason:
            raise ValueError(f"{source}, row {position + 1}: {formula!r}: {reason}") from None
        if composition in first:
            raise ValueError(
                f"{source} has two rows of one composition, {first[composition]!r} and {formula!r} "
                f"(row {position + 1}): keep one, or average them first"
            )
        first[composition] = str(formula)
    return list(first)
