"""A prior over crystals: of formulas, of how many units of them a cell holds, and of structures given these.

It factorises as the grammar does. The last part is what a network, fitted to known structures, adds to the grammar's
own preferences; it sees elements by their properties, so that it is for any of them. Every word's chance is normalised
over the words that the space offers, so that the chances of all crystals of a space sum to one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from gfnmat.flow.prior import files
from gfnmat.flow.prior.cells import CellReading
from gfnmat.flow.prior.description import CrystalDescription
from gfnmat.flow.prior.prior import FormulaPrior
from gfnmat.flow.prior.structure_fit import PhaseTable, StructureFit
from gfnmat.flow.prior.structure_network import StructureNetwork
from gfnmat.space.candidates import Candidates
from gfnmat.space.crystal.env import CrystalEnvironment
from gfnmat.space.crystal.state import Phase
from gfnmat.space.sentences import decisions_in

if TYPE_CHECKING:
    from gfnmat.flow.prior.reading import PriorWords
    from gfnmat.space.crystal.space import CrystalSpace
    from gfnmat.space.environment import GrammarEnvironment

DEFAULT = files.DATA / "default_crystals.pt"
KIND = "crystals"
FEWEST_CRYSTALS = 20
MOST_UNITS = 16  # formula units in a primitive cell


class CrystalPrior:
    """A distribution over the crystals of any space.

    Args:
        structures: fitted; its weights do not change any more.
        log_units: log chance of 1, 2, ... formula units in a primitive cell.
        formulas: of their elements; None weighs all formulas as the space's sentences do.
        provenance: what it was fitted to and how, for a person.
    """

    def __init__(
        self,
        structures: StructureNetwork,
        log_units: Tensor,
        formulas: FormulaPrior | None,
        provenance: dict[str, Any],
    ) -> None:
        self.structures, self.log_units, self.formulas = structures.eval(), log_units, formulas
        self.provenance = provenance

    @cached_property
    def fingerprint(self) -> str:
        """Tells priors apart: a hash of the weights."""
        digest = hashlib.sha256((self.formulas.fingerprint if self.formulas else "").encode())
        for name, value in sorted({**self.structures.state_dict(), "log_units": self.log_units}.items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def reading(self, environment: GrammarEnvironment) -> PriorWords:
        """The prior in the words of a space; of a space of compositions, that of its formulas.

        Raises:
            ValueError: the space has elements that the prior does not know, or is of compositions and the prior says
                nothing of formulas.
        """
        if isinstance(environment, CrystalEnvironment):
            cells = None
            if self.formulas is not None:
                cells = CellReading(self.formulas, environment.grammar.composition, self.log_units)
            return CrystalReading(environment, cells, self.structures)
        if self.formulas is None:
            raise ValueError(
                "this prior is of structures alone, and the space is not one of crystals; give a prior of formulas."
            )
        return self.formulas.reading(environment)

    def to(self, device: torch.device) -> CrystalPrior:
        """This prior if it is on the device, or else a copy there."""
        if self.log_units.device == device:
            return self
        weights = {name: value.to(device) for name, value in self.structures.state_dict().items()}
        network = _network_of(weights, self.structures.sizes, device)
        formulas = None if self.formulas is None else self.formulas.to(device)
        return CrystalPrior(network, self.log_units.to(device), formulas, self.provenance)

    def save(self, path: str | Path) -> None:
        """Writes plain tensors and values; the formulas of the package's own prior are not written again."""
        formulas: dict[str, Any] | Literal["default"] | None = None
        if self.formulas is not None:
            is_default = self.formulas.fingerprint == FormulaPrior.load("default").fingerprint
            formulas = "default" if is_default else self.formulas.kept
        kept = {
            "kind": KIND,
            "network": self.structures.sizes,
            "weights": files.halved(self.structures.state_dict()),
            "log_units": self.log_units,
            "formulas": formulas,
            "provenance": self.provenance,
        }
        files.write(kept, path)

    @classmethod
    def train(
        cls,
        crystals: Candidates,
        formulas: FormulaPrior | None,
        fit: StructureFit | None = None,
        provenance: dict[str, Any] | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> CrystalPrior:
        """Fits a prior to known crystals by maximum likelihood.

        Args:
            crystals: each counts once, however often it is there.
            formulas: a prior of formulas, which is taken as it is.
            fit: how.
            provenance: what the crystals are, for a person.
            progress: is told, after each pass, how many there were and the nats of a crystal that is held out.

        Raises:
            ValueError: there are fewer than `FEWEST_CRYSTALS`.
        """
        fit = fit or StructureFit()
        known = crystals.distinct()
        if len(known) < FEWEST_CRYSTALS:
            raise ValueError(f"there are {len(known)} distinct crystals; {FEWEST_CRYSTALS} at least are needed.")
        space = space_of(known)
        environment = space.environment()
        decisions, inside = decisions_in(space, environment, known)
        if not bool(inside.all()):
            raise ValueError(f"{known.keys[int((~inside).nonzero()[0])]} is no sentence of the grammar.")
        network, held = fit.of(PhaseTable.all_of(environment, decisions), known.formulas, progress)
        found = {**(provenance or {}), "crystals": len(known), "seed": fit.seed, "held_out": asdict(held)}
        return cls(network, log_chance_of_units(known), formulas, found)

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> CrystalPrior:
        """The prior of a file; `default` is the one that comes with the package.

        Raises:
            ValueError: there is no such file, or it is not a prior of crystals.
        """
        kept = files.read(DEFAULT if str(path) == "default" else path, device)
        if kept.get("kind") != KIND:
            raise ValueError(f"{path} is a prior of formulas, and not of crystals.")
        formulas = kept["formulas"]
        if formulas is not None:
            is_default = formulas == "default"
            formulas = FormulaPrior.load("default", device) if is_default else FormulaPrior.of_kept(formulas)
        network = _network_of(files.restored(kept["weights"]), kept["network"], device)
        return cls(network, kept["log_units"], formulas, kept["provenance"])


class CrystalReading:
    """What is known of crystals, in the words of a space, beyond what its grammar prefers.

    Args:
        environment: of the space.
        cells: of what is in a cell; None says nothing of it.
        structures: of structures; None says nothing of them.
    """

    def __init__(
        self, environment: CrystalEnvironment, cells: CellReading | None, structures: StructureNetwork | None
    ) -> None:
        self.environment, self.cells, self.structures = environment, cells, structures
        self.description = CrystalDescription(environment.grammar)

    @torch.no_grad()
    def __call__(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """Log weights of some words in states `n x columns`, `n x words`; not masked, 0 where it says nothing."""
        every = range(self.environment.n_actions)[words]
        weights = torch.zeros(len(state), len(every), device=state.device)
        for question, rows in self.environment.by_question(state):
            of_phase = self.environment.words_of(question)
            begin, end = max(of_phase.start, every.start), min(of_phase.stop, every.stop)
            said = self._of_phase(state[rows], Phase(question))
            if said is not None and begin < end:
                here = said[:, begin - of_phase.start : end - of_phase.start]
                weights[rows, begin - every.start : end - every.start] = here
        return weights

    def _of_phase(self, state: Tensor, phase: Phase) -> Tensor | None:
        """The words of one phase, `n x words`."""
        if phase == Phase.COMPOSITION:
            width = self.environment.grammar.composition.s0.shape[0]
            return None if self.cells is None else self.cells(state[:, :width])
        if phase == Phase.DONE or self.structures is None:
            return None
        return self.structures(self.description(state, phase), phase)

    def log_prob(self, finished: Tensor) -> None:
        """None: crystals are weighed word by word."""


def space_of(crystals: Candidates) -> CrystalSpace:
    """A space of any chemistry that holds known crystals."""
    from gfnmat.space.crystal.space import CrystalSpace

    counts = crystals.counts
    symbols = Candidates((counts > 0).any(0)[None].long()).compositions[0]
    kinds = int((counts > 0).sum(1).max())
    elements = [element.symbol for element in symbols]
    return CrystalSpace(elements, n_elements=(1, kinds), n_atoms=(1, int(counts.sum(1).max())), chemistry="any")


def log_chance_of_units(crystals: Candidates) -> Tensor:
    """Log chance of 1 to `MOST_UNITS` formula units in a cell, as counted; what is rare falls as 1 / units^2."""
    units = torch.tensor([gcd(*row) for row in crystals.counts.tolist()])
    counted = torch.bincount(units, minlength=MOST_UNITS + 1)[1 : MOST_UNITS + 1]
    counted = counted + 1 / torch.arange(1, MOST_UNITS + 1).square()
    return (counted / counted.sum()).log()


def _network_of(weights: dict[str, Tensor], sizes: dict[str, Any], device: torch.device | str) -> StructureNetwork:
    """The network with these weights on a device; what it begins with is drawn, and not used."""
    network = StructureNetwork(torch.Generator(), **sizes).to(device)
    network.load_state_dict(weights)
    return network
