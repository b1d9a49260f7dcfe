"""A campaign's structures as CIF files, as one extended XYZ file, and as an ASE database.

The latter two hold every structure that a fidelity judged, with the properties that it found, and of crystals every
structure that was proposed, without properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms
    from pymatgen.core import Structure

    from gfnmat.campaign import Campaign


_NAMED = ("id", "formula", "fidelity", "space_group")


@dataclass(frozen=True)
class Entry:
    """A structure with what is known of it.

    Attributes:
        structure: as it was judged, or as it was proposed.
        head: `id` (the suggestion's number), `formula`, `fidelity`, `structure` (`judged` or `proposed`) and
            `space_group` (of that very structure, where spglib finds one).
        properties: what the fidelity found; empty for a structure that was proposed.
        rest: everything else in the table of measurements; empty for a structure that was proposed.
    """

    structure: Structure
    head: Mapping[str, Any]
    properties: Mapping[str, float]
    rest: Mapping[str, Any]


def write_cif(campaign: Campaign, folder: Path) -> list[Path]:
    """One file a candidate, `NAME.cif`, and of crystals `NAME-proposed.cif`; returns the files written."""
    structures = campaign.structures()
    structures |= {f"{name}-proposed": structure for name, structure in campaign.structures("proposed").items()}
    written = []
    for name, structure in structures.items():
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.cif"
        path.write_text(str(structure.to(fmt="cif")), encoding="utf-8")
        written.append(path)
    return written


def write_extxyz(campaign: Campaign, path: Path) -> list[Path]:
    """One frame an entry, whose `info` holds `head` and the properties; returns the file, if there is an entry."""
    from ase.io import write

    frames = []
    for entry in _entries(campaign):
        atoms = _atoms(entry.structure)
        atoms.info.update({**entry.head, **entry.properties})
        frames.append(atoms)
    if frames:
        write(path, frames, format="extxyz")
    return [path] if frames else []


def write_ase(campaign: Campaign, path: Path) -> list[Path]:
    """One row an entry, in the place of what the file held; returns the file, if there is an entry.

    Its key-value pairs are `head` (with `suggestion` for the id, and without the formula, which ASE knows) and the
    properties; its data is the rest, and what ASE does not take as a pair.
    """
    from ase.db import connect

    path.unlink(missing_ok=True)
    entries = list(_entries(campaign))
    if not entries:
        return []
    with connect(path, use_lock_file=False) as database:
        for entry in entries:
            head = {"suggestion": entry.head["id"], **entry.head}
            pairs, others = _taken_as_pairs({**head, **entry.properties})
            database.write(_atoms(entry.structure), key_value_pairs=pairs, data={**entry.rest, **others})
    return [path]


def _entries(campaign: Campaign) -> Iterator[Entry]:
    """The judged structures, then the proposed ones, each in the order of the suggestions."""
    measured = {row["id"]: row for row in _rows(campaign.measurements())}
    issued = {**{row["id"]: row for row in _rows(campaign.outstanding())}, **measured}
    for number, structure in campaign.numbered_structures("judged").items():
        row = measured[number]
        properties = {name: row[name] for name in campaign.properties if row[name] is not None}
        rest = {name: value for name, value in row.items() if name not in (*_NAMED, *campaign.properties)}
        yield Entry(structure, _head(structure, row, "judged"), properties, rest)
    for number, structure in campaign.numbered_structures("proposed").items():
        yield Entry(structure, _head(structure, issued[number], "proposed"), {}, {})


def _head(structure: Structure, row: Mapping[str, Any], which: str) -> dict[str, Any]:
    head = {"id": row["id"], "formula": row["formula"], "fidelity": row["fidelity"], "structure": which}
    symbol = _space_group(structure)
    return head if symbol is None else {**head, "space_group": symbol}


def _space_group(structure: Structure) -> str | None:
    """The symbol that spglib finds; None where it finds none."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError
    from spglib.error import SpglibError

    try:
        return str(SpacegroupAnalyzer(structure).get_space_group_symbol())
    except (SymmetryUndeterminedError, SpglibError):  # the latter where phonopy was imported
        return None


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows with None for what is not known."""
    import pandas as pd

    return [{str(k): None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]


def _taken_as_pairs(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ASE takes as key-value pairs, and what not: names that it uses itself, words that read as numbers."""
    from ase.db.core import check

    pairs, others = {}, {}
    for name, value in given.items():
        try:
            check({name: value})
            pairs[name] = value
        except ValueError:
            others[name] = value
    return pairs, others


def _atoms(structure: Structure) -> Atoms:
    from ase import Atoms

    return Atoms(
        numbers=[site.specie.Z for site in structure],
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )
