"""Tables that say, before every atom has a site, whether the rest can still be placed.

A position without freedom is used once, one with freedom as often as one likes. Positions without freedom and of one
multiplicity are alike for what follows, so that what is left of them is a number for each multiplicity: a class, in
mixed radix. For the element that is being placed, a bitset says which uses of these positions (by class) complete it;
for the elements to come, another says which uses leave enough. A letter is offered where the two sets meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gfnmat.space.composition.counting import Tally
from gfnmat.space.structure.wyckoff import N_GROUPS, WyckoffTables

N_LETTERS = 27
MAX_FIXED = 8  # positions without freedom in one group: P-1, P2/m, P222 and Pmmm have eight


@dataclass(frozen=True)
class PlacementTables:
    """What can be placed where, for cells of up to N atoms; group g's row is g-1.

    With G = 230 groups, C classes, and N atoms:

    Attributes:
        position: number of each letter's position, `G x 27`; -1 beyond the group's letters.
        atoms: its atoms in the primitive cell, `G x 27`; more than N where there is none.
        fixed_rank: how many positions without freedom come before it, if it is one itself; else -1; `G x 27`.
        fixed_letter: the letter of each position without freedom, `G x 8`; -1 beyond.
        fixed_stride: what each adds to a class, `G x 8`.
        suffix: which positions with freedom are left from a letter on, as a number, `G x 27`.
        completions: uses that complete an element with so many atoms left, when so many positions without freedom
            (a class) and with freedom (a suffix) are open to it, `G x C x (N+1) x suffixes` bitsets.
        leftovers: uses after which the elements to come still fit, `rests x G x C` bitsets; a rest is what
            `after_adding` numbers.
        after_adding: the rest with one element more, `rests x (N+1)`; -1 where it is too large. Rest 0 is empty.
    """

    position: Tensor
    atoms: Tensor
    fixed_rank: Tensor
    fixed_letter: Tensor
    fixed_stride: Tensor
    suffix: Tensor
    completions: Tensor
    leftovers: Tensor
    after_adding: Tensor

    @classmethod
    def build(cls, tables: WyckoffTables, max_atoms: int, max_elements: int) -> PlacementTables:
        """Runs the recursion for cells of this size."""
        groups = [_Group.of(tables, number, max_atoms) for number in range(1, N_GROUPS + 1)]
        n_classes = max(group.n_classes for group in groups)
        n_suffixes = max(len(group.suffixes) for group in groups)
        completions = np.zeros((N_GROUPS, n_classes, max_atoms + 1, n_suffixes), dtype=np.int64)
        for row, group in enumerate(groups):
            found = group.completions()
            completions[row, : found.shape[0], :, : found.shape[2]] = found
        after_adding, rests = _rests(max_atoms, max_elements)
        leftovers = _leftovers(groups, completions, rests)
        return cls(
            position=torch.tensor([group.position for group in groups]),
            atoms=torch.tensor([group.atoms for group in groups]),
            fixed_rank=torch.tensor([group.fixed_rank for group in groups]),
            fixed_letter=torch.tensor([group.fixed_letter for group in groups]),
            fixed_stride=torch.tensor([group.fixed_stride for group in groups]),
            suffix=torch.tensor([group.suffix_of_letter for group in groups]),
            completions=torch.from_numpy(completions),
            leftovers=torch.from_numpy(leftovers),
            after_adding=after_adding,
        )

    def groups_that_hold(self, tally: Tally) -> Tensor:
        """Which groups have sites for elements with these counts, `G` booleans."""
        rest = 0
        for count in tally[1:]:
            rest = int(self.after_adding[rest, count])
        return self.holds(torch.tensor([tally[0]]), torch.tensor([rest]))[0]

    def holds(self, count: Tensor, rest: Tensor) -> Tensor:
        """Which groups have sites for an element with `count` atoms (`n`) and the `rest` (`n`), `n x G` booleans."""
        full = (self.fixed_stride * (self.fixed_letter >= 0)).sum(1)
        rows = torch.arange(N_GROUPS, device=count.device)
        first_letter = self.suffix[:, 0]
        completing = self.completions[rows, full, count[:, None], first_letter]
        return (completing & self.leftovers[rest[:, None], rows, full]) != 0


@dataclass(frozen=True)
class _Group:
    """One group's positions, in the terms of the recursion."""

    position: list[int]
    atoms: list[int]
    fixed_rank: list[int]
    fixed_letter: list[int]
    fixed_stride: list[int]
    sizes: list[int]  # atoms of each kind of position without freedom
    available: list[int]  # how many of each kind
    suffixes: list[frozenset[int]]  # sets of atoms of positions with freedom
    suffix_of_letter: list[int]
    max_atoms: int

    @classmethod
    def of(cls, tables: WyckoffTables, number: int, max_atoms: int) -> _Group:
        rows = range(int(tables.first[number - 1]), int(tables.first[number]))
        atoms = [int(tables.atoms[row]) for row in rows]
        is_fixed = [int(tables.freedom[row]) == 0 for row in rows]
        fixed = [letter for letter, fixed in enumerate(is_fixed) if fixed]
        sizes = sorted({atoms[letter] for letter in fixed})
        available = [sum(atoms[letter] == size for letter in fixed) for size in sizes]
        strides = np.concatenate([[1], np.cumprod([n + 1 for n in available])])[: len(sizes)].astype(int).tolist()
        stride_of_size = dict(zip(sizes, strides, strict=True))
        free_from = [
            frozenset(n for n, f in zip(atoms[k:], is_fixed[k:], strict=True) if not f and n <= max_atoms)
            for k in range(len(atoms))
        ]
        suffixes = sorted(set(free_from), key=sorted)
        beyond = N_LETTERS - len(atoms)
        return cls(
            position=[*rows, *[-1] * beyond],
            atoms=[*atoms, *[max_atoms + 1] * beyond],
            fixed_rank=[*(fixed.index(k) if f else -1 for k, f in enumerate(is_fixed)), *[-1] * beyond],
            fixed_letter=fixed + [-1] * (MAX_FIXED - len(fixed)),
            fixed_stride=[stride_of_size[atoms[k]] for k in fixed] + [0] * (MAX_FIXED - len(fixed)),
            sizes=sizes,
            available=available,
            suffixes=suffixes,
            suffix_of_letter=[*(suffixes.index(found) for found in free_from), *[0] * beyond],
            max_atoms=max_atoms,
        )

    @property
    def n_classes(self) -> int:
        return int(np.prod([n + 1 for n in self.available]))

    @property
    def classes(self) -> NDArray[np.int64]:
        """How many positions of each size a class stands for, `classes x sizes`."""
        if not self.sizes:
            return np.zeros((1, 0), dtype=np.int64)
        grid = np.indices([n + 1 for n in reversed(self.available)])[::-1]  # the first size runs fastest
        return np.stack([axis.ravel() for axis in grid], axis=1)

    def within(self) -> NDArray[np.bool_]:
        """Whether one class (column) can be taken from another (row)."""
        return np.asarray((self.classes[None, :, :] <= self.classes[:, None, :]).all(-1))

    def completions(self) -> NDArray[np.int64]:
        """Bitsets of the uses that complete an element, `classes x (N+1) x suffixes`."""
        left = np.arange(self.max_atoms + 1)
        representable = np.zeros((len(self.suffixes), self.max_atoms + 1), dtype=bool)
        representable[:, 0] = True
        for row, sizes in enumerate(self.suffixes):
            for total in left[1:]:
                representable[row, total] = any(size <= total and representable[row, total - size] for size in sizes)
        used = self.classes @ np.array(self.sizes, dtype=np.int64)
        remaining = left[None, :] - used[:, None]  # uses x atoms left
        completes = representable[:, remaining.clip(min=0)] & (remaining >= 0)  # suffixes x uses x atoms left
        bits = np.int64(1) << np.arange(self.n_classes)
        taken = self.within()[:, :, None, None] & completes.transpose(1, 2, 0)[None]  # classes x uses x left x suffixes
        return np.asarray((taken * bits[None, :, None, None]).sum(1))


def _rests(max_atoms: int, max_elements: int) -> tuple[Tensor, list[Tally]]:
    """Numbers for the counts (descending) of the elements to come: a table of insertions, and the counts themselves."""
    rests: dict[Tally, int] = {(): 0}
    level: Sequence[Tally] = [()]
    for _ in range(max_elements - 1):
        following: dict[Tally, None] = {}
        for tally in level:
            for count in range(1, max_atoms - sum(tally)):
                following.setdefault(tuple(sorted((*tally, count), reverse=True)))
        for tally in following:
            rests.setdefault(tally, len(rests))
        level = list(following)
    table = torch.full((len(rests), max_atoms + 1), -1)
    for tally, row in rests.items():
        for count in range(1, max_atoms + 1):
            table[row, count] = rests.get(tuple(sorted((*tally, count), reverse=True)), -1)
    return table, list(rests)


def _leftovers(groups: Sequence[_Group], completions: NDArray[np.int64], rests: Sequence[Tally]) -> NDArray[np.int64]:
    """Bitsets of the uses after which a rest still fits, `rests x groups x classes`."""
    n_groups, n_classes = completions.shape[:2]
    before, after, uses = _transitions(groups, n_classes)
    begins = np.flatnonzero(np.diff(before, prepend=-1))
    suffix = np.array([group.suffix_of_letter[0] for group in groups])
    rows, classes = np.indices((n_groups, n_classes))
    leftovers = np.zeros((len(rests), n_groups * n_classes), dtype=np.int64)
    number = {tally: index for index, tally in enumerate(rests)}
    for index, tally in enumerate(rests):  # shorter ones come first
        if tally:
            completing = completions[rows, classes, tally[0], suffix[rows]].ravel()
            fits = (completing & leftovers[number[tally[1:]]]) != 0
        else:
            fits = np.ones(n_groups * n_classes, dtype=bool)
        leftovers[index, before[begins]] = np.add.reduceat(fits[after] << uses, begins)
    return leftovers.reshape(len(rests), n_groups, n_classes)


def _transitions(groups: Sequence[_Group], n_classes: int) -> tuple[NDArray[np.int64], ...]:
    """Every way to use positions of a class: row of the class before and of what is left after, and the use.

    A row is group times `n_classes` plus class; the first is ascending.
    """
    found = []
    for row, group in enumerate(groups):
        before, use = group.within().nonzero()
        found.append((row * n_classes + before, row * n_classes + before - use, use))
    before, after, uses = (np.concatenate(column).astype(np.int64) for column in zip(*found, strict=True))
    return before, after, uses
