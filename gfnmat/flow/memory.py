"""Distinct candidates that were drawn, with their sentences: what a sampler learns from again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.flow.policy import SeededPolicy
from gfnmat.space.sentences import Decisions

ROOM = 2**29
STATES_AT_ONCE = 8192


def fingerprints(rows: Tensor) -> Tensor:
    """A number for each row of integers, `n` int64; two different rows share one with a chance of about 2^-62."""
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=generator).to(rows.device) * 2 + 1
    return (rows * factors).sum(1)


def without_repetition(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows are the first of their kind, and for each row which of these it is like."""
    _, inverse = fingerprints(rows).unique(return_inverse=True)
    return _firsts(inverse), inverse


def _firsts(inverse: Tensor) -> Tensor:
    """The first place at which each of the numbers 0, 1, ... stands."""
    n = int(inverse.max()) + 1 if len(inverse) else 0
    first = torch.full((n,), len(inverse), device=inverse.device)
    return first.scatter_reduce(0, inverse, torch.arange(len(inverse), device=inverse.device), "amin")


class Column:
    """Rows that are appended to, with room for more."""

    def __init__(self, nothing: Tensor, fill: float = 0) -> None:
        self._room, self.n, self._fill = nothing, 0, fill

    @property
    def rows(self) -> Tensor:
        """Those that were written."""
        return self._room[: self.n]

    def append(self, rows: Tensor) -> None:
        """Writes rows at the end; those of a matrix may be wider than before, or narrower."""
        width = max(rows.shape[1], self._room.shape[1]) if rows.ndim == 2 else 0
        need = self.n + len(rows)
        if need > len(self._room) or (width and width > self._room.shape[1]):
            shape = (max(need, 2 * self.n), *([width] if width else []))
            room = torch.full(shape, self._fill, dtype=rows.dtype, device=rows.device)
            room[(slice(0, self.n), *([slice(0, self._room.shape[1])] if width else []))] = self.rows
            self._room = room
        self._room[(slice(self.n, need), *([slice(0, rows.shape[1])] if width else []))] = rows
        self.n = need


class Table:
    """Rows of integers without repetition, each with a number from 0."""

    def __init__(self, width: int, device: torch.device) -> None:
        self._rows = Column(torch.zeros(0, width, dtype=torch.int64, device=device))
        self._keys = torch.zeros(0, dtype=torch.int64, device=device)
        self._numbers = torch.zeros(0, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        return self._rows.n

    @property
    def rows(self) -> Tensor:
        """All rows in the order of their numbers."""
        return self._rows.rows

    def add(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The number of each row, `n`, and which of them were new, each the first of its kind."""
        keys, inverse = fingerprints(rows).unique(return_inverse=True)
        first = _firsts(inverse)
        if len(self):
            at = torch.searchsorted(self._keys, keys).clamp(max=len(self._keys) - 1)
            known = self._keys[at] == keys
            numbers = torch.where(known, self._numbers[at], -1)
        else:
            numbers = torch.full_like(keys, -1)
        new = (numbers < 0).nonzero().squeeze(-1)
        numbers[new] = torch.arange(len(self), len(self) + len(new), device=rows.device)
        self._rows.append(rows[first[new]])
        self._keys, order = torch.cat([self._keys, keys[new]]).sort()
        self._numbers = torch.cat([self._numbers, numbers[new]])[order]
        return numbers[inverse], first[new]


@dataclass(frozen=True)
class Sentences:
    """n sentences by their decisions, with the U distinct states in which these are taken.

    Attributes:
        states: `U x columns`.
        masks: words that are open there, `U x actions`.
        weights: what an untrained policy prefers there, `U x actions`; None where it prefers nothing.
        place: for each sentence its decisions' states, -1 beyond, `n x length`.
        actions: what was decided, `n x length`.
    """

    states: Tensor
    masks: Tensor
    weights: Tensor | None
    place: Tensor
    actions: Tensor


class Memory:
    """Distinct candidates, as many as there is room for.

    Args:
        policy: wrote their sentences.
        n_values: numbers that are kept for each candidate: its log reward, or its objectives.
        room: bytes that the decisions' states may take, about.
    """

    def __init__(self, policy: SeededPolicy, n_values: int, room: int = ROOM) -> None:
        self.policy, self.environment, self.n_values = policy, policy.environment, n_values
        of_actions = 5 if policy.has_weights else 1
        self.most_states = max(1, room // (8 * len(self.environment.s0) + of_actions * self.environment.n_actions))
        self._begin()

    def _begin(self) -> None:
        environment, n_values = self.environment, self.n_values
        device = environment.device
        self._states = Table(environment.s0.shape[0], device)
        self._masks = Column(torch.zeros(0, environment.n_actions, dtype=torch.bool, device=device))
        self._weights = Column(torch.zeros(0, environment.n_actions, device=device))
        self._finished = Table(environment.s0.shape[0], device)
        self._place = Column(torch.full((0, 1), -1, device=device), fill=-1)
        self._actions = Column(torch.zeros(0, 1, dtype=torch.int64, device=device))
        self._values = Column(torch.zeros(0, n_values, device=device))
        self._log_prior = Column(torch.zeros(0, device=device))

    def __len__(self) -> int:
        return self._values.n

    @property
    def values(self) -> Tensor:
        """What is known of each candidate, `n x values`."""
        return self._values.rows

    @property
    def log_prior(self) -> Tensor:
        """Each candidate's log weight before the reward, `n`."""
        return self._log_prior.rows

    @property
    def finished(self) -> Tensor:
        """The state at the end of each sentence, `n x columns`."""
        return self._finished.rows

    @property
    def is_full(self) -> bool:
        """Whether there is no room for more; `keep` makes some."""
        return len(self._states) > self.most_states

    def keep(self, rows: Tensor) -> None:
        """Forgets all candidates but these; the places of those that are kept are new."""
        kept, finished = self.sentences(rows), self.finished[rows]
        values, log_prior = self.values[rows], self.log_prior[rows]
        self._begin()
        number, first = self._states.add(kept.states)
        self._masks.append(kept.masks[first])
        if kept.weights is not None:
            self._weights.append(kept.weights[first])
        _, order = self._finished.add(finished)
        self._place.append(torch.where(kept.place >= 0, number[kept.place], -1)[order])
        self._actions.append(kept.actions[order])
        self.learn(values[order], log_prior[order])

    def number(self, decisions: Decisions) -> tuple[Tensor, Tensor]:
        """The place of each sentence here, and which sentences are new; `learn` must be told of these next."""
        places, new = self._finished.add(decisions.finished)
        is_new = torch.full((len(decisions),), -1, device=new.device)
        is_new[new] = torch.arange(len(new), device=new.device)
        every = decisions.flat(self.environment)
        ours = every[(is_new[every.sentence] >= 0).nonzero().squeeze(-1)]
        sentence, order = is_new[ours.sentence].sort(stable=True)
        ours = ours[order]
        begin = torch.searchsorted(sentence, torch.arange(len(new), device=new.device))
        step = torch.arange(len(sentence), device=new.device) - begin[sentence]
        states, new_states = self._states.add(ours.states)
        self._masks.append(ours.masks[new_states])
        if self.policy.has_weights:
            for part in new_states.split(STATES_AT_ONCE):
                self._weights.append(self.policy.weights(ours.states[part]))
        length = int(step.max()) + 1 if len(step) else 1
        place = torch.full((len(new), length), -1, device=new.device)
        actions = torch.zeros_like(place)
        place[sentence, step], actions[sentence, step] = states, ours.actions
        self._place.append(place)
        self._actions.append(actions)
        return places, new

    def learn(self, values: Tensor, log_prior: Tensor) -> None:
        """What is known of the new candidates, `n x values`, and their log weights, `n`."""
        self._values.append(values)
        self._log_prior.append(log_prior)

    def sentences(self, rows: Tensor) -> Sentences:
        """Those of some candidates."""
        place, actions = self._place.rows[rows], self._actions.rows[rows]
        length = max(1, int((place >= 0).sum(1).max()))
        place, actions = place[:, :length].clone(), actions[:, :length]
        decided = place >= 0
        used, place[decided] = place[decided].unique(return_inverse=True)
        return Sentences(
            states=self._states.rows[used],
            masks=self._masks.rows[used],
            weights=self._weights.rows[used] if self.policy.has_weights else None,
            place=place,
            actions=actions,
        )
