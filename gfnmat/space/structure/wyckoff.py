"""The Wyckoff positions of the 230 space groups, as tables.

Groups are in the standard setting of the International Tables: unique axis b and cell choice 1, origin choice 2,
hexagonal axes. Coordinates are integers, in 48ths of the edges of the conventional cell. A free coordinate takes one
of `BINS` values, the centre of its bin; no centre is a special value such as 0, 1/8, 1/6 or 1/4.

One crystal can be written in many ways. Two tables leave fewer of them: `canonical` says which bins stand for an orbit,
and the automaton (`start_node`, `next_node`, `opens`) which letters stand for those that another origin or other axes
would turn them into. The tables are written by `data/make_wyckoff_tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

EDGE = 48
BINS = 24
N_GROUPS = 230
PATH = Path(__file__).parent / "data" / "wyckoff.npz"


@dataclass(frozen=True)
class NormaliserOperation:
    """Another description of the same crystals: points x become `rotation @ x + translation`.

    Attributes:
        rotation: 3 x 3 integers.
        translation: 3 integers, in 48ths.
        letters: the letter that each letter of the group becomes.
    """

    rotation: Tensor
    translation: Tensor
    letters: Tensor


@dataclass(frozen=True)
class WyckoffTables:
    """The positions of all groups in one row, `P` of them: first group 1's, in ascending letters, then group 2's.

    Integers are int64. Per group, where a group's row is its number less one:

    Attributes:
        first: the positions of group g are `first[g - 1]` up to but without `first[g]`; 231.
        hall: the Hall number, by spglib, of the group's setting.
        centring: the centring translations in 48ths, zero first, filled up with zero; 230 x 4 x 3.
        n_centring: how many of them there are.
        polar: the axes along which the origin is free; 230 x 3 booleans.
        crystal_system: from `triclinic` to `cubic`.
        centring_letter: P, A, C, I, F or R.
        point_group: such as `m-3m`.
        symbol: the short Hermann-Mauguin symbol, such as `Fm-3m`.

    Per position:

    Attributes:
        letter: 0 is a, 25 is z, 26 is A.
        multiplicity: points in the conventional cell.
        atoms: points in the primitive cell.
        freedom: how many coordinates are free, 0 to 3.
        site_symmetry: the symbol, oriented along the axes of the group, such as `m.mm`.
        asked: the free coordinates (0 is x) in the order in which they are asked for: those along polar axes come
            last; filled up with -1; P x 3.
        matrix: the points of the orbit in the primitive cell are `matrix @ t + shift` modulo 48, t the free
            coordinates; the first is the representative, in which each free coordinate stands for itself; rows
            beyond `atoms` repeat it; P x 48 x 3 x 3.
        shift: P x 48 x 3.

    Per node of the automaton, a subgroup of the normaliser's permutations of the letters that keeps each letter
    placed so far. Node 0 is the trivial one, which is left no more; all groups share it.

    Attributes:
        start_node: the node before any letter is placed; 230.
        next_node: the node after a letter is placed; nodes x 27.
        opens: whether a letter stands for those that the node's permutations turn it into, the first of them all;
            nodes x 27 booleans.

    What is packed:

    Attributes:
        canonical_bits: see `canonical`.
        first_byte: where the bits of each position begin.
        operations: see `normaliser`.
    """

    first: Tensor
    hall: Tensor
    centring: Tensor
    n_centring: Tensor
    polar: Tensor
    crystal_system: tuple[str, ...]
    centring_letter: tuple[str, ...]
    point_group: tuple[str, ...]
    symbol: tuple[str, ...]
    letter: Tensor
    multiplicity: Tensor
    atoms: Tensor
    freedom: Tensor
    site_symmetry: tuple[str, ...]
    asked: Tensor
    matrix: Tensor
    shift: Tensor
    start_node: Tensor
    next_node: Tensor
    opens: Tensor
    canonical_bits: NDArray[np.uint8]
    first_byte: tuple[int, ...]
    operations: tuple[tuple[NormaliserOperation, ...], ...]

    def canonical(self, position: int) -> Tensor:
        """Which combinations of bins stand for their orbit: one for each orbit that has all its points.

        Of the combinations that give the same points it is the first, in the order of `asked`. A combination whose
        points fall together is none.

        Returns:
            Booleans, a dimension of 24 for each free coordinate in the order of `asked`.
        """
        freedom = int(self.freedom[position])
        begin, end = self.first_byte[position : position + 2]
        bits = np.unpackbits(self.canonical_bits[begin:end], count=BINS**freedom)
        return torch.from_numpy(bits).bool().reshape((BINS,) * freedom)

    def normaliser(self, group: int) -> tuple[NormaliserOperation, ...]:
        """Operations that map a space group onto itself, one for each permutation of its letters, identity first.

        They are those that permute or invert axes and shift the origin; shears are not among them.
        """
        return self.operations[group - 1]


@lru_cache(maxsize=1)
def load_wyckoff_tables() -> WyckoffTables:
    """The tables, on the CPU."""
    with np.load(PATH) as file:
        arrays: dict[str, NDArray[np.generic]] = dict(file)

    def numbers(name: str) -> Tensor:
        values = torch.from_numpy(arrays[name])
        return values if values.dtype == torch.bool else values.long()

    def words(name: str) -> tuple[str, ...]:
        return tuple(arrays[name].tobytes().decode().split("\n"))

    first, asked = numbers("first"), numbers("asked")
    freedom = (asked >= 0).sum(1)
    in_bytes = (BINS**freedom + 7) // 8
    symbol = words("symbol")
    return WyckoffTables(
        first=first,
        hall=numbers("hall"),
        centring=numbers("centring"),
        n_centring=numbers("n_centring"),
        polar=numbers("polar"),
        crystal_system=words("crystal_system"),
        centring_letter=tuple(name[0] for name in symbol),
        point_group=words("point_group"),
        symbol=symbol,
        letter=torch.cat([torch.arange(n) for n in first.diff().tolist()]),
        multiplicity=numbers("multiplicity"),
        atoms=numbers("atoms"),
        freedom=freedom,
        site_symmetry=words("site_symmetry"),
        asked=asked,
        matrix=numbers("matrix"),
        shift=numbers("shift"),
        start_node=numbers("start_node"),
        next_node=numbers("next_node"),
        opens=numbers("opens"),
        canonical_bits=arrays["canonical"].astype(np.uint8),
        first_byte=(0, *in_bytes.cumsum(0).tolist()),
        operations=_operations(
            numbers("first_move"), first, numbers("move_rotation"), numbers("move_translation"), numbers("move_letters")
        ),
    )


def _operations(
    first_move: Tensor, first_position: Tensor, rotation: Tensor, translation: Tensor, letters: Tensor
) -> tuple[tuple[NormaliserOperation, ...], ...]:
    bounds, n_letters = first_move.tolist(), first_position.diff().tolist()
    return tuple(
        tuple(NormaliserOperation(rotation[i], translation[i], letters[i, :n]) for i in range(begin, end))
        for begin, end, n in zip(bounds[:-1], bounds[1:], n_letters, strict=True)
    )
