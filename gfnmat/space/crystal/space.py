"""The space of crystals that a user describes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.composition.counting import CountAutomaton, Tally, cell_contents, multiples_of
from gfnmat.space.composition.ingredients import Ingredients
from gfnmat.space.crystal.state import Columns, Words
from gfnmat.space.crystal.tables import CrystalTables
from gfnmat.space.crystal.templates import (
    STAND_INS,
    Templates,
    assignments,
    at_prediction,
    plain,
    prototype_structure,
    tally_of,
    templates_of,
)
from gfnmat.space.sentences import admitted, enumerated
from gfnmat.space.structure.cell import VOLUME_BINS
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.neighbours import neighbours
from gfnmat.space.structure.symmetry import groups_offered, listed
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from gfnmat.space.crystal.env import CrystalEnvironment

LARGEST_ENUMERATION = 200_000


class CrystalSpace:
    """Complete crystals: composition, space group, Wyckoff sites, cell and coordinates; each is one sentence.

    A space group is offered only if its positions can hold the atoms, a letter only if the rest can still be placed,
    and a bin of cell or coordinate only if it leaves room for the atoms (or is the roomiest, where none does). Every
    sentence decodes to a structure.

    Args:
        elements: symbols of the elements to build from.
        n_elements: smallest and largest number of elements in a crystal.
        n_atoms: smallest and largest number of atoms in the primitive cell.
        chemistry, require, forbid, consensus, commonality: see `CompositionSpace`.
        formula: build crystals of this formula alone (crystal structure prediction): its elements, with as many formula
            units in the primitive cell as `n_atoms` admits. Takes the place of `elements`.
        space_groups: numbers or symbols of the space groups offered; empty for all.
        crystal_systems, point_groups, centrings: the same by crystal system, point group and centring letter.
        prototype: build crystals of this prototype alone, in which only the elements and the volume vary: a name of the
            library in `oracles.potential.prototypes`, a file, or a structure. It gives `n_elements` and `n_atoms`.

    Raises:
        ValueError: what `CompositionSpace` and `groups_offered` refuse, a formula that is none, or a space in which no
            crystal exists.
    """

    kind: ClassVar[str] = "crystal"

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
        formula: str | None = None,
        space_groups: Sequence[int | str] | int | str = (),
        crystal_systems: Sequence[str] | str = (),
        point_groups: Sequence[str] | str = (),
        centrings: Sequence[str] | str = (),
        prototype: str | Path | Structure | dict[str, Any] | None = None,
    ) -> None:
        self.prototype = None if prototype is None else prototype_structure(prototype)
        if self.prototype is not None:
            tally = tally_of(self.prototype)
            n_elements, n_atoms = (len(tally), len(tally)), (sum(tally), sum(tally))
        amounts = None if formula is None else _amounts(formula, elements, require)
        if amounts is not None:
            elements, n_elements, require = tuple(amounts), (len(amounts), len(amounts)), tuple(amounts)
        if amounts is not None and self.prototype is not None:
            raise ValueError("formula and prototype exclude each other; give one of them.")
        self.ingredients = Ingredients.checked(
            elements, n_elements, n_atoms, chemistry, require, forbid, consensus, commonality
        )
        self.formula = formula
        self.groups = groups_offered(space_groups, crystal_systems, point_groups, centrings)
        self.symmetry: dict[str, list[int | str]] = {
            "space_groups": listed(space_groups),
            "crystal_systems": listed(crystal_systems),
            "point_groups": listed(point_groups),
            "centrings": listed(centrings),
        }
        self.crystal_tables = CrystalTables.build(self.ingredients.n_atoms[1], self.ingredients.n_elements[1])
        self.templates = None if self.prototype is None else self._templates(self.prototype)
        self.counts = self._counts(amounts)
        self.tables = self.ingredients.completion(self.counts)
        if self.tables.is_empty:
            raise ValueError(f"no crystal exists with {self}; {self._remedy}.")

    def _counts(self, amounts: dict[str, int] | None) -> CountAutomaton:
        limits = self.ingredients.n_atoms
        if amounts is None:
            return cell_contents(self.ingredients.n_elements, limits, self._fits)
        return multiples_of([amounts[symbol] for symbol in self.elements], limits, self._fits)

    def _templates(self, prototype: Structure) -> Templates:
        """The ways in which elements can take the places of the prototype's."""
        n_atoms, n_elements = self.ingredients.n_atoms, self.ingredients.n_elements
        stand_ins = STAND_INS[: n_elements[1]]
        open_space = CrystalSpace(elements=stand_ins, n_elements=n_elements, n_atoms=n_atoms, chemistry="any")
        try:
            candidates = open_space.encode([at_prediction(structure) for structure in assignments(prototype)])
        except ValueError as error:
            name = prototype.composition.reduced_formula
            raise ValueError(f"prototype: {name} cannot be written ({error}); give another structure.") from None
        environment = open_space.environment()
        assert candidates.crystals is not None
        group = int(candidates.crystals.group[0])
        if not bool(self.groups[group - 1]):
            raise ValueError(
                f"prototype: its space group is {group}, which space_groups, crystal_systems, point_groups or "
                "centrings rule out; leave these away."
            )
        theirs, own = environment.grammar.words, Words.after(len(self.elements) + n_atoms[1] + 1)
        counts = candidates.counts[:, open_space.ingredients.columns].tolist()
        sentences = open_space.sentences(candidates, environment).tolist()
        found = []
        for amounts, words in zip(counts, sentences, strict=True):
            after = [word - theirs.group + own.group for word in words if theirs.group <= word < theirs.n_actions - 1]
            is_volume = range(own.volume, own.volume + VOLUME_BINS)
            found.append((tuple(amounts), tuple(-1 if word in is_volume else word for word in after)))
        return templates_of(found)

    def _fits(self, tally: Tally) -> bool:
        if self.prototype is not None and tally != tally_of(self.prototype):
            return False
        return bool((self.crystal_tables.placement.groups_that_hold(tally) & self.groups).any())

    @property
    def _remedy(self) -> str:
        if self.prototype is not None:
            return (
                f"with {self.prototype.composition.reduced_formula} as the prototype, no choice of elements is neutral"
            )
        if self.formula is not None:
            return "check that it is neutral, and that n_atoms and the space groups admit whole multiples of it"
        return "allow more elements, atoms or space groups, require fewer elements, or lower `commonality`"

    def __repr__(self) -> str:
        symmetry = "".join(f", {name}={words}" for name, words in self.symmetry.items() if words)
        formula = "" if self.formula is None else f", formula={self.formula!r}"
        prototype = "" if self.prototype is None else f", prototype={self.prototype.composition.reduced_formula}"
        return f"CrystalSpace({self.ingredients}{formula}{prototype}{symmetry})"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that make this space again, as plain values."""
        prototype = None if self.prototype is None else plain(self.prototype)
        settings = {**self.ingredients.settings, **self.symmetry, "formula": self.formula, "prototype": prototype}
        if self.formula is not None:
            settings.update(elements=[], require=[])
        return settings

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""
        return self.ingredients.elements

    def environment(self, device: torch.device | str = "cpu", debug: bool = False) -> CrystalEnvironment:
        """The torchgfn environment of this space; `debug` checks every action."""
        from gfnmat.space.composition.env import CompositionEnvironment
        from gfnmat.space.crystal.env import CrystalEnvironment
        from gfnmat.space.crystal.grammar import CrystalGrammar

        composition = CompositionEnvironment(self.ingredients.table, self.counts, self.tables, device=device)
        grammar = CrystalGrammar(composition, self.crystal_tables, self.groups, self.templates)
        return CrystalEnvironment(grammar, debug=debug)

    def decode(self, states: Tensor) -> Candidates:
        """The candidates that finished states (`n x columns`) stand for."""
        c = Columns.of(len(self.elements), self.counts)
        wyckoff = load_wyckoff_tables()
        position = states[:, c.POSITION]
        exists = torch.arange(position.shape[1], device=states.device) < states[:, c.N_SITES, None]
        first = wyckoff.first.to(states.device)[states[:, c.GROUP] - 1]
        numbers = self.ingredients.table.numbers.to(states.device)
        coordinates = states[:, c.COORDINATES].unflatten(1, (-1, 3))
        crystals = Crystals(
            group=states[:, c.GROUP],
            shape=states[:, c.SHAPE],
            volume=states[:, c.VOLUME],
            number=torch.where(exists, numbers[states[:, c.OWNER]], 0),
            letter=torch.where(exists, position - first[:, None], 0),
            bins=torch.where(coordinates > 0, coordinates // 2, -1),
        )
        return Candidates.of_crystals(crystals)

    def sentences(self, candidates: Candidates, environment: CrystalEnvironment) -> Tensor:
        """The actions that write each candidate, `n x length` padded with -1."""
        assert candidates.crystals is not None
        crystals = candidates.crystals.to(environment.device)
        columns = self.ingredients.columns.to(environment.device)
        grammar = environment.grammar
        formulas = grammar.composition.sentences(crystals.counts[:, columns])
        asked = grammar.tables.asked[crystals.position]  # n x S x 3
        bins = crystals.bins.gather(2, asked.clamp(min=0))
        parts = [
            formulas,
            crystals.group[:, None] - 1 + grammar.words.group,
            torch.where(crystals.exists, crystals.letter + grammar.words.letter, -1),
            torch.where(crystals.shape >= 0, crystals.shape + torch.tensor(grammar.words.shape).to(columns), -1),
            torch.where(crystals.exists[..., None] & (asked >= 0), bins + grammar.words.coordinate, -1).flatten(1),
            crystals.volume[:, None] + grammar.words.volume,
            torch.full_like(crystals.group, environment.n_actions - 1)[:, None],
        ]
        words = torch.cat(parts, dim=1)
        order = (words < 0).long().argsort(dim=1, stable=True)
        length = int((words >= 0).sum(1).max()) if len(words) else 1
        return words.gather(1, order)[:, :length]

    def encode(self, materials: Sequence[Structure]) -> Candidates:
        """The candidates for known structures, in whatever setting they are given.

        Raises:
            ValueError: names the first structure that the space does not admit, and why.
        """
        from gfnmat.space.encoding.encoder import encoded

        return encoded(self, materials)

    def fits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate has elements, their order and sizes of the space, so that it has a sentence."""
        counts, columns = candidates.counts, self.ingredients.columns.to(candidates.counts.device)
        fits = self.ingredients.holds(counts)
        if candidates.crystals is None:
            return torch.zeros_like(fits)
        place = torch.zeros(N_ELEMENTS + 1, dtype=torch.int64, device=counts.device)
        place[columns + 1] = torch.arange(len(columns), device=counts.device)
        places = torch.where(candidates.crystals.exists, place[candidates.crystals.number], len(columns))
        return fits & (places.diff(dim=1) >= 0).all(1)

    def admits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate is in the space, `n` booleans."""
        return admitted(self, candidates)

    def neighbours(self, candidates: Candidates) -> Candidates:
        """Crystals of the space that differ from one of the candidates by one bin of cell or coordinates, once each."""
        if candidates.crystals is None or not len(candidates):
            return candidates[:0]
        near = Candidates.of_crystals(neighbours(candidates.crystals)).distinct()
        return near[self.admits(near)]

    def enumerate(self, limit: int = LARGEST_ENUMERATION) -> Candidates:
        """Every candidate of the space, for one that is small enough.

        Raises:
            ValueError: the space holds more than `limit` candidates.
        """
        return self.decode(enumerated(self.environment(), limit))


def _amounts(formula: str, elements: Sequence[str], require: Sequence[str]) -> dict[str, int]:
    """Atoms of each element in the reduced formula that a user gave.

    Raises:
        ValueError: no formula, or one beside elements that it does not name.
    """
    from pymatgen.core import Element

    counts = Candidates.of([formula]).counts[0]
    amounts = {Element.from_Z(int(column) + 1).symbol: int(counts[column]) for column in counts.nonzero().squeeze(-1)}
    if foreign := sorted((set(elements) | set(require)) - set(amounts)):
        raise ValueError(
            f"formula is {formula}, and elements or require name {', '.join(foreign)} besides; leave them out, "
            "or leave out the formula."
        )
    return amounts
