"""Given formulas as a trie of their sentences: which words follow a beginning, and how many formulas go on from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from gfnmat.space.formula_words import formula_sentences


@dataclass(frozen=True)
class FormulaTrie:
    """Beginnings of sentences as nodes, node 0 being the empty one; an edge is a word more.

    Words: 0 .. E-1 name an element, the next C give a count that occurs in some formula, the last one ends. Edges are
    sorted by node, then word, and edge e leads to node e + 1.

    Attributes:
        word_of_count: the word for each count from 0 to the largest, -1 where no formula has it.
        first_edge: of each node, and behind the last one, `nodes + 1`.
        edge_word: `edges`.
        edge_key: node times words plus word, ascending, `edges`.
        member: the formula that a node is the whole sentence of, up to the end, -1 where there is none, `nodes`.
        members_below: how many formulas begin so, `nodes`.
        tokens: what a policy sees of a beginning, `nodes x t`: its (element, count) pairs, the element that waits for
            its count, the last element that has one, how many elements and how many atoms there are. 0 is nothing.
        n_elements, n_words, n_tokens: how many there are.
        max_elements: most elements in a formula.
    """

    word_of_count: Tensor
    first_edge: Tensor
    edge_word: Tensor
    edge_key: Tensor
    member: Tensor
    members_below: Tensor
    tokens: Tensor
    n_elements: int
    n_words: int
    n_tokens: int
    max_elements: int

    @property
    def max_length(self) -> int:
        """Words in the longest sentence, the end included."""
        return 2 * self.max_elements + 1

    def to(self, device: torch.device | str) -> FormulaTrie:
        """The same trie on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {name: value.to(device) for name, value in values.items() if torch.is_tensor(value)}
        return replace(self, **moved)

    def edges_of(self, node: Tensor) -> tuple[Tensor, Tensor]:
        """All edges from nodes `n`, as places among the nodes given and as edges."""
        degree = self.first_edge[node + 1] - self.first_edge[node]
        place = torch.arange(len(node), device=node.device).repeat_interleave(degree)
        within = torch.arange(len(place), device=node.device) - (degree.cumsum(0) - degree)[place]
        return place, self.first_edge[node[place]] + within

    def child(self, node: Tensor, word: Tensor) -> Tensor:
        """The node behind a word, `n`, which must be one that follows there."""
        return torch.searchsorted(self.edge_key, node * self.n_words + word) + 1

    def knows(self, counts: Tensor) -> Tensor:
        """Whether formulas, `n x E`, have as many elements as some member at most, and counts that occur."""
        known = torch.cat([self.word_of_count >= 0, self.word_of_count.new_zeros(1, dtype=torch.bool)])
        known[0] = True
        in_range = counts.clamp(max=len(self.word_of_count))
        kinds = (counts > 0).sum(1)
        return known[in_range].all(1) & (kinds > 0) & (kinds <= self.max_elements)

    def sentences(self, counts: Tensor) -> Tensor:
        """The words that write each formula, `n x length` padded with -1; `knows` must be true of each.

        Args:
            counts: `n x E`, in the order of the grammar.
        """
        return formula_sentences(counts, self.word_of_count, self.n_words - 1, self.max_length)

    @classmethod
    def of(cls, counts: Tensor) -> FormulaTrie:
        """The trie of formulas, `n x E` with n at least 1, no two alike."""
        n, n_elements = counts.shape
        amounts = counts.unique()
        amounts = amounts[amounts > 0]
        word_of_count = torch.full((int(amounts.max()) + 1,), -1, dtype=torch.int64)
        word_of_count[amounts] = n_elements + torch.arange(len(amounts))
        n_words = n_elements + len(amounts) + 1
        max_elements = int((counts > 0).sum(1).max())
        sentences = formula_sentences(counts, word_of_count, n_words - 1, 2 * max_elements + 1)
        node, n_nodes = torch.zeros(n, dtype=torch.int64), 1
        first_member, depth = [torch.zeros(1, dtype=torch.int64)], [torch.zeros(1, dtype=torch.int64)]
        below, keys, member_at = [torch.tensor([n])], [torch.zeros(0, dtype=torch.int64)], torch.zeros_like(node)
        for length, words in enumerate(sentences.unbind(1)):
            ends = words == n_words - 1
            member_at[ends] = node[ends]
            going = ((words >= 0) & ~ends).nonzero().squeeze(-1)
            if not len(going):
                continue
            key, inverse, sizes = (node[going] * n_words + words[going]).unique(return_inverse=True, return_counts=True)
            one_of = torch.empty_like(key).scatter_(0, inverse, going)
            node[going] = n_nodes + inverse
            n_nodes += len(key)
            keys.append(key)
            below.append(sizes)
            first_member.append(one_of)
            depth.append(torch.full_like(key, length + 1))
        edge_key = torch.cat(keys)
        degree = torch.bincount(edge_key // n_words, minlength=n_nodes)
        member = torch.full((n_nodes,), -1, dtype=torch.int64)
        member[member_at] = torch.arange(n)
        tokens = _tokens(counts, sentences, torch.cat(first_member), torch.cat(depth))
        return cls(
            word_of_count=word_of_count,
            first_edge=torch.cat([torch.zeros(1, dtype=torch.int64), degree.cumsum(0)]),
            edge_word=edge_key % n_words,
            edge_key=edge_key,
            member=member,
            members_below=torch.cat(below),
            tokens=tokens,
            n_elements=n_elements,
            n_words=n_words,
            n_tokens=int(tokens.max()) + 1,
            max_elements=max_elements,
        )


def _tokens(counts: Tensor, sentences: Tensor, member: Tensor, depth: Tensor) -> Tensor:
    """What a policy sees of the beginnings of so many words (`nodes`) of members' sentences; see `FormulaTrie`."""
    elements, amounts = sentences[:, :-1:2], sentences[:, 1::2]
    places = torch.arange(elements.shape[1])
    said = places < (depth // 2)[:, None]
    element = elements[member]
    atoms = torch.where(said, counts[member].gather(1, element.clamp(0, counts.shape[1] - 1)), 0).sum(1)
    pair = torch.where(said, element * (int(sentences.max()) + 1) + amounts[member], -1)
    waiting = torch.where(depth % 2 == 1, element.gather(1, (depth // 2).clamp(max=len(places) - 1)[:, None])[:, 0], -1)
    last = torch.where(depth > 1, element.gather(1, (depth // 2 - 1).clamp(min=0)[:, None])[:, 0], -1)
    begin, columns = 1, []
    for column in (pair, waiting[:, None], last[:, None], depth[:, None] // 2, atoms[:, None]):
        values, token = column.unique(return_inverse=True)
        nothing = int(values[0] < 0)
        columns.append(torch.where(column >= 0, token - nothing + begin, 0))
        begin += len(values) - nothing
    return torch.cat(columns, dim=1)
