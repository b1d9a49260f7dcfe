"""Known structures from a folder or a table, and as the grammar of crystals writes them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gfnmat.flow.prior.tables import frame_of
from gfnmat.space.candidates import Candidates

if TYPE_CHECKING:
    from pymatgen.core import Structure

PATTERNS = ("*.cif", "*.vasp", "*.poscar", "POSCAR*", "CONTCAR*")


def known_structures(source: str | Path, column: str | None = None) -> tuple[list[Structure], int]:
    """The structures of a folder or of a table's column, and how many files or rows could not be read.

    Args:
        source: a folder of CIF or POSCAR files, or a table as `known_formulas` takes it.
        column: of the table, in which each row is a CIF, a POSCAR or pymatgen's JSON; none for a folder.

    Raises:
        ValueError: there is no such folder, table or column, or no structure in it.
    """
    if Path(source).is_dir():
        files = sorted({file for pattern in PATTERNS for file in Path(source).glob(pattern)})
        given: Sequence[object] = files
    else:
        frame = frame_of(str(source))
        if column not in frame.columns:
            raise ValueError(
                f"{source} has no column {column or 'of structures'!r}; its columns are "
                f"{', '.join(map(str, frame.columns))}. Say which one holds the structures, or give a folder of files."
            )
        given = list(frame[column])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen's, of each file whose occupancies or digits it rounds
        found = [structure for entry in given if (structure := structure_of(entry)) is not None]
    if not found:
        raise ValueError(f"{source} holds no structure that can be read, as CIF, POSCAR or pymatgen's JSON.")
    return found, len(given) - len(found)


def structure_of(entry: object) -> Structure | None:
    """What a file, a text, a dictionary or an object stands for; None for what is no structure."""
    from pymatgen.core import Structure

    if isinstance(entry, Structure):
        return entry
    text = entry.read_text(encoding="utf-8", errors="replace") if isinstance(entry, Path) else entry
    for form in _forms(text):
        try:
            structure = Structure.from_dict(text) if form == "dict" else Structure.from_str(str(text), fmt=form)
        except Exception:  # readers fail on foreign text each in its own way
            continue
        if isinstance(structure, Structure) and len(structure):
            return structure
    return None


def _forms(entry: object) -> tuple[str, ...]:
    if isinstance(entry, dict):
        return ("dict",)
    if not isinstance(entry, str):
        return ()
    return ("json",) if entry.lstrip().startswith("{") else ("cif", "poscar")


def encoded_crystals(
    structures: Sequence[Structure], atoms: int, elements: int, progress: Callable[[int], None] | None = None
) -> tuple[Candidates, list[str]]:
    """The structures that the grammar can write, and why it cannot write the others.

    Args:
        structures: in any setting.
        atoms: in the primitive cell, at most.
        elements: at most.
        progress: is told how many were tried.

    Raises:
        ValueError: it can write none of them.
    """
    from pymatgen.core import DummySpecies, Element

    from gfnmat.space.crystal.space import CrystalSpace

    species = {specie for structure in structures for specie in structure.composition}
    numbers = {specie.Z for specie in species if not isinstance(specie, DummySpecies)}
    symbols = [Element.from_Z(number).symbol for number in sorted(numbers)]
    space = CrystalSpace(symbols, n_elements=(1, min(elements, len(symbols))), n_atoms=(1, atoms), chemistry="any")
    found, reasons = [], []
    for number, structure in enumerate(structures, 1):
        try:
            found.append(space.encode([structure]))
        except ValueError as error:
            reasons.append(str(error))
        if progress:
            progress(number)
    if not found:
        raise ValueError(f"the grammar can write none of {len(structures)} structures; of the first: {reasons[0]}")
    return Candidates.concatenate(found), reasons
