"""Fits a structure network to known crystals: maximum likelihood of each word after the composition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gfnmat.flow.prior.description import CrystalDescription, Described
from gfnmat.flow.prior.likelihood import Average
from gfnmat.flow.prior.structure_network import StructureNetwork
from gfnmat.space.crystal.env import CrystalEnvironment
from gfnmat.space.crystal.state import Phase
from gfnmat.space.sentences import Decisions


@dataclass(frozen=True)
class PhaseTable:
    """The decisions of one phase in known crystals, D of them.

    Attributes:
        phase: which.
        sentence: to which crystal each belongs, `D`.
        described: the states in which they were taken.
        weights: what the grammar prefers of the phase's words, -inf where a word is closed, `D x words`.
        chosen: the word, as a place among those, `D`.
    """

    phase: Phase
    sentence: Tensor
    described: Described
    weights: Tensor
    chosen: Tensor

    @classmethod
    def all_of(cls, environment: CrystalEnvironment, decisions: Decisions) -> tuple[PhaseTable, ...]:
        """The decisions after the composition, phase by phase."""
        description = CrystalDescription(environment.grammar)
        tables = []
        for asked in decisions.asked:
            phase = Phase(asked.question)
            if phase == Phase.COMPOSITION or not len(asked):
                continue
            words = environment.words_of(phase)
            weights = environment.log_weights(asked.states, words).masked_fill(~asked.masks, -torch.inf)
            described = description(asked.states, phase)
            tables.append(cls(phase, asked.sentence, described, weights, asked.actions - words.start))
        return tuple(tables)

    def of(self, crystals: Tensor) -> PhaseTable:
        """The decisions in some of the crystals, `n` booleans."""
        rows = crystals[self.sentence].nonzero().squeeze(-1)
        described = Described(*(part[rows] if len(part) else part for part in self.described))
        return PhaseTable(self.phase, self.sentence[rows], described, self.weights[rows], self.chosen[rows])

    def log_prob(self, network: StructureNetwork | None) -> Tensor:
        """Log-probability of each decision, `D`; by the grammar's preferences alone without a network."""
        weights = self.weights if network is None else self.weights + network(self.described, self.phase)
        return weights.log_softmax(1).gather(1, self.chosen[:, None])[:, 0]


@dataclass(frozen=True)
class HeldOut:
    """What is said of crystals that were not learned from, on average over them.

    Attributes:
        crystals: how many.
        nats: negative log-likelihood of their words after the composition.
        nats_by_grammar: the same by the grammar's own preferences.
        passes: how often the others had been read when it was lowest; 0 where nothing can be learned.
    """

    crystals: int
    nats: float
    nats_by_grammar: float
    passes: int


@dataclass(frozen=True)
class StructureFit:
    """How a structure network is fitted: until crystals that are held out become less likely, then again to all.

    Attributes:
        passes: how often every crystal is read at most.
        patience: passes without a gain after which it stops.
        batch: crystals a step.
        rate: learning rate.
        decay: weight decay.
        memory: of the running average of the weights, which is what is kept.
        held: share of the formulas held out.
        seed: fixes what is held out, the initial weights, the order and what is dropped.
    """

    passes: int = 200
    patience: int = 20
    batch: int = 128
    rate: float = 2e-3
    decay: float = 1.0
    memory: float = 0.98
    held: float = 0.1
    seed: int = 0

    def of(
        self,
        tables: Sequence[PhaseTable],
        formulas: Sequence[str],
        report: Callable[[int, float], None] | None = None,
    ) -> tuple[StructureNetwork, HeldOut]:
        """The fitted network, and how likely it made what was held out from it before it was fitted to all.

        Args:
            tables: the decisions in n crystals.
            formulas: of the crystals, `n`; those of one formula are held out together.
            report: is told, after each pass, how many there were and the nats of what is held out.
        """
        held = held_out(formulas, self.held, self.seed)
        shown = [table.of(held) for table in tables]
        n_held = int(held.sum())
        by_grammar = nats(shown, None, n_held)
        best, best_passes = by_grammar, 0
        for passes, network in enumerate(self._passes([table.of(~held) for table in tables], ~held), 1):
            now = nats(shown, network, n_held)
            if report:
                report(passes, now)
            if now < best:
                best, best_passes = now, passes
            if passes >= min(self.passes, best_passes + self.patience):
                break
        network = StructureNetwork(torch.Generator().manual_seed(self.seed)).eval()
        for passes, fitted in enumerate(self._passes(tables, torch.ones_like(held)), 1):
            if passes > best_passes:
                break
            network = fitted
        return network, HeldOut(n_held, best, by_grammar, best_passes)

    def _passes(self, tables: Sequence[PhaseTable], crystals: Tensor) -> Iterator[StructureNetwork]:
        """The network with averaged weights after each pass over some of the crystals, `n` booleans."""
        generator = torch.Generator().manual_seed(self.seed)
        network = StructureNetwork(generator)
        kept = StructureNetwork(torch.Generator()).eval()
        average = Average(network, self.memory)
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=self.decay, betas=(0.9, 0.98))
        rows = crystals.nonzero().squeeze(-1)
        while True:
            for batch in rows[torch.randperm(len(rows), generator=generator)].split(self.batch):
                read = torch.zeros_like(crystals).index_fill_(0, batch, True)
                loss = -torch.stack([table.of(read).log_prob(network).sum() for table in tables]).sum() / len(batch)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                average.update()
            average.hand_over_to(kept)
            yield kept


def held_out(formulas: Sequence[str], share: float, seed: int) -> Tensor:
    """Which crystals are held out, `n` booleans: all of a share of the formulas, and one formula at least."""
    distinct = sorted(set(formulas))
    order = torch.randperm(len(distinct), generator=torch.Generator().manual_seed(seed))
    held = {distinct[int(place)] for place in order[: max(1, round(share * len(distinct)))]}
    return torch.tensor([formula in held for formula in formulas])


@torch.no_grad()
def nats(tables: Sequence[PhaseTable], network: StructureNetwork | None, n_crystals: int) -> float:
    """Negative log-likelihood of the words after the composition, on average over the crystals."""
    return -float(sum(table.log_prob(network).double().sum() for table in tables)) / max(n_crystals, 1)
