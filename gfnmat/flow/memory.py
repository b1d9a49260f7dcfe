"""Distinct candidates that were drawn, with their sentences: what a sampler learns from again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gfnmat.flow.policy import SeededPolicy
from gfnmat.flow.table import Column, Table
from gfnmat.space.sentences import Decisions

ROOM = 2**29
STATES_AT_ONCE = 8192


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

    def knows(self, finished: Tensor) -> Tensor:
        """Whether each candidate, by the state at its sentence's end, `n x columns`, is remembered, `n` booleans."""
        return self._finished.numbers(finished) >= 0

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
