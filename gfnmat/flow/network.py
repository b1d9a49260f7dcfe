"""The network of the policy: what it sees, residual layers, and where conditions enter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

if TYPE_CHECKING:
    from gfnmat.space.environment import GrammarEnvironment

CONDITION_WIDTH = 128
GATE = 0.25  # power of sharpness (1 at its largest) by which what conditions add to the logits is multiplied
SLOPE = 4.0  # for the numbers of a condition that logits are linear in, between 0 and 1
TOKEN_SCALE = 0.3  # standard deviation of a token's vector before training; a state is a sum of about ten of them


@dataclass(frozen=True)
class PolicySize:
    """Width and number of the policy's hidden layers; with conditions, how many of the layers come before they enter.

    A state's first layers are worked out once for all conditions that are asked about.
    """

    hidden: int = 128
    layers: int = 3
    before_conditions: int = 2


class PolicyNetwork(nn.Module):
    """From partial sentences to the logits of the next words.

    The first layer is a sum of vectors, one for each token of a state, or linear where an environment has no tokens.
    The others are residual: each adds to the state's vector a linear map of its normalised and rectified values.
    Conditions scale and shift the normalised values in all layers from `size.before_conditions` on. To the logits come
    ones that are linear in the first numbers of a condition, as log rewards are linear in weights.

    At a small sharpness log rewards differ little, so that log p must be the more exact: what depends on conditions
    vanishes with the sharpness, and what is left is a network of its own, `at_zero`, which learns without conditions.

    Args:
        environment: of the sentences.
        size: width and number of layers.
        n_condition: numbers that describe a condition; 0 for none.
        generator: draws the initial weights, on the environment's device.
        n_slopes: how many of them logits are linear in, the first ones; they sum to the sharpness, 1 at its largest.
        exact_at_zero: whether an untrained policy is what is wanted at sharpness 0, so that `at_zero` is not needed.
    """

    def __init__(
        self,
        environment: GrammarEnvironment,
        size: PolicySize,
        n_condition: int,
        generator: torch.Generator,
        n_slopes: int = 0,
        exact_at_zero: bool = False,
    ) -> None:
        super().__init__()
        device, hidden = environment.device, size.hidden
        self.input_dim = environment.n_tokens or environment.n_features
        self.has_tokens = environment.n_tokens > 0
        self.n_shared = min(size.before_conditions, size.layers) if n_condition else size.layers
        self.first: nn.EmbeddingBag | nn.Linear
        if self.has_tokens:
            empty = torch.empty(environment.n_tokens, hidden, device=device)
            self.first = nn.EmbeddingBag(environment.n_tokens, hidden, _weight=empty, mode="sum", padding_idx=0)
        else:
            self.first = nn.utils.skip_init(nn.Linear, environment.n_features, hidden, device=device)
        self.first_bias = nn.Parameter(torch.zeros(hidden, device=device))
        self.hidden = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, hidden, hidden, device=device) for _ in range(size.layers - 1)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, device=device) for _ in range(size.layers))
        self.last = nn.utils.skip_init(nn.Linear, hidden, environment.n_actions, device=device)
        n_actions = environment.n_actions
        self.n_slopes = n_slopes
        self.slopes = nn.utils.skip_init(nn.Linear, hidden, n_slopes * n_actions, device=device) if n_slopes else None
        n_conditioned = size.layers - self.n_shared + 1
        self.condition = _two_layers(n_condition, 2 * hidden * n_conditioned, device) if n_condition else None
        self._draw_weights(generator)
        has_zero = n_condition > 0 and not exact_at_zero
        self.at_zero = PolicyNetwork(environment, size, 0, generator) if has_zero else None

    @torch.no_grad()
    def _draw_weights(self, generator: torch.Generator) -> None:
        draw_linear(self, generator)
        if self.has_tokens:
            self.first.weight.normal_(0, TOKEN_SCALE, generator=generator)
            self.first.weight[0].zero_()
        for layer in (self.last, self.slopes):  # an untrained policy is what the environment's weights say
            if layer is not None:
                layer.weight.zero_()
                layer.bias.zero_()

    def shared(self, seen: Tensor) -> Tensor:
        """What does not depend on conditions, of states as `environment.seen` gives them.

        `n x hidden`; with `at_zero`, `n x 2 hidden`: its last hidden layer comes behind.
        """
        value = self.first(seen) + self.first_bias
        for layer, norm in zip(self.hidden[: self.n_shared - 1], self.norms, strict=False):
            value = value + layer(silu(norm(value)))
        if self.at_zero is None:
            return value
        return torch.cat([value, self.at_zero.top(self.at_zero.shared(seen))], dim=-1)

    def top(self, shared: Tensor, condition: Tensor | None = None) -> Tensor:
        """The last hidden layer.

        Args:
            shared: what `shared` gave.
            condition: described by numbers, `n x c` for one each, or `g x 1 x c` for each state under g conditions.

        Returns:
            `n x hidden`, or `g x n x hidden`.
        """
        first = self.n_shared - 1
        if self.condition is None or condition is None:
            changes = [None] * (len(self.norms) - first)
        else:
            changes = list(self.condition(condition).chunk(len(self.norms) - first, dim=-1))
        value = shared[..., : self.first_bias.shape[0]]
        for number, change in enumerate(changes, first):
            normal = self.norms[number](value)
            if change is not None:
                scale, shift = change.chunk(2, dim=-1)
                normal = normal * (1 + scale) + shift
            value = silu(normal) if number == len(self.hidden) else value + self.hidden[number](silu(normal))
        return value

    def logits(
        self, shared: Tensor, words: slice = slice(None), condition: Tensor | None = None, top: Tensor | None = None
    ) -> Tensor:
        """Of some words, `n x words` or `g x n x words`.

        Args:
            shared: what `shared` gave.
            words: which.
            condition: as in `top`; a network that knows some says without what it says at sharpness 0.
            top: what `top` gave, where it is known.
        """
        own, base = shared, None
        if self.at_zero is not None:
            own, top_at_zero = shared.chunk(2, dim=-1)
            base = self.at_zero.logits(top_at_zero, words, top=top_at_zero)
            if condition is None:
                return base
        top = self.top(shared, condition) if top is None else top
        found = nn.functional.linear(top, self.last.weight[words], self.last.bias[words])
        if condition is not None and self.slopes is not None:
            value = silu(self.norms[-1](own))
            parts = zip(self.slopes.weight.chunk(self.n_slopes), self.slopes.bias.chunk(self.n_slopes), strict=True)
            for number, (weight, bias) in enumerate(parts):
                slope = nn.functional.linear(value, weight[words], bias[words])
                found = found + SLOPE * condition[..., number, None] * slope
            found = found * condition[..., : self.n_slopes].sum(-1, keepdim=True) ** GATE
        return found if base is None else found + base.detach()

    def forward(self, seen: Tensor) -> Tensor:
        """The logits of all words, `n x actions`, without conditions; for torchgfn."""
        flat = seen.reshape(-1, seen.shape[-1])
        return self.logits(self.shared(flat)).reshape(*seen.shape[:-1], -1)


class LogZ(nn.Module):
    """The log of the partition function: one number, or a small network of a condition, around one number."""

    def __init__(self, n_condition: int, generator: torch.Generator, device: torch.device) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.zeros((), device=device))
        self.of_condition = _two_layers(n_condition, 1, device) if n_condition else None
        draw_linear(self, generator)
        if self.of_condition is not None:
            list(self.of_condition.parameters())[-2].data.zero_()

    def forward(self, condition: Tensor | None = None) -> Tensor:
        """One for each condition `... x c`, `...`; without conditions, `1`."""
        if self.of_condition is None or condition is None:
            return self.level[None]
        return self.level + self.of_condition(condition).squeeze(-1)


def _two_layers(n_in: int, n_out: int, device: torch.device) -> nn.Sequential:
    first = nn.utils.skip_init(nn.Linear, n_in, CONDITION_WIDTH, device=device)
    return nn.Sequential(first, nn.SiLU(), nn.utils.skip_init(nn.Linear, CONDITION_WIDTH, n_out, device=device))


@torch.no_grad()
def draw_linear(module: nn.Module, generator: torch.Generator) -> None:
    """Draws the weights of all linear layers within; their biases are zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = math.sqrt(1 / layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()
