"""Picks pairs of candidate and rung, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Literal, Protocol

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.entropy_search import EntropySearch
from gfnmat.campaign.acquisition.improvement import Improvement
from gfnmat.campaign.acquisition.information import Information
from gfnmat.campaign.acquisition.knowledge_gradient import KnowledgeGradient
from gfnmat.campaign.acquisition.pick import Pick, Scores
from gfnmat.campaign.acquisition.situation import Offer, Situation

SHORTLIST = 96  # candidates whose pairs are scored: for each rung the most worthy of those it may still be asked of
ENOUGH_SHARED = 12  # candidates at both rungs from which their agreement is taken as known
LITTLE = 0.15  # of the target's cost, what comparing a lower rung with it may cost
AT_ONCE = 1024  # candidates between two looks at the clock


class Scorer(Protocol):
    """One kind of acquisition, ready for a situation and an offer."""

    def worth(self, rows: Tensor) -> Tensor:
        """Log of what the target would give, each row of the pool by itself, `n`: what shortlists candidates."""

    def __call__(self, rows: Tensor, information: Information, taken: Sequence[tuple[int, int]]) -> Scores:
        """What speaks for the pairs of these rows, of which so much is known, once others, (row, rung), are taken."""


SCORERS: dict[str, Callable[[Situation, Offer, int], Scorer]] = {
    "improvement": Improvement,
    "entropy_search": EntropySearch,
    "knowledge_gradient": KnowledgeGradient,
}


@dataclass(frozen=True)
class Policy:
    """How to pick.

    Attributes:
        kind: one of `SCORERS`.
        fidelity: `auto`, by what a rung tells and costs; `target`; or `random`, each pick at a random rung.
        deadline: seconds after which no further pick is begun and no further candidate is looked at; one pick is made
            whatever it takes. None waits.
    """

    kind: str = "improvement"
    fidelity: Literal["auto", "target", "random"] = "auto"
    deadline: float | None = None


def select(situation: Situation, offer: Offer, policy: Policy, n: int, seed: int) -> list[Pick]:
    """Picks up to n pairs, one by one, each with the earlier ones pending.

    Args:
        situation: what is known.
        offer: what may be picked.
        policy: how.
        n: most pairs to pick.
        seed: fixes whatever is drawn. One seed gives one choice, unless the deadline cuts it short.
    """
    start = perf_counter()

    def overdue() -> bool:
        return policy.deadline is not None and perf_counter() - start > policy.deadline

    open_pairs = offer.open_pairs.to(offer.pool.device, copy=True)
    repeats = offer.repeats.to(open_pairs.device)
    if policy.fidelity == "target":
        open_pairs[:, :-1] = False
    generator = torch.Generator().manual_seed(seed)
    declared = torch.tensor(offer.costs, dtype=torch.float64, device=offer.pool.device)
    kept_back = torch.full_like(declared, offer.reserve)
    kept_back[-1] = 0.0
    budget, picks = offer.budget, list[Pick]()
    payable = open_pairs & (declared + kept_back <= budget + 1e-9)
    if n < 1 or not bool(payable.any()):
        return []
    scorer = SCORERS[policy.kind](situation, offer, seed)
    worth = _worth(scorer, payable.any(1).nonzero()[:, 0], len(offer.pool), overdue)
    shortlist = payable.new_zeros(0, dtype=torch.long)
    while bool(payable[worth.isfinite()].any()):
        allowed = payable & _allowed_rungs(payable[worth.isfinite()], policy.fidelity, generator)
        if not bool(allowed[shortlist].any()):
            shortlist = _shortlist(worth, allowed, max(SHORTLIST, 4 * n))
            information = Information.of(situation.surrogate, offer.pool[shortlist], situation.agreement.trust)
        scores = scorer(shortlist, information, [(pick.index, pick.rung) for pick in picks])
        best = int(torch.where(allowed[shortlist], scores.log_rate, -torch.inf).argmax())
        row, rung = divmod(best, open_pairs.shape[1])
        index = int(shortlist[row])
        picks.append(
            Pick(
                index=index,
                rung=rung,
                log_value=float(scores.log_value[row, rung]),
                share=float(scores.share[row, rung]),
                price=float(scores.price[row, rung]),
            )
        )
        budget -= offer.costs[rung]
        if rung == len(offer.costs) - 1:
            beside = _to_compare(situation, offer, open_pairs[index] & ~repeats[index], picks)[: n - len(picks)]
            beside = beside if sum(offer.costs[lower] for lower in beside) <= budget else []
            picks += [replace(picks[-1], rung=lower, price=offer.costs[lower], compares=True) for lower in beside]
            budget -= sum(offer.costs[lower] for lower in beside)
        if len(picks) == n or overdue():
            break
        open_pairs[index] = False
        if rung in offer.untried and bool(repeats[index, rung]):
            open_pairs[:, rung] &= ~repeats[:, rung]
        payable = open_pairs & (declared + kept_back <= budget + 1e-9)
    return picks


def _to_compare(situation: Situation, offer: Offer, open_rungs: Tensor, picks: Sequence[Pick]) -> list[int]:
    """Lower rungs that are asked beside the target, because too little is known of how they agree with it."""
    beside = [pick.rung for pick in picks if pick.compares]
    return [
        rung
        for rung, cost in enumerate(offer.costs[:-1])
        if cost <= LITTLE * offer.costs[-1]
        and situation.agreement.shared[rung] + beside.count(rung) < ENOUGH_SHARED
        and bool(open_rungs[rung])
    ]


def _worth(scorer: Scorer, rows: Tensor, n: int, overdue: Callable[[], bool]) -> Tensor:
    """Worth of these rows of a pool of n, `n`; -inf for all others, and for those not reached in time."""
    worth = torch.full((n,), -torch.inf, dtype=torch.float64, device=rows.device)
    for part in rows.split(AT_ONCE):
        worth[part] = scorer.worth(part).to(worth)
        if overdue():
            break
    return worth


def _allowed_rungs(payable: Tensor, fidelity: str, generator: torch.Generator) -> Tensor:
    """Which rungs the next pick may be at, `rungs` booleans."""
    rungs = payable.any(0)
    if fidelity != "random":
        return rungs
    drawn = int(torch.multinomial(rungs.double().cpu(), 1, generator=generator))
    return torch.arange(len(rungs), device=rungs.device) == drawn


def _shortlist(worth: Tensor, allowed: Tensor, size: int) -> Tensor:
    """The rows of the highest worth among those allowed at each rung, `n`, in the order of the pool."""
    chosen = torch.zeros(len(worth), dtype=torch.bool, device=worth.device)
    for column in allowed.T:
        ranked = torch.where(column, worth, -torch.inf)
        chosen[ranked.topk(min(size, int(ranked.isfinite().sum()))).indices] = True
    return chosen.nonzero()[:, 0]
