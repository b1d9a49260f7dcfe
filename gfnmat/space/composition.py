"""The space of compositions that a user describes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS, Candidates
from gfnmat.space.chemistry import ElementTable, OxidationStates, check_symbols
from gfnmat.space.completion import CompletionTables
from gfnmat.space.counting import reduced_formulas

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from gfnmat.space.composition_env import CompositionEnvironment

CHEMISTRIES = ("ionic", "any")
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
        consensus, commonality: which oxidation states count; see `OxidationStates`.

    Raises:
        ValueError: unknown elements, ranges that are none, or a space in which no formula exists.
    """

    def __init__(
        self,
        elements: Sequence[str],
        n_elements: tuple[int, int] = (2, 3),
        n_atoms: tuple[int, int] = (2, 12),
        chemistry: Literal["ionic", "any"] = "ionic",
        require: Sequence[str] = (),
        forbid: Sequence[str] = (),
        consensus: int = 3,
        commonality: str | float = "low",
    ) -> None:
        if chemistry not in CHEMISTRIES:
            raise ValueError(f"chemistry is {chemistry!r}; it must be one of {', '.join(CHEMISTRIES)}.")
        chosen, required = check_symbols(elements, "elements"), check_symbols(require, "require")
        forbidden = check_symbols(forbid, "forbid")
        if clash := sorted(set(required) & set(forbidden)):
            raise ValueError(f"{', '.join(clash)} both required and forbidden; choose one.")
        if missing := sorted(set(required) - set(chosen)):
            raise ValueError(f"require names {', '.join(missing)}, which elements does not; add it there.")
        kept = tuple(symbol for symbol in chosen if symbol not in forbidden)
        if not kept:
            raise ValueError("no element is left to build from; name at least one in elements.")
        self.n_elements = _checked_range(n_elements, "n_elements", most=len(kept))
        self.n_atoms = _checked_range(n_atoms, "n_atoms")
        self.chemistry = chemistry
        self.require = required
        self.oxidation_states = OxidationStates(consensus, commonality)
        self.table = ElementTable.ionic(kept, self.oxidation_states) if chemistry == "ionic" else ElementTable.any(kept)
        self._warn_of_elements_without_charge()
        self.counts = reduced_formulas(self.n_elements, self.n_atoms)
        required_ones = torch.tensor([symbol in required for symbol in self.table.symbols])
        self.tables = CompletionTables.build(self.table, self.counts, required_ones, pure_elements=chemistry == "ionic")
        if self.tables.is_empty:
            raise ValueError(
                f"no {'neutral ' if chemistry == 'ionic' else ''}composition exists with {self}; "
                "allow more elements or atoms, require fewer elements, or lower `commonality`."
            )

    def __repr__(self) -> str:
        required = f", require={list(self.require)}" if self.require else ""
        return (
            f"CompositionSpace(elements={list(self.table.symbols)}, n_elements={self.n_elements}, "
            f"n_atoms={self.n_atoms}, chemistry={self.chemistry!r}{required})"
        )

    def _warn_of_elements_without_charge(self) -> None:
        charged = (self.table.cation_charges >= 0).any(1) | (self.table.anion_charges >= 0).any(1)
        idle = [s for s, has in zip(self.table.symbols, charged.tolist(), strict=True) if not has]
        if idle:
            warnings.warn(
                f"no compound of this space can hold {', '.join(idle)}: SMACT has no oxidation state or "
                "electronegativity for it with these settings.",
                stacklevel=3,
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that make this space again, as plain values."""
        return {
            "elements": list(self.elements),
            "n_elements": list(self.n_elements),
            "n_atoms": list(self.n_atoms),
            "chemistry": self.chemistry,
            "require": list(self.require),
            "consensus": self.oxidation_states.consensus,
            "commonality": self.oxidation_states.commonality,
        }

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""
        return self.table.symbols

    @cached_property
    def _columns(self) -> Tensor:
        return self.table.numbers - 1

    def environment(self, device: torch.device | str = "cpu", debug: bool = False) -> CompositionEnvironment:
        """The torchgfn environment of this space; `debug` checks every action."""
        from gfnmat.space.composition_env import CompositionEnvironment

        return CompositionEnvironment(self.table, self.counts, self.tables, device=device, debug=debug)

    def decode(self, states: Tensor) -> Candidates:
        """The candidates that finished states (`n x columns`) stand for."""
        counts = torch.zeros(len(states), N_ELEMENTS, dtype=torch.int64, device=states.device)
        counts[:, self._columns.to(states.device)] = states[:, : len(self.elements)]
        return Candidates(counts)

    def sentences(self, candidates: Candidates, environment: CompositionEnvironment) -> Tensor:
        """The actions that write each candidate, `n x length` padded with -1."""
        columns = self._columns.to(candidates.counts.device)
        return environment.sentences(candidates.counts[:, columns].to(environment.device))

    def encode(self, materials: Sequence[str | Composition]) -> Candidates:
        """The candidates for known formulas, whatever their spelling or multiple.

        Raises:
            ValueError: names the first material that the space does not admit, and why.
        """
        candidates = Candidates.of(materials)
        for material, counts in zip(materials, candidates.counts, strict=True):
            self._check_limits(counts, material)
        admitted = self.admits(candidates)
        if not bool(admitted.all()):
            refused = materials[int((~admitted).nonzero()[0])]
            raise ValueError(
                f"{refused} is not in the space: with one oxidation state an element, no neutral choice has every "
                "anion more electronegative than every cation."
            )
        return candidates

    def _check_limits(self, counts: Tensor, material: str | Composition) -> None:
        from pymatgen.core import Element

        present = {Element.from_Z(int(column) + 1).symbol for column in counts.nonzero()}
        if outside := sorted(present - set(self.elements)):
            raise ValueError(f"{material} is not in the space: {', '.join(outside)} is not among its elements.")
        for name, size, (low, high) in (
            ("elements", len(present), self.n_elements),
            ("atoms in the reduced formula", int(counts.sum()), self.n_atoms),
        ):
            if not low <= size <= high:
                raise ValueError(f"{material} is not in the space: it has {size} {name}; allowed are {low} to {high}.")
        if missing := sorted(set(self.require) - present):
            raise ValueError(f"{material} is not in the space: it lacks {', '.join(missing)}.")

    def admits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate is in the space, `n` booleans."""
        environment = self.environment()
        counts = candidates.counts.cpu()
        others = torch.ones(N_ELEMENTS, dtype=torch.bool)
        others[self._columns] = False
        admitted = (counts[:, others] == 0).all(1)
        admitted &= (counts > 0).sum(1).le(self.n_elements[1]) & (counts > 0).any(1)
        admitted &= counts.sum(1) <= self.n_atoms[1]
        sentences = environment.sentences(torch.where(admitted[:, None], counts[:, self._columns], 0))
        states = environment.reset(batch_shape=len(counts))
        for actions in sentences.unbind(1):
            runs = admitted & (actions >= 0)
            allowed = states.forward_masks.gather(1, actions.clamp(min=0)[:, None]).squeeze(1)
            admitted &= allowed | (actions < 0)
            words = torch.where(runs & admitted, actions, environment.n_actions - 1)
            states = environment._step(states, environment.actions_from_tensor(words[:, None]))
        return admitted.to(candidates.counts.device)

    def enumerate(self, limit: int = LARGEST_ENUMERATION) -> Candidates:
        """Every candidate of the space, for one that is small enough.

        Raises:
            ValueError: the space holds more than `limit` candidates.
        """
        environment = self.environment()
        states = environment.s0[None]
        finished: list[Tensor] = []
        n_finished = 0
        while len(states):
            masks = environment.forward_masks(states)
            done = states[masks[:, -1]]
            finished.append(done)
            n_finished += len(done)
            if n_finished > limit or len(states) > 10 * limit:
                raise ValueError(f"the space holds more than {limit} candidates; sample from it instead.")
            rows, actions = masks[:, :-1].nonzero(as_tuple=True)
            batch = environment.states_from_tensor(states[rows])
            states = environment.step(batch, environment.actions_from_tensor(actions[:, None])).tensor
        return self.decode(torch.cat(finished))


def _checked_range(given: Sequence[int], name: str, most: int | None = None) -> tuple[int, int]:
    try:
        low, high = (int(bound) for bound in given)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {given!r}; it must be two whole numbers, smallest and largest.") from None
    if not 1 <= low <= high:
        raise ValueError(f"{name} is {given!r}; the smallest must be at least 1 and not above the largest.")
    if most is not None and low > most:
        raise ValueError(f"{name} asks for at least {low}, and there are only {most} elements.")
    return low, (high if most is None else min(high, most))
