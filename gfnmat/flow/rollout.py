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
from gfnmat.space.sentences import Asked, Decisions

DECISIONS_AT_ONCE = 16_384


@torch.no_grad()
def written(
    environment: GrammarEnvironment, policy: SeededPolicy, n: int, exploration: float = 0.0, recorded: bool = True
) -> Decisions:
    """n sentences drawn from the policy.

    Args:
        environment: writes them.
        policy: decides.
        n: how many.
        exploration: share of each decision's probability that is spread evenly over the open words.
        recorded: whether the decisions are kept; without, only the finished states are.
    """
    state = environment.s0.expand(n, -1).clone()
    waiting = torch.ones(n, dtype=torch.bool, device=state.device)
    end = environment.n_actions - 1
    record: list[Asked] = []
    while len(rows := waiting.nonzero().squeeze(-1)):
        kind = environment.question(state[rows])
        question = int(kind.min())
        words, rows = environment.words_of(question), rows[kind == question]
        asked = state[rows]
        while len(rows):  # those whose next word answers the same question
            masks = environment.offered(asked, question)
            action, n_open = masks.long().argmax(1) + words.start, masks.sum(1)
            if bool((n_open == 0).any()):
                raise RuntimeError("a sentence that was begun cannot be finished: the grammar's tables are wrong")
            free = (n_open > 1).nonzero().squeeze(-1)
            if len(free):
                decides = Asked(question, rows[free], asked[free], masks[free], action[free])
                log_probs = policy.next_word(decides.states, decides.masks, exploration, words)
                decides.actions.copy_(policy.drawn(log_probs) + words.start)
                action[free] = decides.actions
                if recorded:
                    record.append(decides)
            goes_on = action != end
            if not bool(goes_on.all()):
                ended = rows[~goes_on]
                waiting[ended], state[ended] = False, asked[~goes_on]
                rows, asked, action = rows[goes_on], asked[goes_on], action[goes_on]
                if not len(rows):
                    break
            asked = environment.written(asked, action, question)
            same = environment.question(asked) == question
            if not bool(same.all()):
                state[rows[~same]] = asked[~same]
                rows, asked = rows[same], asked[same]
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
    for asked in decisions.asked:
        words = environment.words_of(asked.question)
        for start in range(0, len(asked), DECISIONS_AT_ONCE):
            part = asked[start : start + DECISIONS_AT_ONCE]
            log_probs = next_word(part.states, part.masks, words=words)
            decided = log_probs.gather(1, part.actions[:, None] - words.start).squeeze(1)
            total = total.index_add(0, part.sentence, decided)
    return total
