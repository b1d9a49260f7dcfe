"""Write `crystal_elements.csv`: what `CrystalFeatures` knows of elements 1 to 118.

    python surrogates/data/make_crystal_elements.py

- mass: in u, from ASE.
- radius: covalent radius (A) of B. Cordero et al., Dalton Trans. 2832 (2008), from ASE, which has 0.2 for elements
  without one; those take `NO_RADIUS`.
- electronegativity: Pauling's, from pymatgen; noble gases without one have L. C. Allen's, J. Am. Chem. Soc. 111, 9003
  (1989), and elements beyond 103 that of lawrencium.
- anion: charge as an anion, 0 for what is none.
- cation, spread: middle of the common positive oxidation states, and how far known ones lie apart (half their range),
  from pymatgen; 0 for fluorine, oxygen and noble gases, which are no cations.
- bond_radius, bond_softness: r (A) and c of M. O'Keeffe and N. E. Brese, J. Am. Chem. Soc. 113, 3226 (1991), from
  pymatgen. Elements without them have the covalent radius less `BOND_SHRINKAGE`, about the mean difference for
  metals, and their electronegativity, as c is one.
"""

import csv
from pathlib import Path
from statistics import median

from ase.data import atomic_masses, covalent_radii
from pymatgen.analysis.bond_valence import BV_PARAMS
from pymatgen.core import Element

TABLE = Path(__file__).with_name("crystal_elements.csv")
COLUMNS = ("mass", "radius", "electronegativity", "anion", "cation", "spread", "bond_radius", "bond_softness")

NO_RADIUS, BOND_SHRINKAGE = 1.6, 0.27
ALLEN = {"He": 4.160, "Ne": 4.787, "Ar": 3.242}
LAWRENCIUM = 1.3
ANIONS = {
    "H": -1, "B": -3, "C": -4, "N": -3, "O": -2, "F": -1, "Si": -4, "P": -3, "S": -2, "Cl": -1, "Ge": -4, "As": -3,
    "Se": -2, "Br": -1, "Sb": -3, "Te": -2, "I": -1, "At": -1,
}  # fmt: skip
NO_CATIONS = {"F", "O", "He", "Ne", "Ar", "Kr", "Xe", "Rn", "Og"}


def row(element: Element) -> list[float]:
    """The columns of one element."""
    symbol, number = element.symbol, element.Z
    radius = float(covalent_radii[number]) if covalent_radii[number] > 0.25 else NO_RADIUS
    chi = float(element.X) if element.X == element.X else ALLEN.get(symbol, LAWRENCIUM)
    common = [state for state in element.common_oxidation_states if state > 0]
    known = [state for state in (*common, *element.icsd_oxidation_states) if state > 0]
    if symbol in NO_CATIONS:
        cation = spread = 0.0
    else:
        cation = float(median(common or known or [3]))
        spread = (max(known) - min(known)) / 2 if known else 0.0
    bond = BV_PARAMS.get(element, {"r": radius - BOND_SHRINKAGE, "c": chi})
    return [
        float(atomic_masses[number]),
        radius,
        chi,
        float(ANIONS.get(symbol, 0)),
        cation,
        spread,
        round(float(bond["r"]), 3),
        float(bond["c"]),
    ]


def main() -> None:
    """Overwrite the table beside this script."""
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["element", *COLUMNS])
        for number in range(1, 119):
            element = Element.from_Z(number)
            writer.writerow([element.symbol, *(repr(value) for value in row(element))])


if __name__ == "__main__":
    main()
