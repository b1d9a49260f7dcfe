"""The torchgfn environment that writes a crystal as a sentence: composition, group, letters, cell, coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.space.crystal.grammar import CrystalGrammar
from gfnmat.space.crystal.offers import CrystalOffers
from gfnmat.space.crystal.state import Phase
from gfnmat.space.crystal.view import CrystalView
from gfnmat.space.crystal.weights import CrystalWeights
from gfnmat.space.crystal.writer import CrystalWriter
from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.structure import cell


class CrystalEnvironment(GrammarEnvironment):
    """States are partial crystals that can be completed; the graph is a tree.

    The actions are those of the composition and then those of `Words`; a state is one row of int64, with the columns
    of the composition and then those of `Columns`.

    Args:
        grammar: of the design space.
        debug: lets torchgfn check every action.
    """

    weighs = True  # of all sentences alike, next to none are symmetric: those of P1 outnumber all others

    def __init__(self, grammar: CrystalGrammar, debug: bool = False) -> None:
        self.grammar = grammar
        self.offers, self.writer = CrystalOffers(grammar), CrystalWriter(grammar)
        self.view, self.weights = CrystalView(grammar), CrystalWeights(grammar)
        composition, c = grammar.composition, grammar.columns
        s0 = torch.zeros(c.width, dtype=torch.int64, device=grammar.device)
        s0[: composition.s0.shape[0]] = composition.s0
        s0[c.ELEMENT] = -1
        s0[c.SHAPE], s0[c.VOLUME] = -1, -1
        super().__init__(n_actions=grammar.words.n_actions, s0=s0, state_shape=(len(s0),), debug=debug)

    @property
    def max_length(self) -> int:
        """Actions in the longest sentence, the end included."""
        return self.grammar.composition.max_length + 1 + 4 * self.grammar.max_sites + cell.N_SHAPE + 2

    def question(self, state: Tensor) -> Tensor:
        """The phase of each state, `n`; negative for the sink, which torchgfn fills with a large negative number."""
        return state[:, self.grammar.columns.PHASE]

    def words_of(self, question: int) -> slice:
        """The part of the actions that can come in a phase."""
        return self.grammar.words.of(Phase(question))

    def repeats(self, question: int) -> bool:
        """While there are only a composition and a group."""
        return question <= Phase.GROUP

    def offered(self, state: Tensor, question: int) -> Tensor:
        """Which words of the phase lead to a crystal that can be finished, `n x words`."""
        return self.offers.of(state, Phase(question))

    def written(self, state: Tensor, action: Tensor, question: int) -> Tensor:
        """States `n x columns` of the phase with one word more, `n`."""
        return self.writer.written(state, action, Phase(question))

    @property
    def n_features(self) -> int:
        """Numbers that `features` gives."""
        return self.view.n_features

    def features(self, state: Tensor) -> Tensor:
        """What a policy sees of states `... x columns`, `... x n_features` float32."""
        return self.view(state)

    def log_weights(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """What an untrained policy prefers of some words, added to its logits, `n x words`."""
        return self.weights(state, words)
