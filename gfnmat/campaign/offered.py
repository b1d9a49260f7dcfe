"""The pool of a round, with what may be measured of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gfnmat.space.candidates import Candidates


@dataclass(frozen=True)
class Offered:
    """What the selection chooses from.

    Attributes:
        candidates: the pool.
        names: the identity of each.
        open_pairs: which pairs of candidate and rung may be picked, `pool x rungs` booleans.
        answered: which were measured before, `pool x rungs` booleans.
        untried: rungs at which no candidate was measured twice yet.
    """

    candidates: Candidates
    names: Sequence[str]
    open_pairs: Tensor
    answered: Tensor
    untried: frozenset[int]

    @property
    def has_news(self) -> bool:
        """Whether any pair may be picked that was not measured before."""
        return bool((self.open_pairs & ~self.answered).any())
