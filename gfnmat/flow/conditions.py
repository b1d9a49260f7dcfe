"""What a conditional sampler is told: preferences among objectives, and how sharply the reward counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ENDS = 0.1  # share of the sharpnesses drawn that are the smallest, and as many the largest
CORNERS = 0.2  # share of the preferences drawn that are for one objective alone
WAVES = (1, 2, 4)


@dataclass(frozen=True)
class Condition:
    """Preferences among the objectives (they are scaled to sum to one), and the reward's inverse temperature."""

    preferences: Sequence[float]
    sharpness: float


@dataclass(frozen=True)
class Conditioning:
    """The conditions that a sampler learns under.

    Under preferences w and sharpness b the log reward of objectives f is b times the sum of w f.

    Attributes:
        n_objectives: how many numbers an objective function gives for a candidate.
        sharpness: smallest and largest; drawn evenly on the logarithmic scale.
    """

    n_objectives: int
    sharpness: tuple[float, float] = (1.0, 32.0)

    def __post_init__(self) -> None:
        if self.n_objectives < 1:
            raise ValueError(f"n_objectives is {self.n_objectives}; at least one is needed.")
        if not 0 < self.sharpness[0] <= self.sharpness[1]:
            raise ValueError(f"sharpness is {self.sharpness}; it must be a range of positive numbers.")

    @property
    def n_numbers(self) -> int:
        """Numbers that describe a condition to a network."""
        return (3 + 2 * len(WAVES)) * self.n_objectives + 1 + 2 * len(WAVES)

    def rows(self, conditions: Sequence[Condition]) -> Tensor:
        """Conditions as rows of preferences and sharpness, `g x (k + 1)`.

        Raises:
            ValueError: preferences that are too many, negative or all zero, or a sharpness outside the range.
        """
        low, high = self.sharpness
        for condition in conditions:
            given = condition.preferences
            if len(given) != self.n_objectives or not min(given) >= 0 or not 0 < sum(given) < math.inf:
                raise ValueError(f"preferences are {list(given)}; give {self.n_objectives} of at least 0, not all 0.")
            if not low * (1 - 1e-6) <= condition.sharpness <= high * (1 + 1e-6):
                raise ValueError(f"sharpness is {condition.sharpness}; the sampler learns it from {low} to {high}.")
        rows = [[p / sum(c.preferences) for p in c.preferences] + [c.sharpness] for c in conditions]
        return torch.tensor(rows, dtype=torch.get_default_dtype())

    def drawn(self, n: int, generator: torch.Generator) -> Tensor:
        """n rows, evenly over the simplex of preferences and the logarithm of sharpness, `n x (k + 1)`."""
        k, device = self.n_objectives, generator.device
        spread = torch.empty(n, k, device=device).exponential_(generator=generator)
        preferences = spread / spread.sum(1, keepdim=True)
        at_corner = torch.rand(n, 1, generator=generator, device=device) < CORNERS
        corner = torch.eye(k, device=device)[torch.randint(k, (n,), generator=generator, device=device)]
        low, high = (math.log(limit) for limit in self.sharpness)
        place = torch.rand(n, 1, generator=generator, device=device) / (1 - 2 * ENDS) - ENDS / (1 - 2 * ENDS)
        sharpness = (low + (high - low) * place.clamp(0, 1)).exp()
        return torch.cat([torch.where(at_corner, corner, preferences), sharpness], dim=1)

    def numbers(self, rows: Tensor) -> Tensor:
        """What describes the conditions to a network, `... x n_numbers`: also waves, for what changes quickly."""
        low, high = self.sharpness
        preferences, sharpness = rows[..., :-1], rows[..., -1:]
        place = (sharpness / low).log() / max(math.log(high / low), 1e-2)
        weights = preferences * sharpness
        parts = [weights / high, preferences, place, weights.log1p() / math.log1p(high)]
        for wave in WAVES:
            for value in (preferences, place):
                parts += [(math.pi * wave * value).sin(), (math.pi * wave * value).cos()]
        return torch.cat(parts, dim=-1)

    def log_reward(self, objectives: Tensor, rows: Tensor) -> Tensor:
        """Under each condition `g x (k + 1)`, of each candidate's objectives `n x k`, `g x n`."""
        return rows[:, -1:] * (rows[:, :-1] @ objectives.T)
