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
    from gfnmat.space.composition_env import CompositionEnvironment


class StateFeatures(Preprocessor):
    """What the policy sees of a partial formula, as numbers between 0 and 1.

    Fractions of the atoms by element, which elements are present, which one waits for its count, and one-hot how
    many elements and atoms are used.
    """

    def __init__(self, environment: CompositionEnvironment) -> None:
        self.environment = environment
        e, k, n = environment.n_elements, environment.max_elements, environment.max_atoms
        self.output_dim: int = 3 * e + 1 + (k + 1) + (n + 1)
        super().__init__(output_dim=self.output_dim)

    def preprocess(self, states: DiscreteStates) -> Tensor:
        """The features, `... x output_dim` float32."""
        env, state = self.environment, states.tensor
        counts = state[..., : env.n_elements]
        one_hot = nn.functional.one_hot
        return torch.cat(
            [
                counts / env.max_atoms,
                counts > 0,
                one_hot(state[..., env.PENDING], env.n_elements + 1),
                one_hot(state[..., env.ELEMENTS], env.max_elements + 1),
                one_hot(state[..., env.ATOMS], env.max_atoms + 1),
            ],
            dim=-1,
        ).float()


class SeededCategorical(UnsqueezedCategorical):
    """A categorical distribution that draws from a given generator and leaves torch's global one alone."""

    def __init__(self, logits: Tensor, generator: torch.Generator) -> None:
        super().__init__(logits=logits, validate_args=False)
        self.generator = generator

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008 - torch's own signature
        """Actions, `sample_shape x batch x 1`, by the Gumbel maximum."""
        shape = torch.Size(sample_shape) + self.logits.shape
        waiting = torch.empty(shape, dtype=self.logits.dtype, device=self.logits.device)
        waiting.exponential_(generator=self.generator)
        return (self.logits - waiting.log()).argmax(-1, keepdim=True)


class SeededPolicy(DiscretePolicyEstimator):
    """torchgfn's discrete policy with random numbers of its own.

    Args:
        environment: gives the states and the masks.
        hidden: width of the hidden layers.
        layers: number of hidden layers.
        generator: draws the initial weights and every action, on the environment's device.
    """

    def __init__(
        self, environment: CompositionEnvironment, hidden: int, layers: int, generator: torch.Generator
    ) -> None:
        features = StateFeatures(environment)
        widths = [features.output_dim, *[hidden] * layers, environment.n_actions]
        linear = [
            nn.utils.skip_init(nn.Linear, n_in, n_out, device=environment.device)
            for n_in, n_out in itertools.pairwise(widths)
        ]
        module = nn.Sequential(*[part for layer in linear[:-1] for part in (layer, nn.LeakyReLU())], linear[-1])
        super().__init__(module, environment.n_actions, preprocessor=features)
        self.generator = generator
        self._draw_weights(linear)

    @torch.no_grad()
    def _draw_weights(self, layers: list[nn.Linear]) -> None:
        for layer in layers:
            bound = math.sqrt(1 / layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=self.generator)
            layer.bias.zero_()
        layers[-1].weight.zero_()  # an untrained policy is uniform over what is allowed

    def to_probability_distribution(
        self, states: DiscreteStates, module_output: Tensor, *args: Any, **kwargs: Any
    ) -> SeededCategorical:
        """The distribution over the next words that torchgfn makes of the logits, with this policy's generator."""
        return SeededCategorical(
            super().to_probability_distribution(states, module_output, *args, **kwargs).logits, self.generator
        )
