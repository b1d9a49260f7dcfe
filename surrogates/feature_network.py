"""Small networks that are trained together, and whose mean prediction is a coordinate for a Gaussian process.

An ensemble predicts better than its members (B. Lakshminarayanan, A. Pritzel and C. Blundell, NeurIPS 2017). The
members differ in their first weights and in the order in which they see the examples; one batched product does a
layer of all of them.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, silu

from surrogates.threads import one_thread

_MEMBERS, _WIDTHS = 4, (256, 128, 32)
# Of AdamW, with one cycle of the learning rate (L. N. Smith and N. Topin, 2019).
_STEPS, _RATE, _DECAY, _WARM_UP = 1000, 1e-2, 0.1, 0.1
# Of few examples a batch is a part, so that a pass is still some steps and all passes take a time that grows with n.
_BATCH, _LEAST_BATCHES = 512, 8
# Candidates worked on at a time.
_BLOCK = 4096


@dataclass(frozen=True)
class Examples:
    """What networks learn from.

    Attributes:
        inputs: `n x k`, standardised.
        outputs: `n`, integers `0 .. R-1`: which output each value is of.
        values: `n`, standardised.
        at_floor: `n`, whether the value is a floor, below which the network may predict what it likes.
    """

    inputs: Tensor
    outputs: Tensor
    values: Tensor
    at_floor: Tensor

    def __getitem__(self, rows: Tensor) -> "Examples":
        """Some rows; with `K x b` rows, those of K networks."""
        return Examples(self.inputs[rows], self.outputs[rows], self.values[rows], self.at_floor[rows])


@dataclass(frozen=True)
class FeatureNetwork:
    """K networks of as many layers as there are weights; each but the last ends in a layer norm and SiLU.

    Attributes:
        weights: Of each layer, `K x in x out`.
        biases: Of each layer, `K x 1 x out`.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @classmethod
    def train(cls, examples: Examples, n_outputs: int) -> "FeatureNetwork":
        """Networks of the least mean absolute error on the examples.

        Absolute, since energies and moduli of materials have heavy tails: with squares the error at the rest was a
        tenth larger. They are trained in float32 and on one thread, by random numbers of their own: equal examples
        give equal networks, and the global random state stays as it is.

        Args:
            examples: At least one.
            n_outputs: R.

        Returns:
            Networks in the type of the examples' inputs.
        """
        generator = torch.Generator().manual_seed(0)
        single = Examples(examples.inputs.float(), examples.outputs, examples.values.float(), examples.at_floor)
        n, device = single.inputs.shape[0], single.inputs.device
        sizes = (single.inputs.shape[1], *_WIDTHS, n_outputs)
        weights = [
            torch.randn(_MEMBERS, before, after, generator=generator) * math.sqrt(2 / before)
            for before, after in pairwise(sizes)
        ]
        weights = [weight.to(device).requires_grad_() for weight in weights]
        biases = [torch.zeros(_MEMBERS, 1, size, device=device, requires_grad=True) for size in sizes[1:]]
        network = cls(tuple(weights), tuple(biases))
        optimiser = torch.optim.AdamW(
            [{"params": weights, "weight_decay": _DECAY}, {"params": biases, "weight_decay": 0.0}], lr=_RATE
        )
        size = min(_BATCH, math.ceil(n / _LEAST_BATCHES))
        batches = math.ceil(n / size)
        passes = max(1, round(_STEPS / batches))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, _RATE, total_steps=passes * batches, pct_start=_WARM_UP
        )
        with one_thread(), torch.enable_grad():
            for _ in range(passes):
                order = torch.stack([torch.randperm(n, generator=generator) for _ in range(_MEMBERS)])
                for rows in order.to(device).split(size, dim=1):
                    optimiser.zero_grad()
                    network._error(single[rows]).backward()
                    optimiser.step()
                    schedule.step()
        return cls(*(tuple(part.detach().to(examples.inputs) for part in parts) for parts in (weights, biases)))

    @property
    def n_outputs(self) -> int:
        """R."""
        return self.biases[-1].shape[-1]

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """The members' mean prediction: `n x k` to `n x R`."""
        members = len(self.weights[0])
        blocks = [self._outputs(block.expand(members, *block.shape)).mean(dim=0) for block in inputs.split(_BLOCK)]
        return torch.cat(blocks)

    def _outputs(self, inputs: Tensor) -> Tensor:
        """`K x n x k` to `K x n x R`."""
        hidden = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = silu(layer_norm(torch.baddbmm(bias, hidden, weight), weight.shape[-1:]))
        return torch.baddbmm(self.biases[-1], hidden, self.weights[-1])

    def _error(self, examples: Examples) -> Tensor:
        """The sum over members of their mean absolute errors."""
        predicted = self._outputs(examples.inputs).gather(-1, examples.outputs.unsqueeze(-1)).squeeze(-1)
        excess = predicted - examples.values
        return torch.where(examples.at_floor, excess.clamp_min(0), excess.abs()).mean(dim=1).sum()
