"""The volume at which a formula fits a prototype."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from oracles.potential.prototypes import Contacts

SOFTNESS = 0.37
"""Decay length (A) of a bond's valence with its length."""

STAND_INS = {
    "Tc": "Re", "Pm": "Nd", "Os": "Ir", "Pt": "Pd", "Au": "Ag", "Ac": "La", "Pa": "Th", "Np": "U", "Pu": "U",
}  # fmt: skip
"""Elements without bond valence parameters, and the neighbour in the periodic table whose they take."""


@cache
def bond_length(one: str, other: str) -> float:
    """Return the length (A) of a bond of valence one.

    O'Keeffe and Brese, J. Am. Chem. Soc. 113, 3226 (1991), with pymatgen's table of their parameters. Raises
    KeyError for an element without them.
    """
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Element

    a, b = (BV_PARAMS[Element(STAND_INS.get(symbol, symbol))] for symbol in (one, other))
    (ra, ca), (rb, cb) = (a["r"], a["c"]), (b["r"], b["c"])
    return float(ra + rb - ra * rb * (ca**0.5 - cb**0.5) ** 2 / (ca * ra + cb * rb))


def ionic_scale(
    elements: list[str], charges: Mapping[str, float], multiplicities: np.ndarray, contacts: Contacts
) -> tuple[float, float] | None:
    """Return the scale of a prototype at which its bonds' valences sum to the charges, and how badly they do.

    elements: one an orbit. The first number is the length (A) by which the unit prototype is scaled (the volume
    is its cube, A^3/atom); the second the global instability index, the root mean square over atoms of valence
    sum minus charge (e), which is 0 where every atom gets its due. None where no cation touches an anion.
    """
    q = np.array([charges[symbol] for symbol in elements])
    bonded = q[contacts.first] * q[contacts.second] < 0
    if not bonded.any():
        return None
    first, second = contacts.first[bonded], contacts.second[bonded]
    distance, number = contacts.distance[bonded], contacts.number[bonded]
    length = np.array([bond_length(elements[i], elements[j]) for i, j in zip(first, second, strict=True)])
    due = float((multiplicities * np.abs(q)).sum())
    scale = float((length / distance).max())
    for _ in range(20):  # Newton's method on the logarithm of the total valence, which is nearly a line
        valence = number * np.exp((length - scale * distance) / SOFTNESS)
        total = float(valence.sum())
        step = SOFTNESS * np.log(total / due) * total / float((valence * distance).sum())
        scale += step
        if abs(step) < 1e-6:
            break
    valence = number * np.exp((length - scale * distance) / SOFTNESS)
    sums = np.bincount(first, weights=valence, minlength=len(q)) / multiplicities
    mismatch = float((multiplicities * (sums - np.abs(q)) ** 2).sum() / multiplicities.sum())
    return scale, mismatch**0.5


def additive_scale(counts: Mapping[str, int], volumes: Mapping[str, float]) -> float:
    """Return the scale (A) at which atoms keep the volumes (A^3/atom) that they have as elements (Zen's law)."""
    atoms = sum(counts.values())
    return float((sum(n * volumes[symbol] for symbol, n in counts.items()) / atoms) ** (1 / 3))
