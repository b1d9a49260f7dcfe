"""Sentences of a grammar: the decisions in them, whether they are allowed, and all there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gfnmat.space.candidates import Candidates
    from gfnmat.space.design_space import DesignSpace
    from gfnmat.space.environment import GrammarEnvironment


@dataclass(frozen=True)
class Asked:
    """Decisions about one question, in D states.

    Attributes:
        question: see `GrammarEnvironment.question`.
        sentence: to which sentence each decision belongs, `D`.
        states: in which state it was taken, `D x columns`.
        masks: which words were open, `D x words` of the question.
        actions: what was decided, `D`.
    """

    question: int
    sentence: Tensor
    states: Tensor
    masks: Tensor
    actions: Tensor

    def __len__(self) -> int:
        return len(self.sentence)

    def __getitem__(self, rows: Tensor | slice) -> Asked:
        return Asked(self.question, self.sentence[rows], self.states[rows], self.masks[rows], self.actions[rows])

    @classmethod
    def none(cls, environment: GrammarEnvironment) -> Asked:
        """No decision, about the first question."""
        question = int(environment.question(environment.s0[None]))
        words = environment.words_of(question)
        nothing = environment.s0.new_zeros(0)
        masks = torch.zeros(0, words.stop - words.start, dtype=torch.bool, device=nothing.device)
        return cls(question, nothing, environment.s0[None][:0], masks, nothing)

    @classmethod
    def concatenate(cls, parts: Sequence[Asked]) -> Asked:
        """The decisions of several parts about the same question, as one."""
        if len(parts) == 1:
            return parts[0]
        columns = ((part.sentence, part.states, part.masks, part.actions) for part in parts)
        return cls(parts[0].question, *(torch.cat(column) for column in zip(*columns, strict=True)))


@dataclass(frozen=True)
class Decisions:
    """The decisions in a batch of n sentences; a word that leaves no choice is none.

    Attributes:
        asked: the decisions, question by question.
        steps: of each of these, numbers that rise along a sentence, whatever is asked.
        finished: the state at the end of each sentence, `n x columns`.
    """

    asked: tuple[Asked, ...]
    steps: tuple[Tensor, ...]
    finished: Tensor

    def __len__(self) -> int:
        return len(self.finished)

    def flat(self, environment: GrammarEnvironment) -> Asked:
        """All decisions about whatever question, those of each sentence in order; the masks are of all actions."""
        parts = []
        for asked in self.asked or (Asked.none(environment),):
            masks = torch.zeros(len(asked), environment.n_actions, dtype=torch.bool, device=asked.masks.device)
            masks[:, environment.words_of(asked.question)] = asked.masks
            parts.append(Asked(-1, asked.sentence, asked.states, masks, asked.actions))
        if not self.steps:
            return parts[0]
        return Asked.concatenate(parts)[torch.cat(self.steps).argsort(stable=True)]

    @classmethod
    def of(cls, record: Sequence[Asked], finished: Tensor) -> Decisions:
        """What was recorded step by step."""
        parts: dict[int, list[Asked]] = {}
        steps: dict[int, list[Tensor]] = {}
        for step, asked in enumerate(record):
            if len(asked):
                parts.setdefault(asked.question, []).append(asked)
                steps.setdefault(asked.question, []).append(torch.full_like(asked.sentence, step))
        questions = sorted(parts)
        return cls(
            tuple(Asked.concatenate(parts[question]) for question in questions),
            tuple(torch.cat(steps[question]) for question in questions),
            finished,
        )


@torch.no_grad()
def read(environment: GrammarEnvironment, sentences: Tensor) -> tuple[Decisions, Tensor]:
    """The decisions in given sentences, and which of these are sentences of the grammar, `n` booleans.

    Args:
        environment: of the grammar.
        sentences: `n x length` actions padded with -1.
    """
    state = environment.s0.expand(len(sentences), -1).clone()
    allowed = torch.ones(len(sentences), dtype=torch.bool, device=state.device)
    ended = torch.zeros_like(allowed)
    record: list[Asked] = []
    for actions in sentences.unbind(1):
        reads = (allowed & ~ended & (actions >= 0)).nonzero().squeeze(-1)
        for question, part in environment.by_question(state[reads]):
            rows, words = reads[part], environment.words_of(question)
            asked, action = state[rows], actions[rows]
            masks = environment.offered(asked, question)
            is_open = (action >= words.start) & (action < words.stop)
            place = (action - words.start).clamp(0, masks.shape[1] - 1)
            is_open &= masks.gather(1, place[:, None]).squeeze(1)
            allowed[rows[~is_open]] = False
            free = (is_open & (masks.sum(1) > 1)).nonzero().squeeze(-1)
            record.append(Asked(question, rows[free], asked[free], masks[free], action[free]))
            ends = action == environment.n_actions - 1
            ended[rows[ends]] = True
            goes_on = (is_open & ~ends).nonzero().squeeze(-1)
            if len(goes_on):
                state[rows[goes_on]] = environment.written(asked[goes_on], action[goes_on], question)
    return Decisions.of(record, state), allowed & ended


def decisions_in(
    space: DesignSpace, environment: GrammarEnvironment, candidates: Candidates
) -> tuple[Decisions, Tensor]:
    """The decisions in the sentences of candidates, and which candidates are in the space, `n` booleans.

    Candidates without the elements and sizes of the space have no sentence, and no decisions.
    """
    inside = space.fits(candidates).to(environment.device)
    if not bool(inside.any()):
        return Decisions.of([], environment.s0[None][:0]), inside
    decisions, allowed = read(
        environment, space.sentences(candidates[inside.to(candidates.counts.device)], environment)
    )
    inside[inside.clone()] = allowed
    return decisions, inside


def admitted(space: DesignSpace, candidates: Candidates) -> Tensor:
    """Whether each candidate is in the space, `n` booleans."""
    return decisions_in(space, space.environment(device=candidates.counts.device), candidates)[1]


def enumerated(environment: GrammarEnvironment, limit: int) -> Tensor:
    """The state at the end of every sentence, `sentences x columns`.

    Raises:
        ValueError: there are more than `limit` sentences.
    """
    state = environment.s0[None]
    finished: list[Tensor] = []
    n_finished = 0
    while len(state):
        masks = environment.forward_masks(state)
        done = state[masks[:, -1]]
        finished.append(done)
        n_finished += len(done)
        rows, actions = masks[:, :-1].nonzero(as_tuple=True)
        if n_finished + len(rows) > limit:  # each of them can be finished
            raise ValueError(f"the space holds more than {limit} candidates; sample from it instead.")
        state = environment.advanced(state[rows], actions)
    return torch.cat(finished)
