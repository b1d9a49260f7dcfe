"""Which candidates to evaluate, and at which fidelity.

A candidate's worth is its noisy expected improvement at the target fidelity (Ament et al., arXiv:2310.20708, for
one objective and, as hypervolume improvement, for several). Evaluating it at a lower rung buys a part of that: the
squared posterior correlation of the rung with the target, after Huang et al., Struct. Multidiscip. Optim. 32, 369
(2006). Worth times part, by cost, ranks the (candidate, rung) pairs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.campaign.goals import Goals
from gfnmat.campaign.scores import REFERENCE, Scale
from surrogates import Surrogate

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction, MCAcquisitionObjective

N_SAMPLES = 64
CONFIRMED = 0.5  # share of what a lower rung was asked about that is then asked of the target as well
AT_ONCE = 512  # candidates scored in one batch
SHORTLIST = 96  # candidates scored again after each pick; the others were far from the best at the first


@dataclass(frozen=True)
class Pick:
    """One (candidate, rung) pair, with what spoke for it.

    Attributes:
        index: the candidate's row in the pool.
        rung: the fidelity's position on the ladder.
        log_improvement: log of the expected improvement at the target, in normalised units.
        share: part of it that the rung buys, between 0 and 1.
    """

    index: int
    rung: int
    log_improvement: float
    share: float


def prices(costs: Sequence[float]) -> Tensor:
    """What choosing each rung costs in the end, `rungs` float64.

    The declared cost, and for a rung below the target the part of the target's cost that confirming its promises
    takes. Without that part, a rung that costs almost nothing would fill every batch, however little it tells.
    """
    declared = torch.tensor(list(costs), dtype=torch.float64)
    confirmation = torch.full_like(declared, CONFIRMED * costs[-1])
    confirmation[-1] = 0.0
    return declared + confirmation


def select(
    surrogate: Surrogate,
    goals: Goals,
    scale: Scale,
    pool: Tensor,
    open_pairs: Tensor,
    measured: Tensor,
    pending: Tensor,
    costs: Sequence[float],
    n: int,
    budget: float,
    reserve: float,
    seed: int,
    log_feasibility: Tensor | None = None,
) -> list[Pick]:
    """Picks up to n pairs, one by one, each with the earlier ones pending.

    Args:
        surrogate: fitted to `problem.properties`.
        goals: objectives and constraints.
        scale: of the utilities measured so far; improvement counts in its units.
        pool: features of the candidates, `pool x d`.
        open_pairs: which pairs may be picked, `pool x rungs` booleans.
        measured: features of the candidates that improvement is measured against, `k x d`, k at least 1.
        pending: features of the candidates whose results are awaited, `p x d`.
        costs: declared cost of each rung.
        n: most pairs to pick.
        budget: what the picks may cost together.
        reserve: what a pick below the target must leave of the budget; a promise that cannot be confirmed any more
            is of no use.
        seed: fixes the quasi-random samples.
        log_feasibility: log-probability that the target oracle answers each candidate, `pool`; None if it surely does.
    """
    shares = torch.stack([_share_bought(surrogate, goals, pool, rung) for rung in range(open_pairs.shape[1])], dim=1)
    log_price = prices(costs).log().to(shares.device)
    improvement = _Improvement(surrogate, goals, scale, measured, seed)
    answered = torch.zeros_like(shares[:, 0]) if log_feasibility is None else log_feasibility.to(shares)
    alone = improvement(pool, pending) + answered
    open_pairs = open_pairs.to(shares.device, copy=True)
    declared = torch.tensor(list(costs), dtype=torch.float64, device=shares.device)
    kept_back = torch.full_like(declared, reserve)
    kept_back[-1] = 0.0
    candidates, log_improvement = alone.new_empty(0, dtype=torch.long), alone.clone()
    picks: list[Pick] = []
    while len(picks) < n:
        payable = open_pairs & (declared + kept_back <= budget + 1e-9)
        if not bool(payable.any()):
            break
        if not bool(payable[candidates].any()):
            ranked = torch.where(payable.any(1), alone, -torch.inf)
            candidates = ranked.topk(min(max(SHORTLIST, 4 * n), int(payable.any(1).sum()))).indices
        if picks:
            taken = torch.cat([pending, pool[[pick.index for pick in picks]]])
            log_improvement[candidates] = improvement(pool[candidates], taken) + answered[candidates]
        score = log_improvement[candidates, None] + shares[candidates].clamp(min=1e-12).log() - log_price[None]
        best = int(torch.where(payable[candidates], score, -torch.inf).argmax())
        row, rung = divmod(best, open_pairs.shape[1])
        index = int(candidates[row])
        picks.append(Pick(index, rung, float(log_improvement[index]), float(shares[index, rung])))
        open_pairs[index] = False
        budget -= costs[rung]
    return picks


def _share_bought(surrogate: Surrogate, goals: Goals, pool: Tensor, rung: int) -> Tensor:
    """Mean squared correlation of a rung with the target over the deciding properties, `pool`; 1 for the target."""
    if rung == goals.problem.target_rung:
        return torch.ones(len(pool), dtype=pool.dtype, device=pool.device)
    return surrogate.correlation(pool, rung).nan_to_num(0.0).square().mean(-1)


class _Improvement:
    """The log expected (hypervolume) improvement at the target over what was measured."""

    def __init__(self, surrogate: Surrogate, goals: Goals, scale: Scale, measured: Tensor, seed: int) -> None:
        self.surrogate, self.goals, self.scale, self.seed = surrogate, goals, scale, seed
        self.n_objectives = len(goals.problem.objectives)
        self.baseline = self._pruned(surrogate.transform(measured))

    def __call__(self, pool: Tensor, pending: Tensor) -> Tensor:
        """Of features `n x d`, given that `p x d` others are awaited: `n`."""
        acquisition = self._acquisition(pending)
        inputs = self.surrogate.transform(pool)[:, None]
        with torch.no_grad(), _quiet():
            return torch.cat([acquisition(part) for part in inputs.split(AT_ONCE)])

    def _acquisition(self, pending: Tensor) -> AcquisitionFunction:
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.multi_objective import logei
        from botorch.sampling import SobolQMCNormalSampler

        # BoTorch would compile a kernel at this point: 20 s for nothing at this size, numbers that depend on whether
        # the machine has a compiler, and a lock on which everyone waits once a process was killed while it held it
        logei._load_attempted = True

        common = {
            "model": self.surrogate.model(),
            "X_baseline": self.baseline,
            "sampler": SobolQMCNormalSampler(torch.Size([N_SAMPLES]), seed=self.seed),
            "objective": self._objective(),
            "constraints": self.goals.excesses() or None,
            "X_pending": self.surrogate.transform(pending) if len(pending) else None,
            "prune_baseline": False,
            "cache_root": False,
        }
        with _quiet():
            if self.n_objectives == 1:
                return qLogNoisyExpectedImprovement(**common)
            return logei.qLogNoisyExpectedHypervolumeImprovement(ref_point=[REFERENCE] * self.n_objectives, **common)

    def _objective(self) -> MCAcquisitionObjective:
        from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
        from botorch.acquisition.objective import GenericMCObjective

        def normalised(samples: Tensor, X: Tensor | None = None) -> Tensor:
            utilities = self.scale.normalised(self.goals.utilities(samples))
            return utilities if self.n_objectives > 1 else utilities.squeeze(-1)

        return GenericMCMultiOutputObjective(normalised) if self.n_objectives > 1 else GenericMCObjective(normalised)

    def _pruned(self, baseline: Tensor) -> Tensor:
        """What has any chance of being the best; BoTorch draws from torch's global generator to find it."""
        from botorch.acquisition.multi_objective.utils import prune_inferior_points_multi_objective
        from botorch.acquisition.utils import prune_inferior_points
        from botorch.utils.sampling import manual_seed

        common = {
            "model": self.surrogate.model(),
            "X": baseline,
            "objective": self._objective(),
            "constraints": self.goals.excesses() or None,
        }
        with manual_seed(self.seed), _quiet():
            if self.n_objectives == 1:
                return prune_inferior_points(**common)
            reference = baseline.new_full((self.n_objectives,), REFERENCE)
            return prune_inferior_points_multi_objective(ref_point=reference, **common)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the note that a little jitter made a covariance positive definite, which is what it is for."""
    from linear_operator.utils.warnings import NumericalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumericalWarning)
        yield
