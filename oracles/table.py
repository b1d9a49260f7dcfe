"""Answers looked up in a table: replays a known data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.elements import whole_counts
from oracles.evaluation import Evaluation, InfeasibleError
from oracles.oracle import each

if TYPE_CHECKING:
    import pandas as pd
    from pymatgen.core import Composition, Structure

Key = frozenset[tuple[str, int]]
"""A reduced composition; the spelling and order of a formula do not matter."""


class Table:
    """A CSV file or data frame, one row a composition.

    path: a CSV file, also compressed (`.csv.gz`); or
    frame: a pandas DataFrame.
    key: the column with the formulas; materials are matched by reduced composition.
    columns: property to column, or a list of columns that bear their property's name; by default every numeric
        column but the key.

    A material that the table lacks is infeasible; an empty cell leaves that property out. Raises ValueError for
    a missing column, a formula that cannot be read, two rows of one composition or a cell that is no number.
    """

    properties: tuple[str, ...]

    def __init__(
        self,
        path: str | Path | None = None,
        frame: pd.DataFrame | None = None,
        key: str = "formula",
        columns: Mapping[str, str] | Sequence[str] | None = None,
    ) -> None:
        if (path is None) == (frame is None):
            raise ValueError("table: give either `path` (a CSV file) or `frame` (a pandas DataFrame)")
        self._source = "the table" if path is None else f"the table {path}"
        data = _read(path, key) if path is not None else frame
        assert data is not None
        if columns is None:
            columns = [str(name) for name in data.select_dtypes("number").columns if name != key]
        if not isinstance(columns, Mapping):
            columns = {name: name for name in columns}
        for column in (key, *columns.values()):
            if column not in data.columns:
                there = ", ".join(map(str, data.columns))
                raise ValueError(f"{self._source} has no column {column!r}; it has: {there}")
        if not columns:
            raise ValueError(f"{self._source} has no numeric column besides {key!r}")
        self.properties = tuple(columns)
        self._rows = self._index(data, key, columns)

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the table's row for each material."""
        return each(self._evaluate, materials)

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return whether the table has each material."""
        return [evaluation.status == "done" for evaluation in self.evaluate(materials)]

    def _evaluate(self, material: Composition | Structure) -> Evaluation:
        values = self._rows.get(_key(material))
        if values is None:
            raise InfeasibleError(f"not in {self._source}")
        if not values:
            raise InfeasibleError(f"{self._source} has no values for it")
        return Evaluation.judged(values)

    def _index(self, data: pd.DataFrame, key: str, columns: Mapping[str, str]) -> dict[Key, dict[str, float]]:
        import pandas as pd
        from pymatgen.core import Composition

        numbers = {}
        for name, column in columns.items():
            try:
                numbers[name] = pd.to_numeric(data[column]).to_numpy(dtype=float, na_value=float("nan"))
            except (ValueError, TypeError) as reason:
                raise ValueError(f"{self._source}, column {column!r}, is not numeric: {reason}") from None
        rows: dict[Key, dict[str, float]] = {}
        first: dict[Key, str] = {}
        for position, formula in enumerate(data[key]):
            try:
                composition = _key(Composition(str(formula)))
            except Exception as reason:
                raise ValueError(f"{self._source}, row {position + 1}: {formula!r}: {reason}") from None
            if composition in rows:
                raise ValueError(
                    f"{self._source} has two rows of one composition, {first[composition]!r} and {formula!r} "
                    f"(row {position + 1}): keep one, or average them first"
                )
            first[composition] = str(formula)
            rows[composition] = {
                name: float(column[position])
                for name, column in numbers.items()
                if column[position] == column[position]
            }
        return rows


def _read(path: str | Path, key: str) -> pd.DataFrame:
    """Read a CSV file; in the key column "NaN" is sodium nitride and not a missing value."""
    import pandas as pd

    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"table: no file {path}")
    others = [column for column in pd.read_csv(path, nrows=0).columns if column != key]
    missing = ["", "nan", "NaN", "NA", "N/A", "null", "None"]
    return pd.read_csv(path, dtype={key: str}, keep_default_na=False, na_values=dict.fromkeys(others, missing))


def _key(material: Composition | Structure) -> Key:
    return frozenset(whole_counts(material).items())
