"""Formulas of which a part is given: blanks to fill, and hosts to dope."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, gcd
from typing import Any, Protocol

from gfnmat.space.composition.chemistry import check_symbols
from gfnmat.space.composition.counting import CountAutomaton

ANY = 0  # atoms of a blank of which the formula does not say how many
_PART = re.compile(r"([A-Z][a-z]?|\?)(\d+|\*)?")


class Pattern(Protocol):
    """What is given of a formula."""

    @property
    def required(self) -> tuple[str, ...]:
        """Elements that every completion has."""

    @property
    def offered(self) -> tuple[str, ...]:
        """Elements that the pattern itself names; others are the space's."""

    @property
    def n_elements(self) -> int:
        """Elements of every completion."""

    @property
    def setting(self) -> str | dict[str, Any]:
        """What `pattern` makes this of."""

    def n_atoms(self, given: tuple[int, int]) -> tuple[int, int]:
        """Smallest and largest number of atoms, where the space admits `given`."""

    def automaton(self, elements: Sequence[str], n_atoms: tuple[int, int]) -> CountAutomaton:
        """The counts of the completions, over elements in the order of the grammar."""


def pattern(given: str | Mapping[str, Any]) -> Pattern:
    """A formula with blanks, such as `LiCo?O2`, or a host to dope: `{host, replace, by, up_to}`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, str):
        return Blanks.read(given)
    words = {"host", "replace", "by", "up_to"}
    if not isinstance(given, Mapping) or set(given) != words:
        raise ValueError(
            f"fix is {given!r}; it must be a formula with blanks such as 'LiCo?O2', "
            "or a host to dope: {host: SrTiO3, replace: Ti, by: [Nb, Ta], up_to: 0.1}."
        )
    if isinstance(given["by"], str) or not isinstance(given["by"], Sequence):
        raise ValueError(f"by is {given['by']!r}; it must be a list of elements, such as [Nb, Ta].")
    return Doping(str(given["host"]), str(given["replace"]), tuple(given["by"]), float(given["up_to"]))


@dataclass(frozen=True)
class Blanks:
    """A formula in which `?` stands for one more element: `?` of one atom, `?2` of two, `?*` of any number.

    Completions are the formulas as they are written, without a common divisor: `Li2?2O4` is first read as `Li?O2`, and
    of `?*` those counts count that share no divisor with the others.

    Attributes:
        formula: as it was given.
        fixed: atoms of the elements that are there.
        blanks: atoms of each blank; `ANY` where that is open.
    """

    formula: str
    fixed: Mapping[str, int]
    blanks: tuple[int, ...]

    @classmethod
    def read(cls, formula: str) -> Blanks:
        """The blanks of a formula.

        Raises:
            ValueError: it cannot be read, has no blank or names an element twice.
        """
        parts = _PART.findall(formula)
        if "".join(symbol + amount for symbol, amount in parts) != formula or not parts:
            raise ValueError(f"fix is {formula!r}; write elements, atoms and blanks, such as 'LiCo?O2' or 'Ba?*O3'.")
        symbols = [symbol for symbol, _ in parts if symbol != "?"]
        check_symbols(symbols, "fix")
        if twice := [symbol for symbol, n in Counter(symbols).items() if n > 1]:
            raise ValueError(f"fix is {formula!r}, with {', '.join(twice)} more than once; add its atoms up.")
        if any((amount == "*" and symbol != "?") or amount == "0" for symbol, amount in parts):
            raise ValueError(
                f"fix is {formula!r}; an element that is there has a whole number of atoms, and at least 1."
            )
        amounts = [ANY if amount == "*" else int(amount or 1) for _, amount in parts]
        if len(symbols) == len(parts):
            raise ValueError(f"fix is {formula!r}, which has no blank; put a '?' where an element is to be found.")
        divisor = 1 if ANY in amounts else reduce(gcd, amounts)
        named = [(symbol, amount // divisor) for (symbol, _), amount in zip(parts, amounts, strict=True)]
        return cls(
            formula,
            {symbol: amount for symbol, amount in named if symbol != "?"},
            tuple(sorted((amount for symbol, amount in named if symbol == "?"), reverse=True)),
        )

    @property
    def required(self) -> tuple[str, ...]:
        """The elements that are there."""
        return tuple(self.fixed)

    offered = required

    @property
    def n_elements(self) -> int:
        """Those that are there and one for each blank."""
        return len(self.fixed) + len(self.blanks)

    @property
    def setting(self) -> str:
        """The formula."""
        return self.formula

    def n_atoms(self, given: tuple[int, int]) -> tuple[int, int]:
        """What the formula says; where a blank is open, up to what the space admits."""
        known = sum(self.fixed.values()) + sum(self.blanks)
        if ANY not in self.blanks:
            return known, known
        least = known + self.blanks.count(ANY)
        if given[1] < least:
            raise ValueError(f"n_atoms goes up to {given[1]}, and {self.formula} has at least {least} atoms.")
        return max(least, given[0]), given[1]

    def automaton(self, elements: Sequence[str], n_atoms: tuple[int, int]) -> CountAutomaton:
        """What is remembered: the blanks that are left (those of any number last), the atoms and their divisor."""

        def after(
            memory: tuple[tuple[int, ...], int, int], element: int, count: int
        ) -> tuple[tuple[int, ...], int, int] | None:
            left, atoms, divisor = memory
            known = self.fixed.get(elements[element])
            if known is None:
                blank = count if count in left else ANY
                if blank not in left:
                    return None
                place = left.index(blank)
                left = left[:place] + left[place + 1 :]
            elif count != known:
                return None
            return (left, atoms + count, gcd(divisor, count)) if atoms + count <= n_atoms[1] else None

        def may_end(memory: tuple[tuple[int, ...], int, int]) -> bool:
            left, atoms, divisor = memory
            return not left and divisor == 1 and atoms >= n_atoms[0]

        return CountAutomaton.grown((self.blanks, 0, 0), after, may_end, self.n_elements, n_atoms[1], len(elements))


@dataclass(frozen=True)
class Doping:
    """A host in which some atoms of one element are replaced by another element.

    Attributes:
        host: its formula.
        replace: the element that is replaced.
        by: the elements of which one comes in.
        up_to: largest share of the element's atoms that is replaced, above 0 and below 1.
    """

    host: str
    replace: str
    by: tuple[str, ...]
    up_to: float

    def __post_init__(self) -> None:
        check_symbols(self.by, "by")
        if not self.by:
            raise ValueError("by is empty; name at least one element to dope with.")
        if self.replace not in self.amounts:
            raise ValueError(f"replace is {self.replace!r}, which {self.host} does not hold; name one of its elements.")
        if known := sorted(set(self.by) & set(self.amounts)):
            raise ValueError(f"by names {', '.join(known)}, which {self.host} holds already; name other elements.")
        if not 0 < self.up_to < 1:
            raise ValueError(f"up_to is {self.up_to}; it must be a share above 0 and below 1, such as 0.1.")

    @property
    def amounts(self) -> dict[str, int]:
        """Atoms of each element in the host's reduced formula."""
        from pymatgen.core import Composition

        try:
            reduced = Composition(self.host).reduced_composition
        except ValueError:
            raise ValueError(f"host is {self.host!r}, which is no formula; write it as SrTiO3.") from None
        amounts = {element.symbol: amount for element, amount in reduced.items()}
        if any(amount != int(amount) for amount in amounts.values()):
            raise ValueError(f"host is {self.host!r}; its atoms must be whole numbers.")
        return {symbol: int(amount) for symbol, amount in amounts.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """The host's elements."""
        return tuple(self.amounts)

    @property
    def offered(self) -> tuple[str, ...]:
        """The host's elements and those that may come in."""
        return (*self.amounts, *self.by)

    @property
    def n_elements(self) -> int:
        """One more than the host's."""
        return len(self.amounts) + 1

    @property
    def setting(self) -> dict[str, Any]:
        """Its fields."""
        return {"host": self.host, "replace": self.replace, "by": list(self.by), "up_to": self.up_to}

    def n_atoms(self, given: tuple[int, int]) -> tuple[int, int]:
        """As the space admits.

        Raises:
            ValueError: within these not even one atom can be replaced.
        """
        if not self._cells(given):
            amounts = self.amounts
            units = ceil(1 / (self.up_to * amounts[self.replace]) - 1e-9)
            raise ValueError(
                f"n_atoms goes from {given[0]} to {given[1]}, where no atom of {self.replace} in {self.host} can be "
                f"replaced without exceeding up_to={self.up_to}; that takes {units * sum(amounts.values())} atoms."
            )
        return given

    def _cells(self, n_atoms: tuple[int, int]) -> list[tuple[int, int]]:
        """Formula units and replaced atoms of each completion."""
        amounts = self.amounts
        size, site = sum(amounts.values()), amounts[self.replace]
        cells = []
        for units in range(-(-n_atoms[0] // size), n_atoms[1] // size + 1):
            for replaced in range(1, int(self.up_to * units * site + 1e-9) + 1):
                counts = [units * n for symbol, n in amounts.items() if symbol != self.replace]
                if reduce(gcd, [*counts, units * site - replaced, replaced]) == 1:
                    cells.append((units, replaced))
        return cells

    def automaton(self, elements: Sequence[str], n_atoms: tuple[int, int]) -> CountAutomaton:
        """What is remembered: the cells that agree with the counts so far, and whether another element came in."""
        amounts = self.amounts

        def after(
            memory: tuple[tuple[tuple[int, int], ...], bool], element: int, count: int
        ) -> tuple[tuple[tuple[int, int], ...], bool] | None:
            cells, doped = memory
            symbol = elements[element]
            if symbol in amounts:
                taken = int(symbol == self.replace)
                cells = tuple((u, k) for u, k in cells if u * amounts[symbol] - taken * k == count)
            else:
                cells = () if doped else tuple((u, k) for u, k in cells if k == count)
                doped = True
            return (cells, doped) if cells else None

        def may_end(memory: tuple[tuple[tuple[int, int], ...], bool]) -> bool:
            return memory[1]

        start = (tuple(self._cells(n_atoms)), False)
        return CountAutomaton.grown(start, after, may_end, self.n_elements, n_atoms[1], len(elements))
