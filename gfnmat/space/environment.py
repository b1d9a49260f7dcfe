"""What a policy needs of an environment besides what torchgfn asks for."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from gfn.actions import Actions
from gfn.env import DiscreteEnv
from gfn.states import DiscreteStates
from torch import Tensor


class GrammarEnvironment(DiscreteEnv):
    """An environment that writes sentences. States are rows of int64, `n x columns`; the graph is a tree."""

    weighs: bool = False
    """Whether the target weighs sentences as an untrained policy does, or all alike, before the reward is known."""

    @property
    def max_length(self) -> int:
        """Actions in the longest sentence, the end included."""
        raise NotImplementedError

    @property
    def n_features(self) -> int:
        """Numbers that `features` gives."""
        raise NotImplementedError

    def features(self, state: Tensor) -> Tensor:
        """What a policy sees of states `... x columns`, `... x n_features` float32."""
        raise NotImplementedError

    @property
    def n_tokens(self) -> int:
        """How many tokens there are; 0 where a policy sees features instead."""
        return 0

    def tokens(self, state: Tensor) -> Tensor:
        """What a policy sees of states `... x columns` as tokens below `n_tokens`, `... x t`; 0 stands for nothing."""
        raise NotImplementedError

    def seen(self, state: Tensor) -> Tensor:
        """Tokens where there are some, or else features."""
        return self.tokens(state) if self.n_tokens else self.features(state)

    def log_weights(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """What an untrained policy prefers of some words, added to its logits; broadcasts with `n x words`."""
        raise NotImplementedError

    def question(self, state: Tensor) -> Tensor:
        """What kind of word comes next, a small number a state, `n`; -1 for the sink.

        States of one question are worked on together: what is below asks for them one question at a time.
        """
        raise NotImplementedError

    def words_of(self, question: int) -> slice:
        """The part of the actions that such a question can be answered with."""
        raise NotImplementedError

    def repeats(self, question: int) -> bool:
        """Whether many sentences of a batch are in the same state when this is asked, so that one answer serves all."""
        return True

    def offered(self, state: Tensor, question: int) -> Tensor:
        """Which words lead to something that can be finished, `n x words` of this question."""
        raise NotImplementedError

    def written(self, state: Tensor, action: Tensor, question: int) -> Tensor:
        """States `n x columns` of this question with one word more, `n`; not the last one."""
        raise NotImplementedError

    def forward_masks(self, state: Tensor) -> Tensor:
        """Which actions lead to something that can be finished, `n x actions` for states `n x columns` of any kind."""
        masks = torch.zeros(len(state), self.n_actions, dtype=torch.bool, device=state.device)
        for question, rows in self.by_question(state):
            masks[rows, self.words_of(question)] = self.offered(state[rows], question)
        return masks

    def advanced(self, state: Tensor, action: Tensor) -> Tensor:
        """States `n x columns` of any kind with one word more, `n`; not the last one."""
        following = state.clone()
        for question, rows in self.by_question(state):
            following[rows] = self.written(state[rows], action[rows], question)
        return following

    def by_question(self, state: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Each question that the states ask, and which of them do."""
        asked = self.question(state)
        for question in asked.unique().tolist():
            if question >= 0:
                yield question, (asked == question).nonzero().squeeze(-1)

    def step(self, states: DiscreteStates, actions: Actions) -> DiscreteStates:
        """Appends one word to each unfinished sentence."""
        return self.states_from_tensor(self.advanced(states.tensor, actions.tensor.squeeze(-1)))

    def make_states_class(self) -> type[DiscreteStates]:
        """States whose masks this environment works out."""
        env = self

        class SentenceStates(DiscreteStates):
            state_shape = env.state_shape
            s0 = env.s0
            sf = env.sf
            n_actions = env.n_actions

            def _compute_forward_masks(self) -> Tensor:
                flat = self.tensor.reshape(-1, *self.state_shape)
                return env.forward_masks(flat).reshape(*self.batch_shape, self.n_actions)

        return SentenceStates

    def backward_step(self, states: DiscreteStates, actions: Actions) -> DiscreteStates:
        """Not used: in a tree, trajectories are written forwards."""
        raise TypeError("the graph of sentences is a tree; write trajectories forwards")

    def log_reward(self, *args: object) -> Tensor:
        """Not used: a reward is given to the sampler, not to the space."""
        raise TypeError("a design space has no reward of its own; pass one to GFlowNet.fit")
