"""Writes `prototypes.json.gz`: the ordered structure prototypes into which compositions are substituted.

Run by hand when the list changes: `python oracles/data/make_prototypes.py`. The structures are the AFLOW
library of crystallographic prototypes as pymatgen ships it (Mehl et al., Comput. Mater. Sci. 136, S1 (2017);
Hicks et al., ibid. 161, S1 (2019)) and a few textbook structures that it lacks (`TEXTBOOK`).

Each prototype is stored as its primitive cell scaled to 1 A^3 per atom, its sites grouped in orbits (sites that
symmetry makes equivalent), and the Madelung matrix of its orbits: with charges q_k (in e) on the orbits k and
a volume of v A^3/atom, the electrostatic energy is q M q / v^(1/3) eV/atom.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.analysis.prototypes._data import AFLOW_PROTOTYPE_LIBRARY
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

MAX_SITES = 20
MAX_ORBITS = 8
PATH = Path(__file__).with_name("prototypes.json.gz")

# name: (space group, lattice, species, coordinates); from the papers and handbooks that describe the minerals
TEXTBOOK: dict[str, tuple[str, Lattice, list[str], list[list[float]]]] = {
    "elpasolite": (
        "Fm-3m",
        Lattice.cubic(8.12),
        ["K", "Na", "Al", "F"],
        [[0.25, 0.25, 0.25], [0.5, 0.5, 0.5], [0, 0, 0], [0.219, 0, 0]],
    ),
    "quaternary elpasolite": (
        "F-43m",
        Lattice.cubic(8.12),
        ["K", "Rb", "Na", "Al", "F"],
        [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0.5, 0.5, 0.5], [0, 0, 0], [0.219, 0, 0]],
    ),
    "NaSbF6": (
        "Fm-3m",
        Lattice.cubic(8.18),
        ["Na", "Sb", "F"],
        [[0.5, 0.5, 0.5], [0, 0, 0], [0.23, 0, 0]],
    ),
    "K2PtCl6": (
        "Fm-3m",
        Lattice.cubic(9.75),
        ["K", "Pt", "Cl"],
        [[0.25, 0.25, 0.25], [0, 0, 0], [0.24, 0, 0]],
    ),
    "delafossite": (
        "R-3m",
        Lattice.hexagonal(3.035, 17.17),
        ["Cu", "Fe", "O"],
        [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.1066]],
    ),
    "CdCl2": ("R-3m", Lattice.hexagonal(3.845, 17.457), ["Cd", "Cl"], [[0, 0, 0], [0, 0, 0.2519]]),
    "La2O3": (
        "P-3m1",
        Lattice.hexagonal(3.937, 6.129),
        ["La", "O", "O"],
        [[1 / 3, 2 / 3, 0.247], [1 / 3, 2 / 3, 0.645], [0, 0, 0]],
    ),
    "scheelite": (
        "I4_1/a",
        Lattice.tetragonal(5.243, 11.376),
        ["Ca", "W", "O"],
        [[0, 0.25, 0.625], [0, 0.25, 0.125], [0.1507, 0.0086, 0.2106]],
    ),
}


def structures() -> Iterator[tuple[str, Structure]]:
    """Yield the name and structure of every ordered prototype, of any size."""
    for entry in AFLOW_PROTOTYPE_LIBRARY:
        structure = entry["snl"].structure
        if structure.is_ordered:
            mineral = entry["tags"]["mineral"]
            yield f"{entry['tags']['aflow']}" + (f" ({mineral})" if mineral else ""), structure
    for name, (group, lattice, species, coords) in TEXTBOOK.items():
        yield name, Structure.from_spacegroup(group, lattice, species, coords)


def madelung(structure: Structure, orbits: list[int]) -> list[list[float]]:
    """Return the Madelung matrix of the orbits (eV/atom at 1 A^3/atom and unit charges)."""
    charged = structure.copy()
    charged.add_oxidation_state_by_site([1.0] * len(structure))
    sites = EwaldSummation(charged).total_energy_matrix
    member = np.equal.outer(np.arange(max(orbits) + 1), orbits).astype(float)
    return (member @ sites @ member.T / len(structure)).round(5).tolist()


def record(name: str, structure: Structure) -> dict[str, Any] | None:
    """Return the prototype as plain data; None where it has more than `MAX_SITES` or `MAX_ORBITS`."""
    primitive = structure.get_primitive_structure()
    if len(primitive) > MAX_SITES:
        return None
    primitive.scale_lattice(len(primitive))
    analyzer = SpacegroupAnalyzer(primitive, symprec=0.01)
    _, orbits = np.unique(analyzer.get_symmetry_dataset().equivalent_atoms, return_inverse=True)
    order = np.argsort(orbits, kind="stable")
    primitive = Structure.from_sites([primitive[i] for i in order])
    orbits = orbits[order].tolist()
    if max(orbits) >= MAX_ORBITS:
        return None
    return {
        "name": name,
        "space_group": analyzer.get_space_group_number(),
        "lattice": primitive.lattice.matrix.round(6).tolist(),
        "coords": (primitive.frac_coords % 1).round(6).tolist(),
        "orbits": orbits,
        "species": [primitive[orbits.index(k)].specie.symbol for k in range(max(orbits) + 1)],
        "madelung": madelung(primitive, orbits),
    }


def main() -> None:
    """Write every prototype once: of those that are the same up to the names of the elements, the first."""
    matcher = StructureMatcher(ltol=0.1, stol=0.1, angle_tol=3, scale=True, primitive_cell=False)
    kept: list[tuple[Structure, dict[str, Any]]] = []
    for name, structure in structures():
        data = record(name, structure)
        if data is None:
            continue
        primitive = Structure(data["lattice"], [data["species"][k] for k in data["orbits"]], data["coords"])
        rivals = (
            other
            for other, known in kept
            if len(other) == len(primitive) and known["space_group"] == data["space_group"]
        )
        if len(primitive) > 1 and any(matcher.fit_anonymous(primitive, other) for other in rivals):
            continue
        kept.append((primitive, data))
    text = json.dumps([data for _, data in kept], separators=(",", ":"))
    with gzip.GzipFile(PATH, "wb", mtime=0) as file:
        file.write(text.encode())
    print(f"{len(kept)} prototypes, {PATH.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
