"""Candidates from a file or folder, whoever generated them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace

if TYPE_CHECKING:
    from pymatgen.core import Structure

COLUMN = "formula"


@dataclass(frozen=True)
class PoolFile:
    """What was read.

    Attributes:
        members: the candidates that the space admits, none twice.
        notes: how many entries it does not admit, or nothing can read, where there are some.
    """

    members: Candidates
    notes: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, space: DesignSpace) -> PoolFile:
        """A CSV file with a column `formula` (a space of formulas), or a folder of CIF files (any space).

        Raises:
            ValueError: there is no such file, it has no such column, or the space admits none of its candidates.
        """
        of_structures = path.is_dir()
        if space.kind == "crystal" and not of_structures:
            raise ValueError(f"{path} is no folder; a space of crystals takes a folder of CIF files.")
        entries = _files(path) if of_structures else _formulas(path)
        if space.kind == "crystal":
            found = Candidates.concatenate(_each(entries, lambda file: space.encode([_structure(file)])))
        elif of_structures:
            found = Candidates.concatenate(_each(entries, lambda file: Candidates.of([_structure(file).composition])))
        else:
            found = Candidates.concatenate(_each(entries, lambda formula: Candidates.of([formula])))
        admitted = found[space.admits(found)]
        if not len(admitted):
            raise ValueError(f"{path}: none of the {len(entries)} candidates is in the space.")
        refused = len(entries) - len(admitted)
        note = f"{path}: {refused} of the {len(entries)} candidates are not in the space, and are left out."
        return cls(admitted.distinct(), (note,) if refused else ())


def _each(entries: Sequence[Any], candidate: Callable[[Any], Candidates]) -> list[Candidates]:
    """The candidates of those entries that can be read as one."""
    found = []
    for entry in entries:
        try:
            found.append(candidate(entry))
        except ValueError:
            continue
    return found


def _formulas(path: Path) -> list[Any]:
    from oracles.formula_table import check_columns, read

    data = read(path, COLUMN)
    check_columns(data, [COLUMN], f"the table {path}")
    return list(data[COLUMN])


def _files(path: Path) -> list[Path]:
    if not (files := sorted(path.glob("*.cif"))):
        raise ValueError(f"{path} holds no CIF file (*.cif).")
    return files


def _structure(file: Path) -> Structure:
    """Raises ValueError for a file that is no structure, in whatever way pymatgen fails on it."""
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a CIF file that pymatgen mends is good enough
        try:
            return Structure.from_file(file)
        except Exception as error:
            raise ValueError(f"{file}: {error}") from None
