"""What a space is built from: elements, how many of them and of their atoms, and the chemistry that rules them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gfnmat.space.composition.chemistry import ElementTable, OxidationStates, check_symbols, known_elements
from gfnmat.space.composition.completion import CompletionTables
from gfnmat.space.composition.counting import CountAutomaton
from gfnmat.space.composition.patterns import Blanks, Doping, Pattern, pattern

CHEMISTRIES = ("ionic", "any")


@dataclass(frozen=True)
class Ingredients:
    """Checked choices of a user.

    Attributes:
        table: the elements in the order of the grammar.
        n_elements, n_atoms: smallest and largest number, both included.
        chemistry: `ionic` or `any`.
        require: elements that every formula has.
        oxidation_states: which ones count.
        fix: the part of the formula that is given, if any.
    """

    table: ElementTable
    n_elements: tuple[int, int]
    n_atoms: tuple[int, int]
    chemistry: str
    require: tuple[str, ...]
    oxidation_states: OxidationStates
    fix: Pattern | None = None

    @classmethod
    def checked(
        cls,
        elements: Sequence[str],
        n_elements: tuple[int, int],
        n_atoms: tuple[int, int],
        chemistry: str,
        require: Sequence[str],
        forbid: Sequence[str],
        consensus: int,
        commonality: str | float,
        fix: str | Mapping[str, Any] | None = None,
    ) -> Ingredients:
        """The ingredients that the arguments of a space name.

        Raises:
            ValueError: unknown elements, ranges that are none, or words that are not allowed.
        """
        if chemistry not in CHEMISTRIES:
            raise ValueError(f"chemistry is {chemistry!r}; it must be one of {', '.join(CHEMISTRIES)}.")
        given = None if fix is None else pattern(fix)
        if given is not None:
            fillers = (elements or known_elements()) if isinstance(given, Blanks) else ()
            elements = tuple(dict.fromkeys([*fillers, *given.offered]))
            require = tuple(dict.fromkeys([*require, *given.required]))
        chosen, required = check_symbols(elements, "elements"), check_symbols(require, "require")
        forbidden = check_symbols(forbid, "forbid")
        if isinstance(given, Doping) and (out := sorted(set(given.by) & set(forbidden))):
            raise ValueError(f"{', '.join(out)} is both in `by` of fix and forbidden; choose one.")
        if clash := sorted(set(required) & set(forbidden)):
            raise ValueError(f"{', '.join(clash)} both required and forbidden; choose one.")
        if missing := sorted(set(required) - set(chosen)):
            raise ValueError(f"require names {', '.join(missing)}, which elements does not; add it there.")
        kept = tuple(symbol for symbol in chosen if symbol not in forbidden)
        if not kept:
            raise ValueError("no element is left to build from; name at least one in elements.")
        states = OxidationStates(consensus, commonality)
        n_atoms = checked_range(n_atoms, "n_atoms")
        if given is not None:
            n_elements, n_atoms = (given.n_elements, given.n_elements), given.n_atoms(n_atoms)
        ingredients = cls(
            table=ElementTable.ionic(kept, states) if chemistry == "ionic" else ElementTable.any(kept),
            n_elements=checked_range(n_elements, "n_elements", most=len(kept)),
            n_atoms=n_atoms,
            chemistry=chemistry,
            require=required,
            oxidation_states=states,
            fix=given,
        )
        ingredients._warn_of_elements_without_charge()
        return ingredients

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""
        return self.table.symbols

    @property
    def columns(self) -> Tensor:
        """The column of each element in counts, `E`."""
        return self.table.numbers - 1

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that give these ingredients again, as plain values."""
        return {
            "elements": list(self.elements),
            "n_elements": list(self.n_elements),
            "n_atoms": list(self.n_atoms),
            "chemistry": self.chemistry,
            "require": list(self.require),
            "consensus": self.oxidation_states.consensus,
            "commonality": self.oxidation_states.commonality,
            **({} if self.fix is None else {"fix": self.fix.setting}),
        }

    def completion(self, counts: CountAutomaton) -> CompletionTables:
        """The tables of the formulas with these counts.

        Raises:
            ValueError: such formulas can carry more charge than the tables hold.
        """
        required = torch.tensor([symbol in self.require for symbol in self.elements])
        return CompletionTables.build(self.table, counts, required, pure_elements=self.chemistry == "ionic")

    def _warn_of_elements_without_charge(self) -> None:
        charged = (self.table.cation_charges >= 0).any(1) | (self.table.anion_charges >= 0).any(1)
        idle = [s for s, has in zip(self.table.symbols, charged.tolist(), strict=True) if not has]
        if idle:
            warnings.warn(
                f"no compound of this space can hold {', '.join(idle)}: SMACT has no oxidation state or "
                "electronegativity for it with these settings.",
                stacklevel=4,
            )

    def __str__(self) -> str:
        required = f", require={list(self.require)}" if self.require else ""
        required += f", fix={self.fix.setting!r}" if self.fix else ""
        return (
            f"elements={list(self.elements)}, n_elements={self.n_elements}, n_atoms={self.n_atoms}, "
            f"chemistry={self.chemistry!r}{required}"
        )

    def holds(self, counts: Tensor) -> Tensor:
        """Whether counts, `n x 118`, have no other elements, and not more elements or atoms, `n` booleans."""
        others = torch.ones(counts.shape[1], dtype=torch.bool, device=counts.device)
        others[self.columns.to(counts.device)] = False
        few = (counts > 0).sum(1) <= self.n_elements[1]
        return (counts[:, others] == 0).all(1) & few & (counts.sum(1) <= self.n_atoms[1])

    def objection(self, counts: Tensor, atoms_of: str) -> str | None:
        """Why counts (118) are outside the elements and sizes; None where they are inside.

        Args:
            counts: of one material.
            atoms_of: what the atoms are counted in, for a person.
        """
        from pymatgen.core import Element

        present = {Element.from_Z(int(column) + 1).symbol for column in counts.nonzero()}
        if outside := sorted(present - set(self.elements)):
            return f"{', '.join(outside)} is not among its elements"
        for name, size, (low, high) in (
            ("elements", len(present), self.n_elements),
            (f"atoms in the {atoms_of}", int(counts.sum()), self.n_atoms),
        ):
            if not low <= size <= high:
                return f"it has {size} {name}; allowed are {low} to {high}"
        if missing := sorted(set(self.require) - present):
            return f"it lacks {', '.join(missing)}"
        return None


def checked_range(given: Sequence[int], name: str, most: int | None = None) -> tuple[int, int]:
    """Smallest and largest of a range that a user gave.

    Raises:
        ValueError: no range, or one that asks for more than there is.
    """
    try:
        low, high = (int(bound) for bound in given)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {given!r}; it must be two whole numbers, smallest and largest.") from None
    if not 1 <= low <= high:
        raise ValueError(f"{name} is {given!r}; the smallest must be at least 1 and not above the largest.")
    if most is not None and low > most:
        raise ValueError(f"{name} asks for at least {low}, and there are only {most} elements.")
    return low, (high if most is None else min(high, most))
