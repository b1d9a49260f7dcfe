"""Writes `chgnet_references.json`: the elements' ground states and their energies by the installed CHGNet.

Run by hand when the model changes: `python oracles/data/make_chgnet_references.py`. The experimental
ground-state structure of each element is relaxed with CHGNet. Noble gases and the elements that CHGNet has not
seen (Po, At, Rn, Fr, Ra, and beyond Pu) have none. Structures: ASE's reference states for plain metals, AFLOW
prototypes for the others, molecular crystals as listed here.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from ase.build import bulk
from ase.data import chemical_symbols, reference_states
from pymatgen.analysis.prototypes._data import AFLOW_PROTOTYPE_LIBRARY
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from oracles.potential.chgnet import CHGNetPotential, load_model
from oracles.potential.equation_of_state import at_volume, minima
from oracles.potential.relaxation import Limits, relax

PATH = Path(__file__).with_name("chgnet_references.json")
WITHOUT = {"He", "Ne", "Ar", "Kr", "Xe", "Po", "At", "Rn", "Fr", "Ra"}
LIMITS = Limits(max_force=0.01, steps=500, seconds=300)

# element: AFLOW prototype, its mineral or description there, and the volume (A^3/atom) to start from
PROTOTYPES = {
    "S": ("A_oF128_70_4h", "alpha", 25.8),
    "Se": ("A_hP3_152_a", "alpha Selenium", 27.3),
    "Te": ("A_hP3_152_a", "alpha Selenium", 33.9),
    "P": ("A_oC8_64_f", "black P", 18.9),
    "As": ("A_hR2_166_c", "alpha As", 21.5),
    "Sb": ("A_hR2_166_c", "alpha As", 30.2),
    "Bi": ("A_hR2_166_c", "alpha As", 35.4),
    "B": ("A_hR12_166_2h", "alpha boron", 7.3),
    "C": ("A_hP4_194_bc", "Graphite", 8.8),
    "Ga": ("A_oC8_64_f", "alpha", 19.6),
    "Mn": ("A_cI58_217_ac2g", "alpha", 12.2),
    "N": ("A_cP8_205_c", "Cubic alpha N2", 22.7),
    "O": ("A_mC4_12_i", "alpha oxygen", 17.3),
    "I": ("A_oC8_64_f", "", 42.7),
    "U": ("A_oC4_63_c", "alpha U", 20.7),
    "Np": ("A_oP8_62_2c", "alpha Np", 19.2),
    "Pu": ("A_mP16_11_8e", "alpha Pu", 20.0),
    "Pa": ("A_tI2_139_a", "Protactinium", 25.0),
    "Hg": ("A_hR1_166_a", "alpha", 23.4),
    "In": ("A_tI2_139_a", "Indium", 26.2),
    "Sm": ("A_hR3_166_ac", "alpha Samarium", 33.2),
    "La": ("A_hP4_194_ac", "alpha La", 37.5),
    "Pr": ("A_hP4_194_ac", "alpha La", 34.5),
    "Nd": ("A_hP4_194_ac", "alpha La", 34.2),
    "Pm": ("A_hP4_194_ac", "alpha La", 33.6),
    "Ac": ("A_cF4_225_a", "Copper", 37.4),
    "Ce": ("A_cF4_225_a", "Copper", 34.4),
    "Sn": ("A_cF8_227_a", "diamond", 34.2),
}

# element: space group, lattice, one coordinate
MOLECULAR = {
    "H": ("P6_3/mmc", Lattice.hexagonal(3.78, 6.17), [1 / 3, 2 / 3, 0.19]),
    "F": ("Cmce", Lattice.orthorhombic(5.2, 3.6, 6.8), [0, 0.130, 0.079]),
    "Cl": ("Cmce", Lattice.orthorhombic(6.24, 4.48, 8.26), [0, 0.130, 0.100]),
    "Br": ("Cmce", Lattice.orthorhombic(6.73, 4.65, 8.70), [0, 0.135, 0.110]),
}


class Unreferenced(CHGNetPotential):
    """CHGNet without references, since they are being made."""

    @cached_property
    def model(self) -> Any:
        """The installed model."""
        return load_model("cpu")

    def _model(self) -> Any:
        return self.model


def ground_state(symbol: str) -> tuple[str, Structure]:
    """Return a description and the primitive cell of an element's ground state."""
    if symbol in PROTOTYPES:
        label, mineral, volume = PROTOTYPES[symbol]
        (structure,) = (
            entry["snl"].structure
            for entry in AFLOW_PROTOTYPE_LIBRARY
            if (entry["tags"]["aflow"], entry["tags"]["mineral"]) == (label, mineral)
        )
        element = Structure(structure.lattice, [symbol] * len(structure), structure.frac_coords)
        return f"AFLOW {label} ({mineral or structure.composition.reduced_formula})", at_volume(
            element.get_primitive_structure(), volume
        )
    if symbol in MOLECULAR:
        group, lattice, point = MOLECULAR[symbol]
        structure = Structure.from_spacegroup(group, lattice, [symbol], [point])
        return f"molecular crystal, {group}", structure.get_primitive_structure()
    state = reference_states[chemical_symbols.index(symbol)]["symmetry"]
    return state, AseAtomsAdaptor.get_structure(bulk(symbol))


def main() -> None:
    """Relax each element and write its energy and structure."""
    potential = Unreferenced("cpu")
    elements = {}
    for symbol in chemical_symbols[1:95]:
        if symbol in WITHOUT:
            continue
        description, start = ground_state(symbol)
        relaxed = relax(potential, start, LIMITS)
        (curve,) = minima(potential, [relaxed])
        if not isinstance(curve, Exception):
            relaxed = at_volume(relaxed, curve.volume)
        (energy,) = potential.energies([relaxed])
        elements[symbol] = {
            "description": description,
            "energy": round(energy, 5),
            "lattice": relaxed.lattice.matrix.round(5).tolist(),
            "coords": relaxed.frac_coords.round(5).tolist(),
        }
        print(symbol, description, f"{energy:.4f} eV/atom, {relaxed.volume / len(relaxed):.2f} A^3/atom",
              f"from {start.volume / len(start):.2f}, {len(relaxed)} atoms",
              "" if not isinstance(curve, Exception) else f"(kept as relaxed: {curve})")  # fmt: skip
    data = {"model": "CHGNet", "version": potential.model.version, "elements": elements}
    PATH.write_text(json.dumps(data, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
