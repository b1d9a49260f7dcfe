"""A prior over compositions: fitted to known formulas, kept in a file, and read in the words of any space."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gfnmat.flow.prior import files
from gfnmat.flow.prior.likelihood import Fit, SentenceTable
from gfnmat.flow.prior.network import FormulaNetwork, Reading, element_properties
from gfnmat.flow.prior.substitution import likeness, substituted
from gfnmat.space.candidates import N_ELEMENTS, Candidates

if TYPE_CHECKING:
    from gfnmat.flow.prior.reading import PriorWords
    from gfnmat.space.composition.env import CompositionEnvironment
    from gfnmat.space.composition.space import CompositionSpace
    from gfnmat.space.environment import GrammarEnvironment

DEFAULT = files.DATA / "default.pt"
FEWEST_FORMULAS = 100
SUBSTITUTED = 6  # formulas made of each known one, to learn beside them
WIDTH, EMBEDDING = 384, 64
LEAST = -60.0  # log-probability of a formula beyond the sizes of a prior, to a sampler


@dataclass(frozen=True)
class Sizes:
    """The formulas that a prior is fitted to, all up to a largest number.

    Attributes:
        elements: in a formula.
        atoms: in a reduced formula.
        count: of one element.
    """

    elements: int = 7
    atoms: int = 40
    count: int = 24

    def hold(self, counts: Tensor) -> Tensor:
        """Which formulas, `n x 118`, are not larger, `n` booleans."""
        few = ((counts > 0).sum(1) <= self.elements) & (counts.amax(1) <= self.count)
        return few & (counts.sum(1) <= self.atoms)


class FormulaPrior:
    """A distribution over formulas in any chemistry, exact for each.

    Args:
        network: fitted; its weights do not change any more.
        sizes: of the formulas it was fitted to.
        provenance: what it was fitted to and how, for a person.
    """

    def __init__(self, network: FormulaNetwork, sizes: Sizes, provenance: dict[str, Any]) -> None:
        self.network, self.sizes, self.provenance = network.eval(), sizes, provenance

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that it knows, in the order of the grammar."""
        from pymatgen.core import Element

        return tuple(Element.from_Z(int(number)).symbol for number in self.network.numbers)

    @cached_property
    def space(self) -> CompositionSpace:
        """Its own space: every formula of its elements and sizes."""
        return _space(self.elements, self.sizes)

    @cached_property
    def fingerprint(self) -> str:
        """Tells priors apart: a hash of the weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def check_knows(self, numbers: Tensor) -> None:
        """Makes sure that it knows elements by atomic number, `E`.

        Raises:
            ValueError: names those that it does not know.
        """
        from pymatgen.core import Element

        unknown = sorted(set(numbers.tolist()) - set(self.network.numbers.tolist()))
        if unknown:
            names = ", ".join(Element.from_Z(number).symbol for number in unknown)
            raise ValueError(
                f"the prior knows nothing of {names}; leave these elements out, take no prior, or train one on a table "
                "that holds them (`gfnmat prior train`)."
            )

    def reading(self, environment: GrammarEnvironment) -> PriorWords:
        """The prior in the words of a space; of crystals it says what is in a cell, with any number of units alike.

        Raises:
            ValueError: the space has elements that the prior does not know.
        """
        from gfnmat.flow.prior.cells import CellReading
        from gfnmat.flow.prior.crystal_prior import CrystalReading
        from gfnmat.space.composition.env import CompositionEnvironment
        from gfnmat.space.crystal.env import CrystalEnvironment

        if isinstance(environment, CrystalEnvironment):
            composition = environment.grammar.composition
            cells = CellReading(self, composition, torch.zeros(composition.max_atoms))
            return CrystalReading(environment, cells, structures=None)
        if not isinstance(environment, CompositionEnvironment):
            raise ValueError(
                "a prior is for a space of compositions or of crystals; in a table of formulas, take none."
            )
        return PriorReading(self, environment)

    @torch.no_grad()
    def log_prob(self, counts: Tensor) -> Tensor:
        """The log-probability of reduced formulas, `n x 118`, `n`; -inf beyond its sizes and elements.

        Raises:
            ValueError: a formula is empty, or has a common divisor.
        """
        device = self.network.numbers.device
        environment = self.space.environment(device=device)
        reading = Reading(self.network, environment)
        columns = self.space.ingredients.columns
        others = torch.ones(N_ELEMENTS, dtype=torch.bool)
        others[columns] = False
        inside = self.sizes.hold(counts) & (counts[:, others.to(counts.device)] == 0).all(1)
        found = torch.full((len(counts),), -torch.inf, device=counts.device)
        rows = inside.nonzero().squeeze(-1)
        if len(rows):
            table = SentenceTable.of(reading, counts[rows][:, columns.to(counts.device)].to(device))
            found[rows] = table.log_probs().to(found)
        return found

    def sample(self, n: int, seed: int = 0, temperature: float = 1.0, batch_size: int = 4096) -> Candidates:
        """Draws n formulas, with repetition.

        Args:
            n: how many.
            seed: fixes the draws.
            temperature: below 1 prefers what is likely, word by word.
            batch_size: formulas written at a time.
        """
        reading = Reading(self.network, self.space.environment(device=self.network.numbers.device))
        generator = torch.Generator(device=reading.environment.device).manual_seed(seed)
        counts = torch.zeros(n, N_ELEMENTS, dtype=torch.int64)
        for start in range(0, n, batch_size):
            drawn = reading.drawn(min(batch_size, n - start), generator, temperature).cpu()
            counts[start : start + len(drawn), self.space.ingredients.columns] = drawn
        return Candidates(counts)

    @property
    def kept(self) -> dict[str, Any]:
        """What a file keeps of it; weights are float16."""
        return {
            "network": self.network.sizes,
            "sizes": asdict(self.sizes),
            "provenance": self.provenance,
            "weights": files.halved(self.network.state_dict()),
        }

    @classmethod
    def of_kept(cls, kept: dict[str, Any]) -> FormulaPrior:
        """What `kept` gave."""
        network = _network_of(files.restored(kept["weights"]), kept["network"])
        return cls(network, Sizes(**kept["sizes"]), kept["provenance"])

    def save(self, path: str | Path) -> None:
        """Writes plain tensors and values into a file, in a folder that is made if need be."""
        files.write(self.kept, path)

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> FormulaPrior:
        """The prior of a file; `default` is the one that comes with the package.

        Raises:
            ValueError: there is no such file, or it is not a prior of formulas.
        """
        kept = files.read(DEFAULT if str(path) == "default" else path, device)
        if "sizes" not in kept:
            raise ValueError(f"{path} is a prior of crystals, and not of formulas alone.")
        return cls.of_kept(kept)

    def to(self, device: torch.device) -> FormulaPrior:
        """This prior if it is on the device, or else a copy there."""
        if self.network.numbers.device == device:
            return self
        weights = {name: value.to(device) for name, value in self.network.state_dict().items()}
        return FormulaPrior(_network_of(weights, self.network.sizes), self.sizes, self.provenance)

    @classmethod
    def train(
        cls,
        formulas: Candidates,
        sizes: Sizes | None = None,
        fit: Fit | None = None,
        provenance: dict[str, Any] | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> FormulaPrior:
        """Fits a prior to known formulas by maximum likelihood.

        Args:
            formulas: each counts once, however often it is there; those beyond `sizes` are left out.
            sizes: largest formulas to learn.
            fit: how.
            provenance: what the formulas are, for a person.
            progress: is told, after each pass, how many there were and the nats a formula in it.

        Raises:
            ValueError: fewer than `FEWEST_FORMULAS` are left.
        """
        sizes, fit = sizes or Sizes(), fit or Fit()
        known = formulas.distinct()
        counts = known.counts[sizes.hold(known.counts)]
        if len(counts) < FEWEST_FORMULAS:
            raise ValueError(
                f"the table holds {len(counts)} distinct formulas within {sizes}; {FEWEST_FORMULAS} at least "
                "are needed."
            )
        prior = cls(_untrained(counts, sizes, fit.seed), sizes, {**(provenance or {}), "formulas": len(counts)})
        reading = Reading(prior.network, prior.space.environment())
        columns = prior.space.ingredients.columns
        generator = torch.Generator().manual_seed(fit.seed)
        alike = likeness(counts)
        rounds = range(SUBSTITUTED) if fit.beside else ()
        more = torch.cat([counts[:0], *(substituted(counts, alike, generator) for _ in rounds)])
        beside = SentenceTable.of(reading, more[:, columns]) if len(more) else None
        fit.of(SentenceTable.of(reading, counts[:, columns]), beside, progress)
        prior.provenance |= {"passes": fit.passes, "seed": fit.seed, "beside": fit.beside}
        return prior


class PriorReading(Reading):
    """What a prior says of the next word in a space, as logits that are not masked.

    Args:
        prior: knows the elements of the space.
        environment: of the space.

    Raises:
        ValueError: it does not know one of them.
    """

    def __init__(self, prior: FormulaPrior, environment: CompositionEnvironment) -> None:
        prior.check_knows(environment.numbers)
        super().__init__(prior.network, environment)
        self.prior = prior
        with torch.no_grad():
            self.tables = prior.network.first_layer()

    @torch.no_grad()
    def __call__(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """Logits of some of the environment's actions for states `n x columns`, `n x words`."""
        return self.logits(state, self.tables)[:, words]

    @torch.no_grad()
    def log_prob(self, finished: Tensor) -> Tensor:
        """The prior's log-probability of finished formulas, `n`, however narrow the space is; `LEAST` at least.

        Args:
            finished: states at the end, `n x columns`.
        """
        counts = torch.zeros(len(finished), N_ELEMENTS, dtype=torch.int64, device=finished.device)
        columns = (self.environment.numbers - 1).to(finished.device)
        counts[:, columns] = finished[:, : self.environment.n_elements]
        return self.prior.log_prob(counts).clamp(min=LEAST)


def _untrained(counts: Tensor, sizes: Sizes, seed: int) -> FormulaNetwork:
    from pymatgen.core import Element

    present = (counts > 0).any(0).nonzero().squeeze(-1) + 1
    space = _space([Element.from_Z(int(number)).symbol for number in present], sizes)
    numbers = space.ingredients.table.numbers
    return FormulaNetwork(
        numbers,
        element_properties(numbers),
        torch.Generator().manual_seed(seed),
        largest_count=sizes.count,
        largest_elements=sizes.elements,
        largest_atoms=sizes.atoms,
        width=WIDTH,
        embedding=EMBEDDING,
    )


def _network_of(weights: dict[str, Tensor], sizes: dict[str, Any]) -> FormulaNetwork:
    """The network with these weights, where they are; what it begins with is drawn, and not used."""
    numbers, properties = weights["numbers"], weights["properties"]
    network = FormulaNetwork(
        torch.zeros(numbers.shape, dtype=numbers.dtype), torch.zeros(properties.shape), torch.Generator(), **sizes
    )
    network = network.to(numbers.device)
    network.load_state_dict(weights)
    return network


def _space(elements: tuple[str, ...] | list[str], sizes: Sizes) -> CompositionSpace:
    from gfnmat.space.composition.space import CompositionSpace

    return CompositionSpace(elements, n_elements=(1, sizes.elements), n_atoms=(1, sizes.atoms), chemistry="any")
