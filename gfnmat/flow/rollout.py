"""Sentences drawn from a policy, and how likely it makes them.

Words that leave no choice are written without asking the policy: their probability is one. A batch is written stage by
stage: a sentence that has come to a later kind of word waits for the others, so that every step is one question to many
sentences. (torchgfn's sampler asks each sentence at every step whatever comes next; with the seven kinds of question of
the crystal grammar that takes twice as long.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gfnmat.flow.policy import SeededPolicy
from gfnmat.space.environment import GrammarEnvironment
from gfnmat.space.sentences import Decisions

DECISIONS_AT_ONCE = 16_384


@torch.no_grad()
def written(environment: GrammarEnvironment, policy: SeededPolicy, n: int, exploration: float = 0.0) -> Decisions:
    """n sentences drawn from the policy.

    Args:
        environment: writes them.
        policy: decides.
        n: how many.
        exploration: share of each decision's probability that is spread evenly over the open words.
    """
    state = environment.s0.expand(n, -1).clone()
    waiting = torch.ones(n, dtype=torch.bool, device=state.device)
    end = environment.n_actions - 1
    record: list[tuple[Tensor, Tensor, Tensor]] = []
    while len(rows := waiting.nonzero().squeeze(-1)):
        question = environment.question(state[rows])
        first = int(question.min())
        rows, words = rows[question == first], environment.words_of(first)
        asked = state[rows]
        masks = environment.forward_masks(asked)[:, words]
        action = masks.long().argmax(1) + words.start
        n_open = masks.sum(1)
        if bool((n_open == 0).any()):
            raise RuntimeError("a sentence that was begun cannot be finished: the grammar's tables are wrong")
        free = (n_open > 1).nonzero().squeeze(-1)
        if len(free):
            log_probs = policy.next_word(asked[free], masks[free], exploration, words)
            action[free] = policy.drawn(log_probs) + words.start
            record.append((rows[free], asked[free], action[free]))
        ends = action == end
        waiting[rows[ends]] = False
        goes_on = (~ends).nonzero().squeeze(-1)
        if len(goes_on):
            state[rows[goes_on]] = environment.advanced(asked[goes_on], action[goes_on])
    return Decisions.of(record, state)


def log_prob_of(decisions: Decisions, environment: GrammarEnvironment, policy: SeededPolicy) -> Tensor:
    """Log-probability that the policy gives each sentence, `n`."""
    return _summed(decisions, environment, policy.next_word)


@torch.no_grad()
def log_prior_of(decisions: Decisions, environment: GrammarEnvironment, policy: SeededPolicy) -> Tensor:
    """Log weight of each sentence in the target before the reward is known, `n`: see `GrammarEnvironment.weighs`."""
    if not environment.weighs:
        return torch.zeros(len(decisions), device=environment.device)
    return _summed(decisions, environment, policy.untrained_next_word)


def _summed(decisions: Decisions, environment: GrammarEnvironment, next_word: Callable[..., Tensor]) -> Tensor:
    """The sum over each sentence's decisions of what `next_word` gives them, `n`."""
    total = torch.zeros(len(decisions), device=environment.device)
    question = environment.question(decisions.states)
    for number in question.unique().tolist():
        words = environment.words_of(number)
        for part in (question == number).nonzero().squeeze(-1).split(DECISIONS_AT_ONCE):
            state = decisions.states[part]
            log_probs = next_word(state, environment.forward_masks(state)[:, words], words=words)
            decided = log_probs.gather(1, decisions.actions[part, None] - words.start).squeeze(1)
            total = total.index_add(0, decisions.sentence[part], decided)
    return total
