"""A network that reads a partial formula and says which word comes next.

The state of the grammar holds everything about a partial formula, so the network needs no memory of how it was
written. Its first layer adds up embeddings: one of each element with its count, one of the element that waits, one of
the last element, one each of how many elements and atoms there are. That costs as much as there are elements in the
formula, not in the periodic table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, gelu, one_hot, pad

from gfnmat.flow.network import draw_linear

if TYPE_CHECKING:
    from gfnmat.space.composition.env import CompositionEnvironment

UNKNOWN = -30.0
"""The logit of a word that the network never met: it is written only where nothing else may be."""


class Partial(NamedTuple):
    """Partial formulas as the network reads them; `n x (slots + 4)` int64 when packed.

    Attributes:
        pairs: a row of the pair table for each element that has a count, 0 where there is none, `n x slots`.
        pending, last: the element that waits for its count and the last one that has it, from 1; 0 for none, `n`.
        elements, atoms: how many are used, `n`.
    """

    pairs: Tensor
    pending: Tensor
    last: Tensor
    elements: Tensor
    atoms: Tensor

    @property
    def packed(self) -> Tensor:
        """All columns in one tensor, for indexing."""
        return torch.cat([self.pairs, torch.stack(self[1:], 1)], 1)

    @classmethod
    def unpacked(cls, columns: Tensor) -> Partial:
        """What `packed` gave."""
        return cls(columns[:, :-4], *columns[:, -4:].unbind(1))


@dataclass(frozen=True)
class FirstLayer:
    """Embeddings ready to be looked up, each `rows x width`; row 0 of the first three stands for nothing."""

    pairs: Tensor
    pending: Tensor
    last: Tensor


class Dropout(nn.Module):
    """Dropout from random bytes: on a processor several times faster than torch's, which draws a float for each."""

    def __init__(self, share: float, generator: torch.Generator) -> None:
        super().__init__()
        self.cut, self.generator = round(share * 256), generator

    def forward(self, x: Tensor) -> Tensor:
        """`x` with a share of its numbers set to zero and the others scaled up, in training."""
        if not self.training or not self.cut:
            return x
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None, generator=self.generator)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.cut
        return x * (kept.to(x.dtype) * (256 / (256 - self.cut)))


def _linear(n_in: int, n_out: int) -> nn.Linear:
    """A layer whose weights are to be drawn: torch's own draws are everybody's."""
    return nn.utils.skip_init(nn.Linear, n_in, n_out)


class Block(nn.Module):
    """A residual block: normalise, widen nothing, bend, drop."""

    def __init__(self, width: int, dropout: Dropout) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter, self.leave = _linear(width, width), _linear(width, width)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """`n x width` to `n x width`."""
        return x + self.leave(self.dropout(gelu(self.enter(self.norm(x)))))


class FormulaNetwork(nn.Module):
    """Logits of the next word: E elements, 1 .. C atoms, end.

    Args:
        numbers: atomic numbers of the elements it knows, in ascending electronegativity, `E`.
        properties: what is known of each, standardised, `E x P`: rare elements borrow from similar ones.
        generator: draws the initial weights, and what is dropped in training.
        largest_count: C; larger counts are read as C and never written.
        largest_elements, largest_atoms: sizes beyond are read as these.
        width: of the hidden layers.
        blocks: number of residual blocks.
        embedding: numbers that stand for an element.
        dropout: share of hidden numbers dropped in training.
    """

    numbers: Tensor
    properties: Tensor

    def __init__(
        self,
        numbers: Tensor,
        properties: Tensor,
        generator: torch.Generator,
        largest_count: int = 24,
        largest_elements: int = 7,
        largest_atoms: int = 40,
        width: int = 512,
        blocks: int = 3,
        embedding: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        n, self.largest_count, self.generator = len(numbers), largest_count, generator
        self.sizes = {
            "largest_count": largest_count,
            "largest_elements": largest_elements,
            "largest_atoms": largest_atoms,
            "width": width,
            "blocks": blocks,
            "embedding": embedding,
            "dropout": dropout,
        }
        self.register_buffer("numbers", numbers)
        self.register_buffer("properties", properties.float())
        self.own = nn.Parameter(torch.empty(n, embedding))
        self.of_count = nn.Parameter(torch.empty(largest_count, embedding))
        self.count_bias = nn.Parameter(torch.empty(largest_count, width))
        self.n_elements = nn.Parameter(torch.empty(largest_elements + 1, width))
        self.n_atoms = nn.Parameter(torch.empty(largest_atoms + 1, width))
        self.shared = _linear(properties.shape[1], embedding)
        self.chosen, self.paired = _linear(embedding, width), _linear(embedding, width)
        self.waiting, self.latest = _linear(embedding, width), _linear(embedding, width)
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(dropout, generator)
        self.blocks = nn.ModuleList([Block(width, self.dropout) for _ in range(blocks)])
        self.head = _linear(width, n + largest_count + 1)
        self._draw_weights()

    @torch.no_grad()
    def _draw_weights(self) -> None:
        draw_linear(self, self.generator)
        self.own.normal_(generator=self.generator).mul_(1 / math.sqrt(self.own.shape[1]))
        self.of_count.normal_(generator=self.generator).mul_(0.5).add_(1)
        for bias in (self.count_bias, self.n_elements, self.n_atoms):
            bias.normal_(generator=self.generator).mul_(0.1)

    def first_layer(self) -> FirstLayer:
        """The tables of the first layer; work them out once where many states are asked about."""
        element = self.own + self.shared(self.properties)
        pairs = self.chosen(element)[:, None] + self.paired(element[:, None] * self.of_count) + self.count_bias
        tables = (pairs.flatten(0, 1), self.waiting(element), self.latest(element))
        return FirstLayer(*(pad(table, (0, 0, 1, 0)) for table in tables))

    def forward(self, partial: Partial, tables: FirstLayer | None = None) -> Tensor:
        """Logits of the next word in the network's own numbering, `n x words`."""
        tables = tables or self.first_layer()
        x = embedding_bag(partial.pairs, tables.pairs, mode="sum", padding_idx=0)
        x = x + tables.pending[partial.pending] + tables.last[partial.last]
        x = x + self.n_elements[partial.elements] + self.n_atoms[partial.atoms]
        for block in self.blocks:
            x = block(x)
        return self.head(self.dropout(self.norm(x)))


class Reading:
    """How a network reads the states of an environment, and where its words are among the environment's actions.

    Args:
        network: knows elements.
        environment: has perhaps fewer, or others; an element that the network does not know is read as nothing.
    """

    def __init__(self, network: FormulaNetwork, environment: CompositionEnvironment) -> None:
        self.network, self.environment = network, environment
        device = environment.device
        known = {int(number): column for column, number in enumerate(network.numbers)}
        columns = [known.get(int(number), -1) for number in environment.numbers]
        self.column = torch.tensor(columns, device=device)
        n, most = len(network.numbers), network.largest_count
        counts = [n + count if count < most else -1 for count in range(environment.max_atoms)]
        words = torch.tensor([*columns, *counts, n + most], device=device)
        self.words, self.unknown = words.clamp(min=0), torch.where(words < 0, UNKNOWN, 0.0)

    def partial(self, state: Tensor) -> Partial:
        """States `n x columns` as the network reads them."""
        env, net = self.environment, self.network
        counts = state[:, : env.n_elements]
        rows, columns = counts.nonzero(as_tuple=True)
        slot = (counts > 0).cumsum(1)[rows, columns] - 1
        count = counts[rows, columns].clamp(max=net.largest_count)
        element = self.column[columns]
        pairs = torch.zeros(len(state), env.max_elements, dtype=torch.int64, device=state.device)
        pairs[rows, slot] = torch.where(element < 0, 0, element * net.largest_count + count)
        following = pad(self.column + 1, (1, 0))
        return Partial(
            pairs,
            following[state[:, env.PENDING]],
            following[state[:, env.LAST]],
            state[:, env.ELEMENTS].clamp(max=net.sizes["largest_elements"]),
            state[:, env.ATOMS].clamp(max=net.sizes["largest_atoms"]),
        )

    def in_actions(self, logits: Tensor) -> Tensor:
        """Logits in the network's numbering, `n x words`, in the environment's, `n x actions`."""
        return torch.where(self.unknown < 0, self.unknown, logits[:, self.words])

    def logits(self, state: Tensor, tables: FirstLayer | None = None) -> Tensor:
        """Logits of the environment's actions for states `n x columns`, `n x actions`; not masked."""
        return self.in_actions(self.network(self.partial(state), tables))

    @torch.no_grad()
    def drawn(self, n: int, generator: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Counts of n formulas, `n x E` in the order of the environment, in no particular order.

        Sentences that began alike ask one question together, which saves a third to a half of the work.
        """
        env = self.environment
        end, tables = env.n_actions - 1, self.network.first_layer()
        state = env.s0[None]
        at = torch.zeros(n, dtype=torch.int64, device=state.device)  # each sentence's row of `state`
        finished: list[Tensor] = []
        while len(at):
            logits = self.logits(state, tables) / temperature
            chances = logits.masked_fill(~env.forward_masks(state), -torch.inf).softmax(-1)
            reached = chances.cumsum(-1)[at]
            height = torch.rand(len(at), 1, generator=generator, device=state.device) * reached[:, -1:]
            word = (reached <= height).sum(-1).clamp(max=end)
            word = torch.where(
                chances[at, word] > 0, word, chances.argmax(-1)[at]
            )  # where rounding leaves nothing above
            ends = word == end
            finished.append(state[at[ends], : env.n_elements])
            step, at = (at * env.n_actions + word)[~ends].unique(return_inverse=True)
            state = env.advanced(state[step // env.n_actions], step % env.n_actions)
        counts = torch.cat(finished)
        return counts[torch.randperm(n, generator=generator, device=state.device)]


def element_properties(numbers: Tensor) -> Tensor:
    """Magpie's 22 numbers of each element and its group and period one-hot, standardised, `E x P`."""
    from surrogates.magpie import MagpieFeatures

    magpie = MagpieFeatures(dtype=torch.float32)
    table = magpie.element_table[numbers.cpu() - 1]
    groups = (one_hot(table[:, magpie.properties.index(name)].long()) for name in ("Column", "Row"))
    places = torch.cat(list(groups), 1).float()
    scaled = (table - table.mean(0)) / table.std(0).clamp(min=1e-6)
    return torch.cat([scaled, places[:, places.any(0)]], 1)
