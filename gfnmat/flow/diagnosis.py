"""How close a sampler is to the distribution that it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.space.candidates import Candidates

if TYPE_CHECKING:
    from gfnmat.flow.conditions import Condition
    from gfnmat.flow.gflownet import GFlowNet

ENUMERATED = 50_000  # members of a space up to which all of them are compared


@dataclass(frozen=True)
class Diagnosis:
    """Figures of one comparison.

    Attributes:
        candidates: distinct ones that were compared.
        total_variation: distance between the sampler's probabilities and the target's, 0 to 1; None where the space
            is too large to enumerate.
        correlation: of log p, less the log prior, with the log reward, over these candidates; 1 where the sampler is
            exact, and NaN where all rewards are alike.
        gap_variance: of log target less log p, over the sampler's own draws; 0 where it is exact. (On an enumerated
            space, under the sampler's probabilities.)
        effective_share: what independent draws from the target its draws are worth, as a share of their number, 0 to 1.
        log_z_error: the sampler's log Z less the sum over the space, or less what its draws say by importance
            sampling, which is only as good as `effective_share` is high.
    """

    candidates: int
    total_variation: float | None
    correlation: float
    gap_variance: float
    effective_share: float
    log_z_error: float


def diagnose(
    flow: GFlowNet,
    log_reward: Callable[[Candidates], Tensor],
    n: int = 1000,
    candidates: Candidates | None = None,
    condition: Condition | None = None,
    enumerated: int = ENUMERATED,
) -> Diagnosis:
    """Compares a sampler with prior times reward.

    Args:
        flow: the sampler.
        log_reward: what it was trained on (objectives, where it is conditional).
        n: draws to compare on, where the space is too large; half as many again are drawn untrained, so that
            candidates of low reward count too.
        candidates: members of the space to compare on instead of the untrained draws, such as ones held out.
        condition: of a conditional sampler.
        enumerated: up to how many members are all compared.

    Raises:
        ValueError: n is less than 2, a reward is not finite or of the wrong shape, or a candidate is not in the space.
    """
    if n < 2:
        raise ValueError(f"n is {n}; a variance needs at least two draws.")
    reward = partial(flow.checked_log_reward, log_reward, condition=condition)
    members = None if candidates is not None else _members(flow, enumerated)
    if members is not None:
        values, log_prior = reward(members), flow.log_prior(members)
        log_prob, target = flow.log_prob(members, condition=condition).double(), (values + log_prior).double()
        gap, chance = target - log_prob, log_prob.exp()
        mean = (chance * gap).sum() / chance.sum()
        return Diagnosis(
            candidates=len(members),
            total_variation=float((chance - target.softmax(0)).abs().sum() / 2),
            correlation=_correlation(log_prob - log_prior, values),
            gap_variance=float((chance * (gap - mean).square()).sum() / chance.sum()),
            effective_share=_effective_share(gap, chance),
            log_z_error=_log_z(flow, condition) - float(target.logsumexp(0)),
        )
    drawn = flow.sample(n, condition=condition)
    others = flow.sample_untrained(n // 2) if candidates is None else candidates
    both = Candidates.concatenate([drawn, others.to(drawn.counts.device)])
    values, log_prob, log_prior = reward(both), flow.log_prob(both, condition=condition), flow.log_prior(both)
    gap = (values + log_prior - log_prob).double()[:n]
    first = both.first_of_each()
    return Diagnosis(
        candidates=len(first),
        total_variation=None,
        correlation=_correlation((log_prob - log_prior)[first], values[first]),
        gap_variance=float(gap.var()),
        effective_share=_effective_share(gap, torch.ones_like(gap)),
        log_z_error=_log_z(flow, condition) - float(gap.logsumexp(0) - torch.tensor(n).log()),
    )


def _log_z(flow: GFlowNet, condition: Condition | None) -> float:
    return flow.log_z if condition is None else flow.log_z_of(condition)


def _members(flow: GFlowNet, most: int) -> Candidates | None:
    try:
        return flow.space.enumerate(limit=most).to(flow.device)
    except ValueError:
        return None


def _correlation(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.double(), other.double()]))[0, 1])


def _effective_share(gap: Tensor, chance: Tensor) -> float:
    """Kish's, of importance weights exp(gap) that are drawn with these chances."""
    weight, chance = (gap - gap.max()).exp(), chance / chance.sum()
    return float((chance * weight).sum().square() / (chance * weight.square()).sum())
