"""Formulas as sentences: element, count, element, count, end."""

from __future__ import annotations

import torch
from torch import Tensor


def formula_sentences(counts: Tensor, word_of_count: Tensor, end: int, length: int) -> Tensor:
    """The words that write each formula, the end included, `n x length` (or longer) padded with -1.

    Args:
        counts: `n x E`; the word for an element is its column.
        word_of_count: the word for each count from 0, at least as many as the largest one.
        end: the last word.
        length: of the longest sentence that is expected.
    """
    present = counts > 0
    kinds = present.sum(1)
    rows, element = present.nonzero(as_tuple=True)
    column = 2 * (present.long().cumsum(1) - 1)[rows, element]
    longest = max(length, 2 * int(kinds.max()) + 1) if len(counts) else length
    words = torch.full((len(counts), longest), -1, dtype=torch.int64, device=counts.device)
    words[rows, column] = element
    words[rows, column + 1] = word_of_count[counts[rows, element]]
    words[torch.arange(len(counts), device=counts.device), 2 * kinds] = end
    return words
