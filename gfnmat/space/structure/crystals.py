"""Crystals as the grammar writes them: group, sites, and the bins of cell and coordinates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from gfnmat.space.structure.cell import ASKED, SHAPE_BINS, VOLUME_BINS, lattice_of
from gfnmat.space.structure.wyckoff import BINS, load_wyckoff_tables

LETTERS = "abcdefghijklmnopqrstuvwxyzA"
N_ELEMENTS = 118
_BINS = re.compile(r"(?:\.\d+)+")
_SITE = re.compile(r"(?P<element>[A-Z][a-z]?)-(?P<letter>[a-zA])(?P<bins>(?:\.\d+)*)")


@dataclass(frozen=True, eq=False)
class Crystals:
    """A batch of n crystals with room for S sites each.

    Sites are in the order of the grammar: by element, then letter, then coordinates.

    Attributes:
        group: space groups, from 1, `n`.
        shape: bins of b/a, c/a, alpha, beta, gamma, -1 where the lattice fixes them, `n x 5`.
        volume: bins of the volume, `n`.
        number: atomic number of the element on each site, 0 where there is none, `n x S`.
        letter: Wyckoff letter of each site, 0 is a, `n x S`.
        bins: bins of x, y, z of each site, -1 where the letter fixes them, `n x S x 3`.
    """

    group: Tensor
    shape: Tensor
    volume: Tensor
    number: Tensor
    letter: Tensor
    bins: Tensor

    def __len__(self) -> int:
        return len(self.group)

    def __getitem__(self, rows: slice | Sequence[int] | Tensor) -> Crystals:
        return Crystals(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device | str) -> Crystals:
        """The same crystals on another device."""
        return Crystals(*(getattr(self, field.name).to(device) for field in fields(self)))

    @property
    def exists(self) -> Tensor:
        """Where there is a site, `n x S`."""
        return self.number > 0

    @property
    def position(self) -> Tensor:
        """Number of each site's Wyckoff position in `WyckoffTables`, `n x S`; the group's first where there is none."""
        first = load_wyckoff_tables().first.to(self.group.device)
        return first[self.group - 1][:, None] + torch.where(self.exists, self.letter, 0)

    @cached_property
    def atoms(self) -> Tensor:
        """Atoms in the primitive cell on each site, `n x S`."""
        return torch.where(self.exists, load_wyckoff_tables().atoms.to(self.group.device)[self.position], 0)

    @cached_property
    def counts(self) -> Tensor:
        """Atoms of each element in the primitive cell, `n x 118`."""
        counts = torch.zeros(len(self), N_ELEMENTS, dtype=torch.int64, device=self.group.device)
        return counts.scatter_add_(1, (self.number - 1).clamp(min=0), self.atoms)

    @property
    def rows(self) -> Tensor:
        """Everything in one row a crystal: equal rows are equal crystals, `n x (7 + 5 S)`."""
        parts = (self.group[:, None], self.shape, self.volume[:, None], self.number, self.letter, self.bins.flatten(1))
        return torch.cat(parts, dim=1)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """A line for each crystal that says all of it, such as `Ti2O4|136|Ti-a,O-f.7|5|6`.

        The atoms of the primitive cell, the space group, the sites with the bins of their free coordinates, the bins of
        the shape, the bin of the volume.
        """
        from pymatgen.core import Element

        tables = load_wyckoff_tables()
        atoms, columns = self.atoms.tolist(), zip(*(part.tolist() for part in self._parts), strict=True)
        keys = []
        for sizes, (group, shape, volume, number, letter, bins) in zip(atoms, columns, strict=True):
            counts: dict[str, int] = {}
            sites = []
            for size, z, of_site, place in zip(sizes, number, letter, bins, strict=True):
                if not z:
                    break
                symbol = Element.from_Z(z).symbol
                counts[symbol] = counts.get(symbol, 0) + size
                sites.append(".".join([f"{symbol}-{LETTERS[of_site]}", *(str(b) for b in place if b >= 0)]))
            formula = "".join(symbol + (str(n) if n > 1 else "") for symbol, n in counts.items())
            slots = ASKED[lattice_of(tables.crystal_system[group - 1])]
            shaped = ".".join(str(shape[slot]) for slot in slots)
            keys.append("|".join([formula, str(group), ",".join(sites), shaped, str(volume)]))
        return tuple(keys)

    @property
    def motifs(self) -> tuple[str, ...]:
        """The key of each crystal without its bins: what its cell and coordinates are variations of."""
        return tuple(_BINS.sub("", key.rsplit("|", 2)[0]) for key in self.keys)

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))

    @classmethod
    def of_keys(cls, keys: Sequence[str]) -> Crystals:
        """The crystals that `keys` wrote.

        Raises:
            ValueError: names the first line that is no key.
        """
        crystals = cls.concatenate([_read(key) for key in keys])
        for key, written in zip(keys, crystals.keys, strict=True):
            if key != written:
                raise _no_key(key)
        return crystals

    @classmethod
    def concatenate(cls, batches: Sequence[Crystals]) -> Crystals:
        """One batch of all, in order."""
        width = max((batch.number.shape[1] for batch in batches), default=1)
        wide = [batch._with_room(width) for batch in batches] or [_empty(width)]
        return cls(*(torch.cat(parts) for parts in zip(*(batch._parts for batch in wide), strict=True)))

    def _with_room(self, sites: int) -> Crystals:
        room = (0, sites - self.number.shape[1])
        pad = torch.nn.functional.pad
        return Crystals(
            group=self.group,
            shape=self.shape,
            volume=self.volume,
            number=pad(self.number, room),
            letter=pad(self.letter, room),
            bins=pad(self.bins, (0, 0, *room), value=-1),
        )


def _empty(sites: int) -> Crystals:
    def none(*shape: int) -> Tensor:
        return torch.zeros(0, *shape, dtype=torch.int64)

    return Crystals(none(), none(5), none(), none(sites), none(sites), none(sites, 3))


def _no_key(line: str) -> ValueError:
    return ValueError(f"{line!r} is not the key of a crystal.")


def _read(key: str) -> Crystals:
    from pymatgen.core import Element

    tables = load_wyckoff_tables()
    try:
        _, group_word, site_words, shape_word, volume_word = key.split("|")
        group, volume = int(group_word), int(volume_word)
        first, beyond = int(tables.first[group - 1]), int(tables.first[group])
        number, letter, bins = [], [], []
        for word in site_words.split(","):
            if (found := _SITE.fullmatch(word)) is None:
                raise ValueError
            number.append(Element(found["element"]).Z)
            letter.append(LETTERS.index(found["letter"]))
            free = sorted(axis for axis in tables.asked[range(first, beyond)[letter[-1]]].tolist() if axis >= 0)
            chosen = [int(word) for word in found["bins"].split(".")[1:]]
            place = dict(zip(free, chosen, strict=True))
            bins.append([place.get(axis, -1) for axis in range(3)])
        slots = ASKED[lattice_of(tables.crystal_system[group - 1])]
        shape = dict(zip(slots, [int(word) for word in shape_word.split(".") if word], strict=True))
    except (ValueError, IndexError, KeyError):
        raise _no_key(key) from None
    in_range = group > 0 and 0 <= volume < VOLUME_BINS and all(0 <= shape[slot] < SHAPE_BINS[slot] for slot in slots)
    if not in_range or any(place >= BINS for of_site in bins for place in of_site):
        raise _no_key(key)
    return Crystals(
        group=torch.tensor([group]),
        shape=torch.tensor([[shape.get(slot, -1) for slot in range(5)]]),
        volume=torch.tensor([volume]),
        number=torch.tensor([number]),
        letter=torch.tensor([letter]),
        bins=torch.tensor([bins]),
    )
