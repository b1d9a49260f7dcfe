"""The torchgfn environment that writes the formulas of a table, and no others."""

from __future__ import annotations

import torch
from torch import Tensor

from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.table.trie import FormulaTrie


class TableEnvironment(GrammarEnvironment):
    """States are nodes of the trie, `n x 1`; actions are its words.

    An untrained policy prefers a word by how many formulas go on from it, so that all formulas are equally likely.
    """

    def __init__(self, trie: FormulaTrie, device: torch.device | str = "cpu", debug: bool = False) -> None:
        self.trie = trie.to(device)
        self._log_below = self.trie.members_below.double().log().to(torch.get_default_dtype())
        super().__init__(
            n_actions=trie.n_words,
            s0=torch.zeros(1, dtype=torch.int64, device=device),
            state_shape=(1,),
            debug=debug,
        )

    @property
    def max_length(self) -> int:
        """Actions in the longest sentence, the end included."""
        return self.trie.max_length

    def question(self, state: Tensor) -> Tensor:
        """One question for all: -1 for the sink, which torchgfn fills with a large negative number, else 0."""
        return (state[:, 0] >= 0).long() - 1

    def words_of(self, question: int) -> slice:
        """All actions."""
        return slice(0, self.n_actions)

    def offered(self, state: Tensor, question: int = 0) -> Tensor:
        """Which words some formula goes on with, `n x actions`."""
        place, edge = self.trie.edges_of(state[:, 0])
        mask = torch.zeros(len(state), self.n_actions, dtype=torch.bool, device=state.device)
        mask[place, self.trie.edge_word[edge]] = True
        mask[:, -1] = self.trie.member[state[:, 0]] >= 0
        return mask

    def written(self, state: Tensor, action: Tensor, question: int = 0) -> Tensor:
        """States `n x 1` with one word more, `n`."""
        return self.trie.child(state[:, 0], action)[:, None]

    @property
    def n_tokens(self) -> int:
        """How many tokens there are."""
        return self.trie.n_tokens

    def tokens(self, state: Tensor) -> Tensor:
        """The trie's tokens of each beginning, `... x t`."""
        return self.trie.tokens[state[..., 0]]

    def log_weights(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """Log of how many formulas go on with each word, `n x words`; 0 for the end and where none does."""
        weights = self._log_below.new_zeros(len(state), self.n_actions)
        place, edge = self.trie.edges_of(state[:, 0])
        weights[place, self.trie.edge_word[edge]] = self._log_below[edge + 1]
        return weights[:, words]
