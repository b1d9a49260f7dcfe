"""The forward policy: which word comes next, from a partial sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from gfn.estimators import DiscretePolicyEstimator
from gfn.preprocessors import Preprocessor
from gfn.states import DiscreteStates
from gfn.utils.distributions import UnsqueezedCategorical
from torch import Tensor

from gfnmat.flow.network import PolicyNetwork, PolicySize

if TYPE_CHECKING:
    from gfnmat.flow.prior.reading import PriorWords
    from gfnmat.space.environment import GrammarEnvironment


class StateFeatures(Preprocessor):
    """What the policy sees of a partial sentence, as its environment tells it."""

    def __init__(self, environment: GrammarEnvironment, n_seen: int) -> None:
        self.environment = environment
        super().__init__(output_dim=n_seen)

    def preprocess(self, states: DiscreteStates) -> Tensor:
        """Tokens or features, `... x n`."""
        return self.environment.seen(states.tensor)


class SeededPolicy(DiscretePolicyEstimator):
    """torchgfn's discrete policy with random numbers of its own, and the environment's weights.

    Args:
        environment: gives the states and the masks.
        size: of the network.
        n_condition: numbers that describe a condition; 0 for none.
        generator: draws the initial weights and every action, on the environment's device.
        n_slopes: how many of these numbers logits are linear in, the first ones.
        prior: what known materials say, in the environment's words.
    """

    def __init__(
        self,
        environment: GrammarEnvironment,
        size: PolicySize,
        n_condition: int,
        generator: torch.Generator,
        n_slopes: int = 0,
        prior: PriorWords | None = None,
    ) -> None:
        network = PolicyNetwork(environment, size, n_condition, generator, n_slopes, exact_at_zero=environment.weighs)
        n_seen = environment.seen(environment.s0[None]).shape[-1]
        super().__init__(network, environment.n_actions, preprocessor=StateFeatures(environment, n_seen))
        self.network = network
        self.environment = environment
        self.generator = generator
        self._prior = (prior,)  # not a part of the network, whose weights are trained and kept

    @property
    def prior(self) -> PriorWords | None:
        """What known materials say, in the environment's words."""
        return self._prior[0]

    @property
    def has_weights(self) -> bool:
        """Whether an untrained policy prefers some words to others."""
        return self.environment.weighs or self.prior is not None

    def weights(self, state: Tensor, words: slice = slice(None)) -> Tensor:
        """What an untrained policy prefers of some words, added to the logits; broadcasts with `n x words`."""
        weights = self.environment.log_weights(state, words)
        return weights if self.prior is None else weights + self.prior(state, words)

    def next_word(
        self,
        state: Tensor,
        masks: Tensor,
        exploration: float = 0.0,
        words: slice = slice(None),
        condition: Tensor | None = None,
        row: Tensor | None = None,
    ) -> Tensor:
        """Log-probabilities of the next words, `m x words`: the logits and the environment's weights, where open.

        Args:
            state: `m x columns`.
            masks: which words are open, `m x words`.
            exploration: share of the probability that is spread evenly over the open words.
            words: the part of the actions that can be open here.
            condition: described by numbers, `n x c`; the log-probabilities are then `n x words`.
            row: which of the states each condition is for, `n`; None for one condition a state.
        """
        shared = self.network.shared(self.environment.seen(state))
        weights = self.weights(state, words)
        if condition is not None and row is not None:
            shared, masks = shared[row], masks[row]
            weights = weights[row] if weights.ndim else weights
        return self.log_probs(self.network.logits(shared, words, condition), weights, masks, exploration)

    def untrained_next_word(self, state: Tensor, masks: Tensor, words: slice = slice(None)) -> Tensor:
        """What `next_word` gave before any training: what the environment's weights say, `m x words`."""
        nothing = torch.zeros(masks.shape, device=masks.device)
        return self.log_probs(nothing, self.weights(state, words), masks, 0.0)

    @staticmethod
    def log_probs(logits: Tensor, weights: Tensor, masks: Tensor, exploration: float = 0.0) -> Tensor:
        """Logits and weights normalised over the open words, `... x words`."""
        log_probs = (logits + weights).masked_fill(~masks, -torch.inf).log_softmax(-1)
        if not exploration:
            return log_probs
        evenly = masks.sum(-1, keepdim=True).to(log_probs).reciprocal()
        mixed = (1 - exploration) * log_probs.exp() + exploration * evenly
        return torch.where(masks, mixed.log(), -torch.inf)

    def drawn(self, log_probs: Tensor, row: Tensor | None = None) -> Tensor:
        """Words drawn from `m x words` log-probabilities, `n`, by inversion of the distribution function.

        Args:
            log_probs: of the words.
            row: whose word each of the n is; None for one from each.
        """
        reached = log_probs.exp().cumsum(-1)
        reached = reached if row is None else reached[row]
        height = torch.rand(len(reached), 1, generator=self.generator, dtype=reached.dtype, device=reached.device)
        total = reached[:, -1:].contiguous()
        word = torch.searchsorted(reached, height * total, right=True)
        last = torch.searchsorted(reached, total)  # where rounding leaves nothing above the height
        return torch.minimum(word, last).squeeze(1)

    def to_probability_distribution(
        self, states: DiscreteStates, module_output: Tensor, epsilon: float = 0.0, **kwargs: Any
    ) -> UnsqueezedCategorical:
        """The distribution over the next words, for torchgfn's losses.

        Args:
            states: where to go on from.
            module_output: logits, `batch x actions`.
            epsilon: share of the probability that is spread evenly over the open words.
            kwargs: torchgfn's other options, which are not used.
        """
        weights = self.weights(states.tensor)
        log_probs = self.log_probs(module_output, weights, states.forward_masks, epsilon)
        return UnsqueezedCategorical(logits=log_probs, validate_args=False)
