"""Automata over the counts of a formula: which counts may follow, and where a formula may end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import torch
from torch import Tensor

Tally = tuple[int, ...]


@dataclass(frozen=True)
class CountAutomaton:
    """What a partial formula must remember of its counts, as nodes; node 0 is the empty formula.

    A node leads to higher numbers only. With N the largest number of atoms:

    Attributes:
        reached: the node after an element with so many atoms, -1 where that cannot be; `nodes x E x (N+1)`, or
            `nodes x 1 x (N+1)` where it does not matter which element it is.
        may_end: whether a formula may end here, `nodes`.
        elements: how many elements were used to come here, `nodes`.
    """

    reached: Tensor
    may_end: Tensor
    elements: Tensor

    def __len__(self) -> int:
        return len(self.may_end)

    @property
    def max_atoms(self) -> int:
        """The largest count there is a column for."""
        return self.reached.shape[2] - 1

    @classmethod
    def grown(
        cls,
        start: Any,
        after: Callable[[Any, int, int], Any],
        may_end: Callable[[Any], bool],
        max_elements: int,
        max_atoms: int,
        kinds: int = 1,
    ) -> CountAutomaton:
        """The automaton of everything that can be reached from `start`, element by element.

        Args:
            start: what the empty formula remembers.
            after: what is remembered once an element (by its place among the kinds) and its count were added; None
                where they cannot be.
            may_end: whether a formula that remembers this may end.
            max_elements: most elements in a formula.
            max_atoms: largest count.
            kinds: how many elements are told apart; 1 where all count alike.
        """
        level: dict[Any, int] = {start: 0}
        reached, ends, elements = [], [may_end(start)], [0]
        for k in range(max_elements + 1):
            following: dict[Any, int] = {}
            n_nodes = len(ends)
            for node in level:
                rows = [[-1] * (max_atoms + 1) for _ in range(kinds)]
                for kind, row in enumerate(rows) if k < max_elements else ():
                    for count in range(1, max_atoms + 1):
                        if (memory := after(node, kind, count)) is not None:
                            row[count] = following.setdefault(memory, n_nodes + len(following))
                reached.append(rows)
            ends += [may_end(memory) for memory in following]
            elements += [k + 1] * len(following)
            level = following
        return cls(torch.tensor(reached), torch.tensor(ends), torch.tensor(elements))


def reduced_formulas(n_elements: tuple[int, int], n_atoms: tuple[int, int]) -> CountAutomaton:
    """Counts without a common divisor, so that each material has one formula; both ends of the ranges included."""

    def after(node: tuple[int, int, int], _: int, count: int) -> tuple[int, int, int] | None:
        atoms, divisor, elements = node
        return (atoms + count, gcd(divisor, count), elements + 1) if atoms + count <= n_atoms[1] else None

    def may_end(node: tuple[int, int, int]) -> bool:
        atoms, divisor, elements = node
        return divisor == 1 and atoms >= n_atoms[0] and elements >= n_elements[0]

    return CountAutomaton.grown((0, 0, 0), after, may_end, n_elements[1], n_atoms[1])


def cell_contents(
    n_elements: tuple[int, int], n_atoms: tuple[int, int], fits: Callable[[Tally], bool]
) -> CountAutomaton:
    """Atoms of a cell: what is remembered is the counts themselves, in ascending order.

    Args:
        n_elements, n_atoms: smallest and largest number, both included.
        fits: whether a cell can hold these counts (ascending).
    """

    def after(tally: Tally, _: int, count: int) -> Tally | None:
        return tuple(sorted((*tally, count))) if sum(tally) + count <= n_atoms[1] else None

    def may_end(tally: Tally) -> bool:
        return len(tally) >= n_elements[0] and sum(tally) >= n_atoms[0] and len(tally) > 0 and fits(tally)

    return CountAutomaton.grown((), after, may_end, n_elements[1], n_atoms[1])


def multiples_of(amounts: Sequence[int], n_atoms: tuple[int, int], fits: Callable[[Tally], bool]) -> CountAutomaton:
    """Cells of one formula: its amounts in the order of the grammar, times any whole number that `n_atoms` admits.

    Args:
        amounts: atoms of each element in the reduced formula.
        n_atoms: smallest and largest number of atoms, both included.
        fits: whether a cell can hold these counts (ascending).
    """

    def after(node: tuple[int, int], _: int, count: int) -> tuple[int, int] | None:
        units, used = node
        amount = amounts[used]
        if count % amount or (units and count != units * amount) or count // amount * sum(amounts) > n_atoms[1]:
            return None
        return (count // amount, used + 1)

    def may_end(node: tuple[int, int]) -> bool:
        units, used = node
        tally = tuple(sorted(units * amount for amount in amounts))
        return used == len(amounts) and n_atoms[0] <= sum(tally) <= n_atoms[1] and fits(tally)

    return CountAutomaton.grown((0, 0), after, may_end, len(amounts), n_atoms[1])
