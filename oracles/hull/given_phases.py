"""Competing phases that a user knows: a CSV file of formation energies."""

from __future__ import annotations

import math
from pathlib import Path

from oracles.elements import whole_counts
from oracles.hull.formulas import Formula, formula_of

COLUMNS = ("formula", "formation_energy")


def read_phases(path: str | Path) -> dict[Formula, float]:
    """Read formula to formation energy (eV/atom); of several phases of one formula the lowest counts.

    The energies must be of the level of theory that they are compared with, relative to the same elements.

    Raises ValueError for a file that cannot be read, a missing column, and a row that is no formula or no number.
    """
    import pandas as pd
    from pymatgen.core import Composition

    try:
        # in a column of formulas "NaN" is sodium nitride
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError) as reason:
        raise ValueError(f"the competing phases {path} cannot be read: {reason}") from None
    if missing := [column for column in COLUMNS if column not in table.columns]:
        raise ValueError(
            f"the competing phases {path} have no column {missing[0]!r}; they have {', '.join(table.columns)}, and "
            f"need {' and '.join(COLUMNS)} (eV/atom)"
        )
    found: dict[Formula, float] = {}
    for number, (text, value) in enumerate(zip(table.formula, table.formation_energy, strict=True), 2):
        try:
            formula, energy = formula_of(whole_counts(Composition(text))), float(value)
        except Exception as reason:
            raise ValueError(f"the competing phases {path}, line {number}: {text!r}, {value!r}: {reason}") from None
        if not math.isfinite(energy):
            raise ValueError(f"the competing phases {path}, line {number}: {text} has the energy {value!r}")
        found[formula] = min(energy, found.get(formula, math.inf))
    return found
