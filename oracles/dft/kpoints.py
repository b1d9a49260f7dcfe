"""How many k points a crystal needs: a number that does not jump where only the volume changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymatgen.core import Structure


def gamma_centred(structure: Structure, per_atom: int) -> list[int]:
    """Return the divisions of a grid centred on gamma, of about `per_atom` k points per reciprocal atom."""
    from pymatgen.io.vasp.inputs import Kpoints

    return [int(n) for n in Kpoints.automatic_gamma_density(structure, per_atom).kpts[0]]
