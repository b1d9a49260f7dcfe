"""Prototypes as templates: what comes after the composition is given, and only the elements vary."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gfnmat.space.structure.crystals import N_ELEMENTS
from gfnmat.space.structure.volume import predicted_volume

if TYPE_CHECKING:
    from pymatgen.core import Structure

MOST = 62  # templates, one bit each
STAND_INS = ("B", "C", "N", "O", "F")  # small atoms in the order of the grammar, which fit everywhere


@dataclass(frozen=True)
class Templates:
    """The ways in which elements can take the places of a prototype's.

    Attributes:
        counts: atoms of each element, in the order of the grammar, `T x K`.
        words: the words after the composition, `T x L`; -1 for the volume, which is free, and beyond the end.
    """

    counts: Tensor
    words: Tensor

    def to(self, device: torch.device | str) -> Templates:
        """The same templates on another device."""
        return Templates(self.counts.to(device), self.words.to(device))

    @property
    def _bits(self) -> Tensor:
        return torch.ones((), dtype=torch.int64, device=self.counts.device) << torch.arange(
            len(self.counts), device=self.counts.device
        )

    def with_counts(self, counts: Tensor) -> Tensor:
        """The templates for elements with these counts, `n x K`, as bits, `n`."""
        return ((counts[:, None] == self.counts).all(-1) * self._bits).sum(1)

    def agreeing(self, agreed: Tensor, written: Tensor, word: Tensor) -> Tensor:
        """Those of the templates that also have this word next, as bits, `n`.

        Args:
            agreed: the templates that agreed so far, as bits, `n`.
            written: words after the composition so far, `n`.
            word: the next one, `n`.
        """
        said = self.words.T[written]  # n x T
        return agreed & (((said == word[:, None]) | (said < 0)) * self._bits).sum(1)

    def offered(self, agreed: Tensor, written: Tensor, n_actions: int) -> Tensor:
        """The next words of the templates that agree, `n x n_actions` booleans."""
        alive = (agreed[:, None] & self._bits) > 0
        said = torch.where(alive, self.words.T[written], -1)
        offered = torch.zeros(len(agreed), n_actions + 1, dtype=torch.bool, device=agreed.device)
        return offered.scatter(1, torch.where(said < 0, n_actions, said), True)[:, :n_actions]


def prototype_structure(given: str | Path | Structure | dict[str, Any]) -> Structure:
    """The structure of a prototype: a name of the library that oracles use, a file, or the structure itself.

    Raises:
        ValueError: neither a known name nor a file that holds an ordered structure.
    """
    from pymatgen.core import Structure

    from oracles.potential.prototypes import library

    if isinstance(given, Structure):
        structure = given
    elif isinstance(given, dict):
        try:
            structure = Structure.from_dict(given)
        except Exception as error:
            raise ValueError(f"prototype: the mapping is no structure ({type(error).__name__}: {error}).") from None
    elif found := [entry for entry in library() if _plain_name(str(given)) in map(_plain_name, _names(entry.name))]:
        structure = found[0].substitute(list(found[0].species), volume=15.0)
    elif Path(given).is_file():
        try:
            structure = Structure.from_file(given)
        except Exception as error:
            raise ValueError(f"prototype: {given} holds no structure: {error}") from None
    else:
        names = [name for entry in library() for name in _names(entry.name)]
        nearest = get_close_matches(str(given).lower(), names, n=3, cutoff=0.3)
        hint = f"; names near it are {', '.join(nearest)}" if nearest else ""
        raise ValueError(f"prototype is {given!r}, which is neither a known prototype nor a file{hint}.")
    if not structure.is_ordered:
        raise ValueError("prototype: the structure is disordered; give an ordered one.")
    return structure.get_primitive_structure()


def _plain_name(name: str) -> str:
    return name.lower().replace(" ", "").replace("-", "")


def _names(name: str) -> list[str]:
    """What an entry such as `AB_cF8_216_c_a (Zincblende, Sphalerite)` may be called, in small letters."""
    label, _, minerals = name.lower().partition(" (")
    plain_minerals = minerals.replace("(", "").replace(")", "")
    return [name.lower(), label, *(mineral.strip() for mineral in plain_minerals.split(",") if mineral)]


def at_prediction(structure: Structure) -> Structure:
    """The structure at the volume predicted from its composition."""
    counts = torch.zeros(1, N_ELEMENTS, dtype=torch.int64)
    for site in structure:
        counts[0, site.specie.Z - 1] += 1
    return structure.copy().scale_lattice(float(predicted_volume(counts)[0]))


def plain(structure: Structure) -> dict[str, Any]:
    """A structure as plain values."""
    values: dict[str, Any] = json.loads(structure.to_json())
    return values


def tally_of(structure: Structure) -> tuple[int, ...]:
    """Atoms of each element in the cell, ascending."""
    return tuple(sorted(Counter(site.specie.symbol for site in structure).values()))


def assignments(structure: Structure) -> list[Structure]:
    """The prototype with stand-ins in the place of its elements, in every order.

    Raises:
        ValueError: more elements than there are stand-ins.
    """
    species = sorted({site.specie.symbol for site in structure})
    if len(species) > len(STAND_INS):
        raise ValueError(f"prototype: it has {len(species)} elements; at most {len(STAND_INS)} are supported.")
    found = []
    for order in permutations(STAND_INS[: len(species)]):
        swapped = structure.copy()
        swapped.replace_species(dict(zip(species, order, strict=True)))
        found.append(swapped)
    return found


def templates_of(sentences: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Templates:
    """Templates of counts and the words after the composition, each pair once.

    Raises:
        ValueError: more of them than a state has bits for.
    """
    distinct = list(dict.fromkeys(sentences))
    if len(distinct) > MOST:
        raise ValueError(
            f"prototype: its elements can be exchanged in {len(distinct)} ways; at most {MOST} are supported."
        )
    length = max(len(words) for _, words in distinct) + 1
    rows = [[*words, *[-1] * (length - len(words))] for _, words in distinct]
    return Templates(torch.tensor([counts for counts, _ in distinct]), torch.tensor(rows))
