"""The space of compositions that a user describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.composition.counting import reduced_formulas
from gfnmat.space.composition.ingredients import Ingredients
from gfnmat.space.sentences import admitted, enumerated

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from gfnmat.space.composition.env import CompositionEnvironment

LARGEST_ENUMERATION = 2_000_000


class CompositionSpace:
    """Reduced formulas over given elements, valid by construction; each is one sentence of the grammar.

    In `ionic` chemistry a formula is in the space exactly if `smact.screening.smact_validity` passes it with
    `include_alloys=False, check_metallicity=False, mixed_valence=False` and
    `ICSD24FilterConfig(consensus=consensus, commonality=commonality)`: a neutral choice of oxidation states exists
    in which every anion is more electronegative than every cation. A lone element (where `n_elements` admits one)
    is neutral as it stands. `any` turns the rule off, for intermetallics.

    Args:
        elements: symbols of the elements to build from.
        n_elements: smallest and largest number of elements in a formula.
        n_atoms: smallest and largest number of atoms in a reduced formula.
        chemistry: `ionic` or `any`.
        require: elements that every formula has.
        forbid: elements taken out of `elements` again.
        fix: the part of the formula that is given: a formula with blanks, `LiCo?O2` (see `Blanks`), or a host to dope,
            `{host: SrTiO3, replace: Ti, by: [Nb, Ta], up_to: 0.1}`. It decides the number of elements, and of atoms
            where it says all of them; what it names need not be among `elements`, which are all common ones where
            blanks are to be filled and none is named (see `known_elements`).
        consensus, commonality: which oxidation states count; see `OxidationStates`.

    Raises:
        ValueError: unknown elements, ranges that are none, or a space in which no formula exists.
    """

    kind: ClassVar[str] = "composition"

    def __init__(
        self,
        elements: Sequence[str] = (),
        n_elements: tuple[int, int] = (2, 3),
        n_atoms: tuple[int, int] = (2, 12),
        chemistry: Literal["ionic", "any"] = "ionic",
        require: Sequence[str] = (),
        forbid: Sequence[str] = (),
        consensus: int = 3,
        commonality: str | float = "low",
        fix: str | Mapping[str, Any] | None = None,
    ) -> None:
        self.ingredients = ingredients = Ingredients.checked(
            elements, n_elements, n_atoms, chemistry, require, forbid, consensus, commonality, fix
        )
        if ingredients.fix is None:
            self.counts = reduced_formulas(ingredients.n_elements, ingredients.n_atoms)
        else:
            self.counts = ingredients.fix.automaton(ingredients.elements, ingredients.n_atoms)
        self.tables = self.ingredients.completion(self.counts)
        if self.tables.is_empty:
            neutral = "neutral " if chemistry == "ionic" else ""
            if ingredients.fix is not None:
                raise ValueError(
                    f"no {neutral}composition completes {ingredients.fix.setting} with {self}; offer other elements, "
                    "lower `commonality`, or take chemistry='any'."
                )
            raise ValueError(
                f"no {neutral}composition exists with {self}; "
                "allow more elements or atoms, require fewer elements, or lower `commonality`."
            )

    def __repr__(self) -> str:
        return f"CompositionSpace({self.ingredients})"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that make this space again, as plain values."""
        return self.ingredients.settings

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""
        return self.ingredients.elements

    def environment(self, device: torch.device | str = "cpu", debug: bool = False) -> CompositionEnvironment:
        """The torchgfn environment of this space; `debug` checks every action."""
        from gfnmat.space.composition.env import CompositionEnvironment

        return CompositionEnvironment(self.ingredients.table, self.counts, self.tables, device=device, debug=debug)

    def decode(self, states: Tensor) -> Candidates:
        """The candidates that finished states (`n x columns`) stand for."""
        counts = torch.zeros(len(states), N_ELEMENTS, dtype=torch.int64, device=states.device)
        counts[:, self.ingredients.columns.to(states.device)] = states[:, : len(self.elements)]
        return Candidates(counts)

    def sentences(self, candidates: Candidates, environment: CompositionEnvironment) -> Tensor:
        """The actions that write each candidate, `n x length` padded with -1."""
        columns = self.ingredients.columns.to(candidates.counts.device)
        return environment.sentences(candidates.counts[:, columns].to(environment.device))

    def encode(self, materials: Sequence[str | Composition]) -> Candidates:
        """The candidates for known formulas, whatever their spelling or multiple.

        Raises:
            ValueError: names the first material that the space does not admit, and why.
        """
        candidates = Candidates.of(materials)
        for material, counts in zip(materials, candidates.counts, strict=True):
            if reason := self.ingredients.objection(counts, atoms_of="reduced formula"):
                raise ValueError(f"{material} is not in the space: {reason}.")
        inside = self.admits(candidates)
        if not bool(inside.all()):
            refused = materials[int((~inside).nonzero()[0])]
            if self.ingredients.chemistry == "any" or self.ingredients.fix is not None:
                given = "the counts" if self.ingredients.fix is None else self.ingredients.fix.setting
                raise ValueError(f"{refused} is not in the space: it does not complete {given} as the space admits.")
            raise ValueError(
                f"{refused} is not in the space: with one oxidation state an element, no neutral choice has every "
                "anion more electronegative than every cation."
            )
        return candidates

    def fits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate has the elements and sizes of the space, so that it has a sentence, `n` booleans."""
        some = (candidates.counts > 0).any(1)
        return self.ingredients.holds(candidates.counts) & some & (candidates.crystals is None)

    def admits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate is in the space, `n` booleans."""
        return admitted(self, candidates)

    def neighbours(self, candidates: Candidates) -> Candidates:
        """None: a formula has no numbers that could be a little different."""
        return candidates[:0]

    def enumerate(self, limit: int = LARGEST_ENUMERATION) -> Candidates:
        """Every candidate of the space, for one that is small enough.

        Raises:
            ValueError: the space holds more than `limit` candidates.
        """
        return self.decode(enumerated(self.environment(), limit))
