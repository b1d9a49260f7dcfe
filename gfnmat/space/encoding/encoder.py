"""Known structures as the grammar writes them: the inverse of decoding.

A crystal can be read in many ways: by the axes, the origin and the orbits' points that it is described from. All
readings in the standard setting of its space group are related by the group's normaliser. They are put in an order
that does not depend on how the structure was given, those nearest to the centres of the bins first, and the first one
that the grammar admits is taken. A structure that is exactly what a sentence decodes to is read as that sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.encoding.cell_reading import cell_readings, shape_beyond_bins, volume_options
from gfnmat.space.encoding.normaliser import STAY, Moves, normaliser
from gfnmat.space.encoding.reading import Reading, crystals_of
from gfnmat.space.encoding.setting import SYMMETRY_TOLERANCE, Setting, as_it_stands, standard
from gfnmat.space.encoding.site_reading import site_readings
from gfnmat.space.sentences import read
from gfnmat.space.structure import cell
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.volume import predicted_volume
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from gfnmat.space.crystal.space import CrystalSpace

EXACT = 1e-3  # `Reading.distance` of what a sentence decodes to, at most
NEIGHBOURS = (16, 128, 512)  # sentences near a reading that are tried, batch after batch
READINGS_VARIED = 8  # how many readings they are neighbours of
LISTED_GROUPS = 12  # named one by one to a person, at most


def encoded(space: CrystalSpace, structures: Sequence[Structure]) -> Candidates:
    """The structures as candidates of the space, whatever their cell, origin and orientation.

    Raises:
        ValueError: names the first structure that the space does not admit, and why.
    """
    for structure in structures:
        if not hasattr(structure, "lattice"):
            raise ValueError(f"{structure!r} is no structure; a space of crystals takes a list of pymatgen structures.")
    crystals = [_Crystal.of(structure) for structure in structures]
    for crystal in crystals:
        if reason := _objection(space, crystal):
            raise ValueError(f"{crystal.name} is not in the space: {reason}.")
    _check_compositions(space, crystals)
    searches = {row: crystal.proposals(space.elements) for row, crystal in enumerate(crystals)}
    found: dict[int, Crystals] = {}
    while searches:
        batches = {row: _next_batch(space, crystals[row], search) for row, search in searches.items()}
        admitted = space.admits(Candidates.of_crystals(Crystals.concatenate(list(batches.values()))))
        sizes = [len(batch) for batch in batches.values()]
        for (row, batch), passes in zip(batches.items(), admitted.split(sizes), strict=True):
            if bool(passes.any()):
                found[row] = batch[[int(passes.int().argmax())]]
                del searches[row]
    return Candidates.of_crystals(Crystals.concatenate([found[row] for row in range(len(crystals))]))


def _next_batch(space: CrystalSpace, crystal: _Crystal, search: Iterator[Crystals]) -> Crystals:
    if (batch := next(search, None)) is None:
        if space.prototype is not None:
            name = space.prototype.composition.reduced_formula
            raise ValueError(
                f"{crystal.name} is not in the space: it is not the prototype {name} with its coordinates."
            )
        raise ValueError(
            f"{crystal.name} is not in the space: its atoms come too close, or fall together, in all cells and places "
            f"that the bins of space group {crystal.setting.group} have for it."
        )
    return batch


def _objection(space: CrystalSpace, crystal: _Crystal) -> str | None:
    """Why a crystal is outside the elements, sizes, formula and groups of a space; None where it is inside."""
    if reason := space.ingredients.objection(crystal.counts, atoms_of="primitive cell"):
        return reason
    if space.formula is not None:
        wanted = Candidates.of([space.formula]).counts[0]
        if not torch.equal(wanted * crystal.counts.sum(), crystal.counts * wanted.sum()):
            return f"its formula is not {space.formula}, the only one allowed"
    group = crystal.setting.group
    if not bool(space.groups[group - 1]):
        groups = (space.groups.nonzero().squeeze(-1) + 1).tolist()
        allowed = ", ".join(map(str, groups)) if len(groups) <= LISTED_GROUPS else f"{len(groups)} others"
        return f"its space group is {group} ({load_wyckoff_tables().symbol[group - 1]}); allowed are {allowed}"
    return None


def _check_compositions(space: CrystalSpace, crystals: Sequence[_Crystal]) -> None:
    if not crystals:
        return
    composition = space.environment().grammar.composition
    counts = torch.stack([crystal.counts for crystal in crystals])[:, space.ingredients.columns]
    _, allowed = read(composition, composition.sentences(counts))
    if not bool(allowed.all()):
        raise ValueError(
            f"{crystals[int((~allowed).nonzero()[0])].name} is not in the space: with one oxidation state an element, "
            "no neutral choice has every anion more electronegative than every cation."
        )


@dataclass(frozen=True)
class _Crystal:
    """A structure whose symmetry was found.

    Attributes:
        name: for a person.
        counts: atoms of each element in the primitive cell, 118.
        volume: relative to the prediction.
        setting: the standard one.
        as_it_stands: the structure itself, where it is a primitive cell such as decoding writes.
    """

    name: str
    counts: Tensor
    volume: float
    setting: Setting
    as_it_stands: Setting | None

    @classmethod
    def of(cls, structure: Structure) -> _Crystal:
        """Finds the symmetry.

        Raises:
            ValueError: a structure that is disordered, is not made of elements or has no symmetry to be found.
        """
        from pymatgen.core import DummySpecies

        name = structure.composition.reduced_formula
        if not structure.is_ordered:
            raise ValueError(f"{name} is disordered; a crystal of the space has one element on each site.")
        if strange := [str(site.specie) for site in structure if isinstance(site.specie, DummySpecies)]:
            raise ValueError(f"{name} holds {strange[0]}, which is no element.")
        setting = standard(structure)
        if setting is None:
            raise ValueError(f"{name}: spglib finds no symmetry within {SYMMETRY_TOLERANCE} A; do atoms coincide?")
        counts = torch.zeros(N_ELEMENTS, dtype=torch.int64)
        for number, atoms in zip(setting.numbers, setting.atoms, strict=True):
            counts[number - 1] += atoms
        n_atoms = int(counts.sum())
        return cls(
            name=name,
            counts=counts,
            volume=structure.volume * n_atoms / len(structure) / float(predicted_volume(counts[None])),
            setting=setting,
            as_it_stands=as_it_stands(structure, setting.group) if n_atoms == len(structure) else None,
        )

    def proposals(self, elements: Sequence[str]) -> Iterator[Crystals]:
        """Batches of crystals, the best first within each and from batch to batch.

        In a group without reflections, the crystal's mirror image comes after all its own readings: some sites have
        letters that the grammar only writes for the other hand.

        Raises:
            ValueError: the cell is beyond the bins.
        """
        from pymatgen.core import Element

        ranks = {Element(symbol).Z: rank for rank, symbol in enumerate(elements)}
        if self.as_it_stands is not None:
            for readings in self._readings(self.as_it_stands, STAY, ranks):
                if exact := [reading.sentence for reading in readings if reading.distance < EXACT]:
                    yield crystals_of(exact)
        best: list[Reading] = []
        for mirrored in (False, True):
            for readings in self._readings(self.setting, normaliser(self.setting.group, mirrored), ranks):
                readings.sort(key=lambda reading: reading.preference)
                best += readings[: READINGS_VARIED - len(best)]
                yield crystals_of(reading.sentence for reading in readings)
        if not best:
            raise ValueError(f"{self.name} is not in the space: {self._beyond_bins()}.")
        for n in NEIGHBOURS:
            yield crystals_of(
                sentence for _, sentence in sorted(near for reading in best for near in islice(reading.neighbours(), n))
            )

    def _readings(self, setting: Setting, moves: Moves, ranks: dict[int, int]) -> Iterator[list[Reading]]:
        """The readings that moves of a setting give, those of one cell at a time, the best cell first."""
        if not (volume := volume_options(self.volume)):
            return
        cells = sorted(cell_readings(setting, moves), key=lambda found: found[:2])
        for _, alike in groupby(cells, key=lambda found: found[0]):
            _, places, shapes = zip(*alike, strict=True)
            sites = site_readings(setting, ranks, moves[list(places)])
            readings = [Reading(setting.group, shapes[move], volume, placed) for move, placed in sites]
            if complete := [reading for reading in readings if all(site.place for site in reading.sites)]:
                yield complete

    def _beyond_bins(self) -> str:
        """What of the cell no bin holds, for a person."""
        if volume_options(self.volume):
            return shape_beyond_bins(self.setting)
        return (
            f"its volume is {self.volume:.2f} of what is predicted for its composition; "
            f"{cell.SMALLEST_VOLUME:g} to {cell.LARGEST_VOLUME:g} are allowed"
        )
