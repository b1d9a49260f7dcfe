"""The seam between priors and a sampler."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gfnmat.space.environment import GrammarEnvironment


class PriorWords(Protocol):
    """A prior in the words of one space."""

    def __call__(self, state: Tensor, words: slice = ...) -> Tensor:
        """Log weights of some words in states `n x columns`, `n x words`; not masked."""

    def log_prob(self, finished: Tensor) -> Tensor | None:
        """The prior's own log-probability of finished states (`n x columns`), `n`, by which the target weighs them.

        None where it weighs them by the chance of their words, each normalised over what the space offers there.
        """


class Prior(Protocol):
    """What is known of materials, in any space."""

    @property
    def fingerprint(self) -> str:
        """Tells priors apart: a hash of the weights."""

    def reading(self, environment: GrammarEnvironment) -> PriorWords:
        """The prior in the words of a space.

        Raises:
            ValueError: it knows nothing of such a space, or of an element of it.
        """

    def to(self, device: torch.device) -> Prior:
        """This prior if it is on the device, or else a copy there."""


def load_prior(path: str | Path, device: torch.device | str = "cpu", crystals: bool = False) -> Prior:
    """The prior of a file; `default` is one that comes with the package.

    Args:
        path: the file, or `default`.
        device: where its weights go.
        crystals: whether `default` is the one of crystals, or else of formulas.

    Raises:
        ValueError: there is no such file, or it is not a prior's.
    """
    from gfnmat.flow.prior import crystal_prior, files
    from gfnmat.flow.prior.prior import FormulaPrior

    if str(path) != "default":
        crystals = files.read(path, "cpu").get("kind") == crystal_prior.KIND
    return crystal_prior.CrystalPrior.load(path, device) if crystals else FormulaPrior.load(path, device)
