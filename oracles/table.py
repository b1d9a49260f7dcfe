"""Answers looked up in a table: replays a known data set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oracles.datasets import load_dataset
from oracles.evaluation import Evaluation, InfeasibleError
from oracles.formula_table import Key, check_columns, distinct_rows, key_of, read
from oracles.materials_project import load_systems
from oracles.oracle import each
from oracles.properties import property_named
from oracles.provenance import file_digest, signed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pymatgen.core import Composition, Structure


class Table:
    """A table with one row a composition.

    path: a CSV file, also compressed (`.csv.gz`), or a parquet file; or
    frame: a pandas DataFrame; or
    dataset: the name of one of matminer's data sets, such as "dielectric_constant"; or
    materials_project: chemical systems whose calculated properties the Materials Project is asked for, where there is a
        key; see `load_systems`.
    key: the column with the formulas; materials are matched by reduced composition.
    columns: property to column, or a list of columns that bear their property's name; by default every numeric
        column but the key.

    A material that the table lacks is infeasible; an empty cell leaves that property out. Raises ValueError for
    a missing column, a formula that cannot be read, two rows of one composition that differ, a cell that is no number,
    or a property most of whose values are outside its physical bounds, as they are in another unit.
    """

    properties: tuple[str, ...]

    def __init__(
        self,
        path: str | Path | None = None,
        frame: pd.DataFrame | None = None,
        key: str = "formula",
        columns: Mapping[str, str] | Sequence[str] | None = None,
        dataset: str | None = None,
        materials_project: Sequence[str] | None = None,
    ) -> None:
        if sum(source is not None for source in (path, frame, dataset, materials_project)) != 1:
            raise ValueError(
                "table: give one of `path` (a CSV or parquet file), `frame` (a pandas DataFrame), `dataset` (one of "
                "matminer's, by name) and `materials_project` (chemical systems)"
            )
        if path is not None:
            named, data = str(path), read(path, key)
        elif dataset is not None:
            named, data = dataset, load_dataset(dataset)
        elif materials_project is not None:
            named, data = f"Materials Project, {', '.join(materials_project)}", load_systems(materials_project)
        else:
            assert frame is not None
            named, data = "a data frame", frame
        self._source = "the table" if frame is not None else f"the table {named}"
        if columns is None:
            columns = [str(name) for name in data.select_dtypes("number").columns if name != key]
        if not isinstance(columns, Mapping):
            columns = {name: name for name in columns}
        check_columns(data, (key, *columns.values()), self._source)
        if not columns:
            raise ValueError(f"{self._source} has no numeric column besides {key!r}")
        self.properties = tuple(columns)
        self._rows = self._index(data, key, columns)
        self.provenance = {
            "oracle": "table",
            "table": named,
            "sha256": _digest(data) if path is None else file_digest(Path(path).expanduser()),
            "columns": ", ".join(f"{name}: {column}" for name, column in columns.items()),
        }

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the table's row for each material."""
        return signed(each(self._evaluate, materials), self.provenance)

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return whether the table has each material."""
        return [evaluation.status == "done" for evaluation in self.evaluate(materials)]

    def _evaluate(self, material: Composition | Structure) -> Evaluation:
        values = self._rows.get(key_of(material))
        if values is None:
            raise InfeasibleError(f"not in {self._source}")
        if not values:
            raise InfeasibleError(f"{self._source} has no values for it")
        return Evaluation.judged(values)

    def _index(self, data: pd.DataFrame, key: str, columns: Mapping[str, str]) -> dict[Key, dict[str, float]]:
        import pandas as pd

        numbers = {}
        for name, column in columns.items():
            try:
                numbers[name] = pd.to_numeric(data[column]).to_numpy(dtype=float, na_value=float("nan"))
            except (ValueError, TypeError) as reason:
                raise ValueError(f"{self._source}, column {column!r}, is not numeric: {reason}") from None
            self._require_unit(name, column, numbers[name])
        return {
            composition: {
                name: float(column[position])
                for name, column in numbers.items()
                if column[position] == column[position]
            }
            for composition, position in distinct_rows(data, key, self._source, list(columns.values())).items()
        }

    def _require_unit(self, name: str, column: str, values: np.ndarray) -> None:
        """Raise ValueError if most values cannot be physical in the property's unit: then the column has another."""
        known = property_named(name)
        given = values[values == values]
        outside = (given < known.lower) | (given > known.upper)
        if outside.sum() > len(given) / 2:
            raise ValueError(
                f"{self._source}, column {column!r}: {outside.sum()} of {len(given)} values, such as "
                f"{given[outside][0]:.6g}, are outside {known.lower:g} to {known.upper:g} {known.unit}, the range of "
                f"{name}: convert them to {known.unit}, or name the column otherwise by `columns`"
            )


def _digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a data frame written as CSV."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
