"""Tables of problems, made from files in the user's data folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pymatgen.core import Composition

LARGEST_FORMULA = 20
"""Atoms in the largest formula of the ternary oxides: nearly all known compounds of three elements are smaller."""


@dataclass(frozen=True)
class Source:
    """A table that a problem reads.

    Attributes:
        file: what the user's data folder must hold.
        name: what the problem's campaign file calls the table made from it.
        make: one row a formula, from the rows of the file.
        how: what `make` does, for a reader.
    """

    file: str
    name: str
    make: Callable[[pd.DataFrame], pd.DataFrame]
    how: str

    def write(self, data: Path | None, folder: Path) -> Table:
        """Makes the table in a folder.

        Raises:
            ValueError: there is no data folder, or it does not hold the file.
        """
        if data is None or not (data / self.file).is_file():
            where = "no folder was given" if data is None else f"{data} does not hold it"
            raise ValueError(f"{self.name} is made from {self.file}, and {where}; give its folder as --data.")
        # in a column of formulas "NaN" is sodium nitride
        rows = pd.read_csv(data / self.file, keep_default_na=False)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        text = self.make(rows).to_csv(index=False)
        path.write_text(text, encoding="utf-8")
        return Table(path.resolve(), hashlib.sha256(text.encode()).hexdigest(), self)


@dataclass(frozen=True)
class Table:
    """A table that was made: where it lies, and a digest of its content."""

    path: Path
    digest: str
    source: Source


def _reduced(formulas: pd.Series) -> list[str]:
    return [Composition(formula).reduced_formula for formula in formulas]


def _dielectric(rows: pd.DataFrame) -> pd.DataFrame:
    ranked = rows.assign(formula=_reduced(rows["formula"])).sort_values(
        ["dielectric_total", "band_gap"], ascending=False, kind="stable"
    )
    kept = ranked.drop_duplicates("formula").sort_values("formula")
    return kept[["formula", "band_gap", "dielectric_total"]]


def _band_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["formula", "band_gap_pbe", "band_gap_expt"]]


def _ternary_oxides(rows: pd.DataFrame) -> pd.DataFrame:
    compositions = [Composition(formula) for formula in rows["formula"]]
    kept = [len(c) == 3 and "O" in c and c.num_atoms <= LARGEST_FORMULA for c in compositions]
    chosen = rows[kept].rename(columns={"formation_energy_per_atom": "formation_energy"})
    return chosen[["formula", "formation_energy"]]


DIELECTRIC = Source(
    "dielectric.csv.gz",
    "dielectric.csv",
    _dielectric,
    "of several crystals of one formula, the one with the largest dielectric constant, both values being its own",
)
BAND_GAPS = Source("band_gap_pbe_expt.csv.gz", "band-gap.csv", _band_gaps, "all rows")
TERNARY_OXIDES = Source(
    "mp_formation_energy.csv.gz",
    "formation-energy.csv",
    _ternary_oxides,
    f"oxygen and two more elements, at most {LARGEST_FORMULA} atoms in the formula",
)
