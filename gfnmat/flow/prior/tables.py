"""Known formulas from a table: a file, or a data set that matminer loads by name."""

from __future__ import annotations

from difflib import get_close_matches
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gfnmat.space.candidates import Candidates

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("formula", "composition", "pretty_formula", "reduced_formula", "structure")
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".parquet", ".json", ".json.gz")


def known_formulas(table: str | Path, column: str | None = None) -> tuple[Candidates, int]:
    """The formulas of a table, and how many of its rows hold none that can be used.

    Rows are left out whose amounts are not whole, or not elements up to Og.

    Args:
        table: a CSV, parquet or JSON file, or the name of one of matminer's data sets, which needs a network once.
        column: where the formulas are; found by its name if not given.

    Raises:
        ValueError: there is no such table or column, or no formula in it.
    """
    frame = frame_of(str(table))
    name = column or next((known for known in COLUMNS if known in frame.columns), None)
    if name not in frame.columns:
        raise ValueError(
            f"{table} has no column {name or 'of formulas'!r}; its columns are {', '.join(map(str, frame.columns))}. "
            "Say which one holds the formulas."
        )
    counts, left_out = [], 0
    for given in frame[name]:
        row = _counts(given)
        if row is None:
            left_out += 1
        else:
            counts.append(row)
    if not counts:
        raise ValueError(f"no row of column {name!r} of {table} holds a formula, such as LiFePO4.")
    return Candidates(torch.tensor(counts)).distinct(), left_out


def frame_of(table: str) -> pd.DataFrame:
    """A table from a file, or one of matminer's data sets.

    Raises:
        ValueError: there is no such file or data set, or it cannot be loaded.
    """
    import pandas as pd

    path = Path(table)
    if path.exists():
        if table.endswith(".parquet"):
            return pd.read_parquet(path)
        if table.endswith((".json", ".json.gz")):
            return pd.read_json(path)
        return pd.read_csv(path, sep="\t" if table.endswith(".tsv") else ",", keep_default_na=False)
    if path.suffix or "/" in table:
        raise ValueError(f"there is no file {table}; give a table ({', '.join(SUFFIXES)}) or a data set of matminer.")
    from matminer.datasets import get_available_datasets, load_dataset

    names = get_available_datasets(print_format=None)
    if table not in names:
        near = get_close_matches(table, names, n=3)
        meant = f" (did you mean {', '.join(near)}?)" if near else ""
        raise ValueError(f"{table} is neither a file nor one of matminer's data sets{meant}.")
    try:
        return load_dataset(table)
    except Exception as error:
        raise ValueError(f"matminer could not load {table}: {error}. It needs a network the first time.") from None


def _counts(given: object) -> list[int] | None:
    """The reduced formula as counts (118); None for what is not one."""
    from pymatgen.core import Composition, DummySpecies, Structure

    try:
        composition = given.composition if isinstance(given, Structure) else Composition(given)
    except (ValueError, TypeError):
        return None
    row = [0] * 118
    for element, amount in composition.items():
        if isinstance(element, DummySpecies) or amount != int(amount):
            return None
        row[element.Z - 1] += int(amount)
    if not any(row):
        return None
    divisor = gcd(*row)
    return [count // divisor for count in row]
