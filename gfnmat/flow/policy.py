"""The forward policy: which word comes next, from a partial sentence."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch
from gfn.estimators import DiscretePolicyEstimator
from gfn.preprocessors import Preprocessor
from gfn.states import DiscreteStates
from gfn.utils.distributions import UnsqueezedCategorical
from torch import Tensor, nn

if TYPE_CHECKING:
    from gfnmat.space.environment import GrammarEnvironment


class StateFeatures(Preprocessor):
    """What the policy sees of a partial sentence, as its environment tells it."""

    def __init__(self, environment: GrammarEnvironment) -> None:
        self.environment = environment
        super().__init__(output_dim=environment.n_features)

    def preprocess(self, states: DiscreteStates) -> Tensor:
        """The features, `... x n_features` float32."""
        return self.environment.features(states.tensor)


class SeededPolicy(DiscretePolicyEstimator):
    """torchgfn's discrete policy with random numbers of its own, and the environment's weights.

    Args:
        environment: gives the states and the masks.
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        generator: draws the initial weights and every action, on the environment's device.
    """

    def __init__(self, environment: GrammarEnvironment, hidden: int, layers: int, generator: torch.Generator) -> None:
        features = StateFeatures(environment)
        widths = [features.output_dim, *[hidden] * layers, environment.n_actions]
        linear = [
            nn.utils.skip_init(nn.Linear, n_in, n_out, device=environment.device)
            for n_in, n_out in itertools.pairwise(widths)
        ]
        module = nn.Sequential(*[part for layer in linear[:-1] for part in (layer, nn.LeakyReLU())], linear[-1])
        super().__init__(module, environment.n_actions, preprocessor=features)
        self.environment = environment
        self.generator = generator
        self._draw_weights(linear)

    @torch.no_grad()
    def _draw_weights(self, layers: list[nn.Linear]) -> None:
        for layer in layers:
            bound = math.sqrt(1 / layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=self.generator)
            layer.bias.zero_()
        layers[-1].weight.zero_()  # an untrained policy is what the environment's weights say

    def next_word(self, state: Tensor, masks: Tensor, exploration: float = 0.0, words: slice = slice(None)) -> Tensor:
        """Log-probabilities of the next words, `n x words`: the logits and the environment's weights, where open.

        Args:
            state: `n x columns`.
            masks: which words are open, `n x words`.
            exploration: share of the probability that is spread evenly over the open words.
            words: the part of the actions that can be open here.
        """
        last = self.module[-1]
        hidden = self.module[:-1](self.environment.features(state))
        logits = nn.functional.linear(hidden, last.weight[words], last.bias[words])
        return self._log_probs(logits, self.environment.log_weights(state, words), masks, exploration)

    def untrained_next_word(self, state: Tensor, masks: Tensor, words: slice = slice(None)) -> Tensor:
        """What `next_word` gave before any training: what the environment's weights say, `n x words`."""
        nothing = torch.zeros(masks.shape, device=masks.device)
        return self._log_probs(nothing, self.environment.log_weights(state, words), masks, 0.0)

    @staticmethod
    def _log_probs(logits: Tensor, weights: Tensor, masks: Tensor, exploration: float) -> Tensor:
        log_probs = (logits + weights).masked_fill(~masks, -torch.inf).log_softmax(-1)
        if not exploration:
            return log_probs
        evenly = masks.sum(-1, keepdim=True).to(log_probs).reciprocal()
        mixed = (1 - exploration) * log_probs.exp() + exploration * evenly
        return torch.where(masks, mixed.log(), -torch.inf)

    def drawn(self, log_probs: Tensor) -> Tensor:
        """Words drawn from `n x actions` log-probabilities, `n`, by inversion of the distribution function."""
        reached = log_probs.exp().cumsum(-1)
        height = torch.empty(len(reached), 1, dtype=reached.dtype, device=reached.device)
        height.uniform_(generator=self.generator).mul_(reached[:, -1:])
        word = (reached <= height).sum(-1)
        likeliest = log_probs.argmax(-1)  # where rounding leaves nothing above the height
        return torch.where(word < reached.shape[-1], word, likeliest)

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
        log_probs = self._log_probs(
            module_output, self.environment.log_weights(states.tensor), states.forward_masks, epsilon
        )
        return UnsqueezedCategorical(logits=log_probs, validate_args=False)
