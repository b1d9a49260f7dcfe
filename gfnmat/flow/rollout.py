"""Sentences drawn from a policy, and how likely it makes them.

Words that leave no choice are written without asking the policy: their probability is one. A batch is written stage by
stage: a sentence that has come to a later kind of word waits for the others, so that every step is one question to many
sentences; those in the same state are asked about once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gfnmat.flow.memory import Sentences
from gfnmat.flow.policy import SeededPolicy
from gfnmat.flow.table import without_repetition
from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.sentences import Asked, Decisions

DECISIONS_AT_ONCE = 16_384


@torch.no_grad()
def written(
    environment: GrammarEnvironment,
    policy: SeededPolicy,
    n: int,
    exploration: float = 0.0,
    condition: Tensor | None = None,
    n_untrained: int = 0,
    recorded: bool = True,
) -> Decisions:
    """n sentences drawn from the policy.

    Args:
        environment: writes them.
        policy: decides.
        n: how many.
        exploration: share of each decision's probability that is spread evenly over the open words.
        condition: of each sentence, `n x c`.
        n_untrained: the last so many are drawn as an untrained policy would.
        recorded: whether the decisions are kept; without, only the finished states are.
    """
    state = environment.s0.expand(n, -1).clone()
    waiting = torch.ones(n, dtype=torch.bool, device=state.device)
    end = environment.n_actions - 1
    record: list[Asked] = []
    while n_waiting := len(rows := waiting.nonzero().squeeze(-1)):
        kind = environment.question(state)[rows]
        question = int(kind.min())
        rows = rows[kind == question]
        asked = state[rows]
        while len(rows):  # those whose next word answers the same question
            told = None if condition is None else condition[rows]
            trained = rows < n - n_untrained
            masks, same, action = _answered(environment, policy, question, asked, exploration, told, trained)
            if recorded:
                free = (masks.sum(1) > 1)[same].nonzero().squeeze(-1)
                record.append(Asked(question, rows[free], asked[free], masks[same[free]], action[free]))
            goes_on = action != end
            if not bool(goes_on.all()):
                ended = rows[~goes_on]
                waiting[ended], state[ended] = False, asked[~goes_on]
                n_waiting -= len(ended)
                rows, asked, action = rows[goes_on], asked[goes_on], action[goes_on]
                if not len(rows):
                    break
            asked = environment.written(asked, action, question)
            kind = environment.question(asked)
            if len(rows) == n_waiting:  # no other waits for these, so that they may go on to what comes next
                question = int(kind.min())
            stays = kind == question
            if not bool(stays.all()):
                state[rows[~stays]] = asked[~stays]
                rows, asked = rows[stays], asked[stays]
    return Decisions.of(record, state)


def _answered(
    environment: GrammarEnvironment,
    policy: SeededPolicy,
    question: int,
    asked: Tensor,
    exploration: float,
    condition: Tensor | None,
    is_trained: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Chooses the next words of n sentences that are asked the same question.

    Returns:
        Which words are open in the m states that differ, `m x words`; which of these each sentence is in, `n`; and the
        word that was chosen, `n`.
    """
    words, repeats = environment.words_of(question), environment.repeats(question)
    if repeats:
        kinds, same = without_repetition(asked)
        states = asked[kinds]
    else:
        states, same = asked, torch.arange(len(asked), device=asked.device)
    masks = environment.offered(states, question)
    n_open = masks.sum(1)
    if not bool((n_open > 0).all()):
        raise RuntimeError("a sentence that was begun cannot be finished: the grammar's tables are wrong")
    is_forced = n_open == 1
    action = torch.zeros_like(n_open)
    action[is_forced] = masks[is_forced].byte().argmax(1) + words.start
    action, is_free = action[same], ~is_forced[same]
    for trained in (True, False):
        part = (is_free & (is_trained == trained)).nonzero().squeeze(-1)
        if not len(part):
            continue
        row = same[part]
        used = torch.zeros_like(is_forced).index_fill(0, row, True)
        row = (used.cumsum(0) - 1)[row]  # among those that are used
        if not trained:
            log_probs = policy.untrained_next_word(states[used], masks[used], words)
        elif condition is None:
            log_probs = policy.next_word(states[used], masks[used], exploration, words)
        else:
            log_probs = policy.next_word(states[used], masks[used], exploration, words, condition[part], row)
            row = torch.arange(len(part), device=row.device)
        action[part] = policy.drawn(log_probs, row) + words.start
    return masks, same, action


def log_prob_of(
    decisions: Decisions, environment: GrammarEnvironment, policy: SeededPolicy, condition: Tensor | None = None
) -> Tensor:
    """Log-probability that the policy gives each sentence, `n`, under a condition `c`."""

    def next_word(state: Tensor, masks: Tensor, words: slice) -> Tensor:
        told = None if condition is None else condition.expand(len(state), -1)
        return policy.next_word(state, masks, words=words, condition=told)

    return _summed(decisions, environment, next_word)


@torch.no_grad()
def log_prior_of(decisions: Decisions, environment: GrammarEnvironment, policy: SeededPolicy) -> Tensor:
    """Log weight of each sentence in the target before the reward is known, `n`: see `GrammarEnvironment.weighs`."""
    whole = None if policy.prior is None else policy.prior.log_prob(decisions.finished)
    if whole is not None:
        return whole
    if not environment.weighs:
        return torch.zeros(len(decisions), device=environment.device)
    return _summed(decisions, environment, policy.untrained_next_word)


def _summed(decisions: Decisions, environment: GrammarEnvironment, next_word: Callable[..., Tensor]) -> Tensor:
    """The sum over each sentence's decisions of what `next_word` gives them, `n`."""
    total = torch.zeros(len(decisions), device=environment.device)
    for asked in decisions.asked:
        words = environment.words_of(asked.question)
        for start in range(0, len(asked), DECISIONS_AT_ONCE):
            part = asked[start : start + DECISIONS_AT_ONCE]
            if environment.repeats(asked.question):
                kinds, same = without_repetition(part.states)
                log_probs = next_word(part.states[kinds], part.masks[kinds], words=words)[same]
            else:
                log_probs = next_word(part.states, part.masks, words=words)
            decided = log_probs.gather(1, part.actions[:, None] - words.start).squeeze(1)
            total = total.index_add(0, part.sentence, decided)
    return total


class Decided(NamedTuple):
    """Log-probabilities of decisions, `g x n x length`, and log flows of their states relative to log Z, the same."""

    log_probs: Tensor
    flows: Tensor


def decided_in(
    sentences: Sentences,
    environment: GrammarEnvironment,
    policy: SeededPolicy,
    condition: Tensor | None,
    flow: nn.Module | None = None,
) -> Decided:
    """What the policy gives each decision, 0 beyond a sentence's end.

    Args:
        sentences: n of them.
        environment: of the sentences.
        policy: decides.
        condition: g of them, `g x c`; None for one group without.
        flow: from the network's last hidden layer to the log flow; without it the flows are nothing.
    """
    network, states = policy.network, sentences.states
    told = None if condition is None else condition[:, None]
    shared = network.shared(environment.seen(states))
    top = network.top(shared, told)
    question = environment.question(states)
    places, parts = [], []
    flat, actions = sentences.place.flatten(), sentences.actions.flatten()
    inside = (flat >= 0).nonzero().squeeze(-1)
    row_in_question = torch.zeros(len(states), dtype=torch.int64, device=states.device)
    for number in question.unique().tolist():
        words = environment.words_of(number)
        rows = (question == number).nonzero().squeeze(-1)
        row_in_question[rows] = torch.arange(len(rows), device=rows.device)
        of_words = sentences.weights
        weights = environment.log_weights(states[rows], words) if of_words is None else of_words[rows][:, words]
        logits = network.logits(shared[rows], words, told, top[..., rows, :])
        log_probs = policy.log_probs(logits, weights, sentences.masks[rows][:, words])
        log_probs = log_probs if log_probs.ndim == 3 else log_probs[None]
        here = inside[question[flat[inside]] == number]
        places.append(here)
        parts.append(log_probs[:, row_in_question[flat[here]], actions[here] - words.start])
    n_groups = 1 if condition is None else len(condition)
    every = torch.zeros(n_groups, len(flat), device=states.device, requires_grad=not parts)
    if parts:
        every = every.index_copy(1, torch.cat(places), torch.cat(parts, 1))
    every = every.unflatten(1, sentences.place.shape)
    if flow is None:
        return Decided(every, every.new_zeros(0))
    of_states = flow(top).squeeze(-1).expand(len(every), -1)[:, sentences.place.clamp(min=0)]
    return Decided(every, torch.where(sentences.place >= 0, of_states, 0))
