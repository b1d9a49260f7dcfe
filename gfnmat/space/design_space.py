"""The seam between a sampler and the space that it samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from gfnmat.space.candidates import Candidates
from gfnmat.space.environment import GrammarEnvironment


class DesignSpace(Protocol):
    """What may be built, as sentences of a grammar; each candidate is one sentence."""

    kind: ClassVar[str]

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments that make this space again, as plain values."""

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements in the order of the grammar: ascending electronegativity."""

    def environment(self, device: torch.device | str = "cpu", debug: bool = False) -> GrammarEnvironment:
        """The torchgfn environment of this space; `debug` checks every action."""

    def decode(self, states: Tensor) -> Candidates:
        """The candidates that finished states (`n x columns`) stand for."""

    def sentences(self, candidates: Candidates, environment: Any) -> Tensor:
        """The actions that write each candidate, `n x length` padded with -1."""

    def encode(self, materials: Sequence[Any]) -> Candidates:
        """The candidates for known materials.

        Raises:
            ValueError: names the first material that the space does not admit, and why.
        """

    def fits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate has the elements and sizes of the space, so that it has a sentence, `n` booleans."""

    def admits(self, candidates: Candidates) -> Tensor:
        """Whether each candidate is in the space, `n` booleans."""

    def neighbours(self, candidates: Candidates) -> Candidates:
        """Candidates of the space that differ from one of these a little in one number, once each."""

    def enumerate(self, limit: int = ...) -> Candidates:
        """Every candidate of a space that is small enough.

        Raises:
            ValueError: there are more than `limit`.
        """
