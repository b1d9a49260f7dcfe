"""Formation energy of a crystal, estimated in a millisecond from charges, bond valences and electronegativities.

The energy per atom is a weighted sum (`WEIGHTS`) of features of the structure and of its composition. The charges q
are the formal ones. A bond of length r has the valence s = exp((r0 - r) / 0.37 A), with r0 of O'Keeffe and Brese. The
valence V_i of a cation is summed over its anions, and that of an anion over all its neighbours.

- attraction: sum_i min(q_i phi_i, 0), with half of the electrostatic potential, phi_i, at the site. A site whose
  potential has the wrong sign costs nothing, as its ion would give its charge back.
- repulsion: sum |q_i q_j|^(1/2) s^2 over the bonds of opposite charges, once from each end.
- mismatch: sum_i |q_i| ((V_i / |q_i|)^(1/2) - 1)^2: atoms with too many or too short bonds, or too few or too long.
- crowding: sum s / (1 + s / s0) over the contacts of anions, once from each end (s0 is `SATURATION`).
- bonds: -(chi_anion - chi_cation)^2 for each charge of the cations, Pauling's extra energy of a bond (J. Am. Chem.
  Soc. 54, 3570 (1932)); nitrogen and oxygen: their atomic fractions, for the strong bonds of the gases (ibid.).
- charges: sum_i q_i^2, which takes back what attraction gives to high charges.

The fit. Data: 5271 structures of 64 compositions, from LiF to CaMgSi2O6, labelled by CHGNet's single points: 3040
random symmetric crystals (pyxtal) at 0.8 to 1.5 of the real volume, and real and other prototypes, each at three to six
volumes. NaCl, MgO, CaF2, SrTiO3, TiO2 and Al2O3 were held out. First the weights of the structure and `SATURATION`, by
the sum of three Huber losses: of the differences within each composition (in its standard deviations, low energies
weighing up to eleven times as much), between the volumes of each prototype, and between the prototypes of each
composition. Then the weights of the composition, by least squares on the difference that remains for each.

Held out, against CHGNet: Spearman's correlation is 0.95 on average within a composition (979 random crystals; 0.93 to
0.97), 0.87 among prototypes of one composition, each at the volume of its bond valences, and 0.86 over all structures
of the six. Of the random crystals, 0 to 2 % are below the true structure at its real volume; the best volume is within
10 % of the real one. On the compositions of the fit the mean within a composition is 0.85, in cross-validation too: the
more covalent the worse, such as 0.71 for GaN and 0.39 for Cu2O. The lowest structures of the 64 compositions
correlate by 0.90, where `Pauling` has 0.51. Differences between good polymorphs are smaller than the error: of rock
salt and zinc blende, NaCl has about the same energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from oracles.elements import whole_counts
from oracles.evaluation import Evaluation
from oracles.oracle import each
from oracles.pauling import Pauling, electronegativities
from oracles.potential import guards
from oracles.potential.charges import formal_charges
from oracles.potential.ewald import Pairs, madelung_matrix, pairs_within
from oracles.potential.volume import SOFTNESS, bond_length
from oracles.provenance import signed, versions_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

REACH = 6.0
"""Distance (A) up to which pairs of atoms are listed; there a bond's valence is below 0.001."""

WEIGHTS = {
    "attraction": 0.1449, "repulsion": 0.1081, "mismatch": 1.177, "crowding": 1.887,
    "bonds": 0.6101, "nitrogen": 9.138, "oxygen": 3.958, "charges": 0.3605,
}  # fmt: skip
"""Energy (eV) that one unit of each feature counts."""

SATURATION = 1.866
"""Valence s0 at which the crowding of two anions has half of the energy that it would have without limit."""

METALLIC_CONTACT = 2.0
"""Energy (eV) per atom and squared deviation of its closest contact from the sum of radii, without charges."""

CEILING = 4.0
"""Energy (eV/atom) that nothing exceeds: positive estimates E become E / (1 + E / CEILING), in the same order."""


class Ionic:
    """The estimate for crystals; a bare composition, which has no structure, is answered by `Pauling`.

    Crystals without formal charges (metals) have Pauling's estimate too, and a penalty for contacts that are
    shorter or longer than the sum of the covalent radii. Energies are not to be mixed with those of another level.

    max_atoms: atoms allowed in the cell.
    """

    properties: tuple[str, ...] = ("formation_energy", "density", "volume_per_atom")

    def __init__(self, max_atoms: int = 100) -> None:
        if max_atoms < 1:
            raise ValueError("`max_atoms` is at least 1")
        self.max_atoms = max_atoms
        self._pauling = Pauling()
        self.provenance = {"oracle": "ionic", **versions_of("gfnmat", "pymatgen"), "max_atoms": str(max_atoms)}

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the estimate for each material; crystals that `guards` refuses are infeasible."""
        return signed(each(self._evaluate, materials), self.provenance)

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return whether all elements of each material have an electronegativity."""
        return self._pauling.admits(materials)

    def accepts(self, structures: Sequence[Structure]) -> list[bool]:
        """Return whether `guards` let each crystal through."""
        return [guards.passes(structure, self.max_atoms) for structure in structures]

    def _evaluate(self, material: Composition | Structure) -> Evaluation:
        from pymatgen.core import Structure

        start = perf_counter()
        (rough,) = self._pauling.evaluate([material])
        if rough.status != "done" or not isinstance(material, Structure):
            return rough
        guards.check(material, self.max_atoms)
        found = features(material)
        if found is None:
            energy = rough.values["formation_energy"] + METALLIC_CONTACT * _misfit(material)
        else:
            energy = sum(WEIGHTS[name] * value for name, value in found.items())
        values = {
            "formation_energy": energy if energy < 0 else energy / (1 + energy / CEILING),
            "density": float(material.density),
            "volume_per_atom": material.volume / len(material),
        }
        return Evaluation.judged(values, structure=material, seconds=perf_counter() - start)


def features(structure: Structure) -> dict[str, float] | None:
    """Return the features of a crystal per atom; None without formal charges or bond valence parameters."""
    counts = whole_counts(structure)
    charges = _charges(tuple(sorted(counts.items())))
    if charges is None:
        return None
    symbols = [site.specie.symbol for site in structure]
    try:
        lengths = {(a, b): bond_length(a, b) for a in counts for b in counts}
    except KeyError:
        return None
    q = np.array([charges[symbol] for symbol in symbols])
    pairs = pairs_within(structure, REACH)
    attraction = np.minimum(q * (madelung_matrix(structure, pairs, REACH) @ q), 0).sum()
    r0 = np.array([[lengths[a, b] for b in symbols] for a in symbols])[pairs.first, pairs.second]
    found = {"attraction": float(attraction)} | _of_bonds(q, pairs, np.exp((r0 - pairs.distance) / SOFTNESS))
    return {name: value / len(structure) for name, value in found.items()} | _of_composition(counts, charges)


def _of_bonds(q: np.ndarray, pairs: Pairs, valence: np.ndarray) -> dict[str, float]:
    """Return the features, summed over the cell, that follow from the valence of each pair."""
    product = q[pairs.first] * q[pairs.second]
    bonded, crowded = product < 0, (product > 0) & (q[pairs.first] < 0)
    sums = np.bincount(pairs.first, weights=valence * (bonded | crowded), minlength=len(q))
    contacts = valence[crowded]
    return {
        "repulsion": float((np.abs(product[bonded]) ** 0.5 * valence[bonded] ** 2).sum()),
        "mismatch": float(((sums**0.5 - np.abs(q) ** 0.5) ** 2).sum()),
        "crowding": float((contacts / (1 + contacts / SATURATION)).sum()),
    }


def _of_composition(counts: Mapping[str, int], charges: Mapping[str, float]) -> dict[str, float]:
    """Return the features of the composition per atom; bonds are those to one mean anion."""
    chi = electronegativities()
    atoms = sum(counts.values())
    cations = {symbol: q for symbol, q in charges.items() if q > 0}
    negative = {symbol: -q * counts[symbol] for symbol, q in charges.items() if q < 0}
    anion = sum(n * chi[symbol] for symbol, n in negative.items()) / sum(negative.values())
    total = {
        "bonds": -sum(counts[symbol] * q * (anion - chi[symbol]) ** 2 for symbol, q in cations.items()),
        "nitrogen": counts.get("N", 0),
        "oxygen": counts.get("O", 0),
        "charges": sum(counts[symbol] * q**2 for symbol, q in charges.items()),
    }
    return {name: value / atoms for name, value in total.items()}


@lru_cache(maxsize=4096)
def _charges(counts: tuple[tuple[str, int], ...]) -> dict[str, float] | None:
    """Return the formal charges; None where there are none, or where they make a metal an anion (as in CuAu)."""
    from pymatgen.core import Element

    charges = formal_charges(dict(counts))
    if charges is None or any(q < 0 and Element(symbol).is_metal for symbol, q in charges.items()):
        return None
    return charges


def _misfit(structure: Structure) -> float:
    """Return the mean over atoms of (d / (r_i + r_j) - 1)^2 for the closest contact, at most 1."""
    radii = guards.covalent_radii()
    size = np.array([radii[site.specie.symbol] for site in structure])
    pairs = pairs_within(structure, 4 * float(size.max()))
    closest = np.full(len(size), 2.0)
    np.minimum.at(closest, pairs.first, pairs.distance / (size[pairs.first] + size[pairs.second]))
    return float(((closest - 1) ** 2).mean())
