"""Features of crystals by the charges of their atoms and the distances between them.

A bond of length r has the valence s = exp((r0 - r) / 0.37 A), with r0 of M. O'Keeffe and N. E. Brese, J. Am. Chem. Soc.
113, 3226 (1991). Cations are the atoms with positive charges, anions all others: those of an element, which have none,
too. A mean over atoms that a crystal lacks is zero, and the distance of a neighbour that it lacks is `FARTHEST`. What
short distances could drive off all bounds is held by `_soft`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogates.neighbours import Cells, Pairs

COULOMB = 14.399645
"""Energy (eV) of two elementary charges at 1 A."""

SOFTNESS = 0.37
"""Decay length (A) of a bond's valence with its length."""

ANIONS = 0.942
"""Share of its bonds to other anions in an anion's valence."""

FARTHEST = 3.0
"""Contacts are measured up to this many sums of radii."""

_MOST_VALENCE = 400.0
# Centres and width of the shells, in edges of a cube with the volume of an atom.
_SHELLS, _SHELL_WIDTH = (0.8, 1.05, 1.3), 0.18


@dataclass(frozen=True)
class Atoms:
    """Of each atom of n crystals with room for A, zero where there is none, `n x A`.

    Attributes:
        charge: in elementary charges, neutral in each crystal.
        potential: (e/A) that the others make at the atom.
        mass: in u.
        radius: covalent radius (A).
        bond_radius, bond_softness: r (A) and c of O'Keeffe and Brese.
        electronegativity: Pauling's.
    """

    charge: Tensor
    potential: Tensor
    mass: Tensor
    radius: Tensor
    bond_radius: Tensor
    bond_softness: Tensor
    electronegativity: Tensor

    @property
    def exists(self) -> Tensor:
        """One where there is an atom, zero elsewhere."""
        return (self.mass > 0).to(self.mass)

    @property
    def cations(self) -> Tensor:
        """One where there is a cation."""
        return (self.charge > 0).to(self.mass)

    @property
    def anions(self) -> Tensor:
        """One where there is an anion."""
        return self.exists - self.cations


def charge_features(atoms: Atoms) -> dict[str, Tensor]:
    """What tells the cations of a composition from its anions, by label, each `n`."""
    return {
        "electronegativity of anions": _mean(atoms.electronegativity, (-atoms.charge).clamp(min=0)),
        "radius of cations": _mean(atoms.radius, atoms.cations),
        "radius of anions": _mean(atoms.radius, atoms.anions),
    }


def packing_features(atoms: Atoms, cells: Cells) -> dict[str, Tensor]:
    """How much room the atoms have (A3, u/A3), by label, each `n`."""
    return {
        "log volume per atom": 3 * cells.spacing.log(),
        "log density": atoms.mass.sum(1).log() - cells.volume.log(),
    }


def potential_features(atoms: Atoms) -> dict[str, Tensor]:
    """Energies and potentials (eV, V) of the charges at their places, by label, each `n`.

    A charge whose potential has the wrong sign attracts nothing, as its ion would give the charge back.
    """
    potential = COULOMB * atoms.potential
    attraction = (atoms.charge * potential / 2).clamp(max=0)
    return {
        "attraction of charges": _soft(_mean(attraction, atoms.exists), 40.0),
        "potential at cations": _soft(_mean(potential, atoms.cations), 60.0),
        "potential at anions": _soft(_mean(potential, atoms.anions), 60.0),
    }


def pair_features(atoms: Atoms, cells: Cells, pairs: Pairs, reach: Tensor) -> dict[str, Tensor]:
    """What follows from the distances of all pairs up to `reach`, by label, each `n`."""
    size = atoms.charge.shape[1]
    ends = pairs.row * size + pairs.first, pairs.row * size + pairs.second
    first, second = (atoms.charge.flatten()[end] for end in ends)
    kinds = _Kinds((first <= 0) & (second <= 0), (first > 0) & (second > 0), first * second < 0)
    return (
        _valence_features(atoms, pairs.distance, ends, kinds)
        | _contact_features(atoms, pairs.distance, ends, kinds)
        | _shell_features(cells, pairs, reach, kinds)
    )


@dataclass(frozen=True)
class _Kinds:
    """Which pairs are of two anions, of two cations, and bonds, of opposite charges, `P`."""

    anions: Tensor
    cations: Tensor
    bonds: Tensor


def _valence_features(atoms: Atoms, distance: Tensor, ends: tuple[Tensor, Tensor], kinds: _Kinds) -> dict[str, Tensor]:
    """Valences of bonds against the charges due, and how atoms crowd: s / (1 + s) for each contact of valence s."""
    valence = ((_bond_length(atoms, ends) - distance) / SOFTNESS).exp().clamp(max=_MOST_VALENCE)
    crowding = valence / (1 + valence)
    first, second = (atoms.charge.flatten()[end] for end in ends)
    columns = [
        valence * kinds.bonds,
        valence * kinds.anions,
        (first * second).abs().sqrt() * valence.square() * kinds.bonds,
        crowding * kinds.bonds,
        crowding * kinds.anions,
        crowding * kinds.cations,
    ]
    terms = torch.stack(columns, dim=1)
    sums = terms.new_zeros(atoms.charge.numel(), len(columns))
    for end in ends:
        sums.index_add_(0, end, terms)
    bonds, among_anions, repulsion, crowded, anions, cations = sums.view(*atoms.charge.shape, -1).unbind(-1)
    mismatch = ((bonds + ANIONS * among_anions).sqrt() - atoms.charge.abs().sqrt()).square()
    every = atoms.exists
    return {
        "repulsion of bonds": _soft(_mean(repulsion, every), 5.0),
        "valence among anions": _soft(_mean(among_anions, every), 5.0),
        "crowding of bonds": _mean(crowded, every),
        "crowding of anions": _mean(anions, every),
        "crowding of anions, root mean square": _mean(anions.square(), every).sqrt(),
        "crowding of cations": _mean(cations, every),
        "mismatch": _soft(_mean(mismatch, every), 3.0),
        "mismatch of cations": _soft(_mean(mismatch, atoms.cations), 3.0),
        "mismatch of anions": _soft(_mean(mismatch, atoms.anions), 3.0),
    }


def _contact_features(atoms: Atoms, distance: Tensor, ends: tuple[Tensor, Tensor], kinds: _Kinds) -> dict[str, Tensor]:
    """Distances of the atoms to their closest neighbours, relative to the sums of covalent radii."""
    radius = atoms.radius.flatten()
    ratio = (distance / (radius[ends[0]] + radius[ends[1]])).clamp(max=FARTHEST)

    def closest(counted: Tensor) -> Tensor:
        near = torch.where(counted, ratio, FARTHEST)
        least = torch.full_like(radius, FARTHEST)
        for end in ends:
            least.scatter_reduce_(0, end, near, "amin")
        return least.view_as(atoms.radius)

    contact, cations = closest(torch.ones_like(kinds.bonds)), closest(kinds.cations)
    return {
        "contact, shortest": contact.amin(1),
        "contact": _mean(contact, atoms.exists),
        "contact of anions": _mean(closest(kinds.anions), atoms.anions),
        "contact of cations": _mean(cations, atoms.cations),
        "contact of cations, shortest": cations.amin(1),
    }


def _shell_features(cells: Cells, pairs: Pairs, reach: Tensor, kinds: _Kinds) -> dict[str, Tensor]:
    """Pairs of anions per atom around several distances, in edges of an atom's share of the volume."""
    row, distance = pairs.row[kinds.anions], pairs.distance[kinds.anions].unsqueeze(1)
    taper = (1 - (distance / reach[row].unsqueeze(1)).square()).clamp(min=0).square()
    offset = distance / cells.spacing[row].unsqueeze(1) - distance.new_tensor(_SHELLS)
    bumps = taper * (-(offset / _SHELL_WIDTH).square() / 2).exp()
    shells = bumps.new_zeros(len(reach), len(_SHELLS)).index_add_(0, row, bumps)
    shells = shells / cells.exists.sum(1, keepdim=True)
    return {f"anions at {place:g}": _soft(shell, 10.0) for place, shell in zip(_SHELLS, shells.unbind(1), strict=True)}


def _bond_length(atoms: Atoms, ends: tuple[Tensor, Tensor]) -> Tensor:
    """Length (A) of a bond of valence one between the atoms of each pair."""
    (ra, rb), (ca, cb) = ([of.flatten()[end] for end in ends] for of in (atoms.bond_radius, atoms.bond_softness))
    return ra + rb - ra * rb * (ca.sqrt() - cb.sqrt()).square() / (ca * ra + cb * rb)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the atoms of each crystal, 0 where nothing weighs."""
    total = weights.sum(1)
    return (values * weights).sum(1) / torch.where(total > 0, total, 1)


def _soft(values: Tensor, most: float) -> Tensor:
    """The values in the same order, but none beyond `most` in size."""
    return values / (1 + values.abs() / most)
