"""Noisy expected improvement at the target, by cost.

The worth of a candidate is its noisy expected (hypervolume) improvement at the target fidelity (Ament et al.,
arXiv:2310.20708), with what is awaited. A lower rung keeps a share of it at a lower price; see `confirmation`. For what
the target would measure again see `repetition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gfnmat.campaign.acquisition.confirmation import detour
from gfnmat.campaign.acquisition.information import Information, rung_noise
from gfnmat.campaign.acquisition.pick import Scores
from gfnmat.campaign.acquisition.quiet import quiet
from gfnmat.campaign.acquisition.repetition import gain_of_repeating
from gfnmat.campaign.acquisition.situation import Offer, Situation
from gfnmat.campaign.scores import REFERENCE

if TYPE_CHECKING:
    from botorch.acquisition import AcquisitionFunction, MCAcquisitionObjective

N_SAMPLES = 64
N_OUTCOMES = 256  # draws of a candidate's properties, for its chance to improve
WORKED_OUT = 1024  # candidates of a pool whose improvement is worked out: those with the greatest chance of any
AFTER = 1e4  # subtracted from the worth of the others
AT_ONCE = 512  # candidates scored in one batch
LEAST_GAIN = 1e-12  # of measuring again, on the scale of the utilities


class Improvement:
    """Scores pairs by the expected (hypervolume) improvement over what was measured.

    Args:
        situation: what is known.
        offer: what may be picked.
        seed: fixes the quasi-random samples.
    """

    def __init__(self, situation: Situation, offer: Offer, seed: int) -> None:
        self.situation, self.offer, self.seed = situation, offer, seed
        self._goals = situation.goals
        self.n_objectives = len(situation.goals.problem.objectives)
        self._baseline = self._pruned(situation.surrogate.transform(situation.measured))
        self._alone = self._acquisition(situation.pending)
        self._front = self._believed_front()

    def worth(self, rows: Tensor) -> Tensor:
        """Log of the improvement that the target would give, each row by itself, `n`.

        Of a large pool only the candidates with the greatest chances are worked out; the others come after them.
        """
        worth = self._log_chance[rows] - AFTER
        close = self._is_close[rows]
        if bool(close.any()):
            worth[close] = self._log_improvement(self._alone, rows[close])
        return self._with_repeats(worth, rows)

    @cached_property
    def _log_chance(self) -> Tensor:
        """Log of the chance to improve at the target, `pool`."""
        parts = []
        for part in self.offer.pool.split(AT_ONCE):
            prediction = self.situation.surrogate.predict(part)
            parts.append(self._chance(prediction.mean, prediction.sd).clamp(min=1e-300).log())
        every = torch.arange(len(self.offer.pool), device=self.offer.pool.device)
        return torch.cat(parts) + self.offer.log_answered(every)

    @cached_property
    def _is_close(self) -> Tensor:
        """Which are worked out, `pool` booleans: no more than `WORKED_OUT`, also where all have the same chance."""
        close = torch.zeros_like(self._log_chance, dtype=torch.bool)
        close[self._log_chance.topk(min(WORKED_OUT, len(close))).indices] = True
        return close

    def __call__(self, rows: Tensor, information: Information, taken: Sequence[tuple[int, int]]) -> Scores:
        """What speaks for the pairs of these rows, of which so much is known, once others, (row, rung), are taken."""
        picked = self.offer.pool[[row for row, _ in taken]]
        acquisition = self._acquisition(torch.cat([self.situation.pending, picked])) if taken else self._alone
        log_improvement = self._with_repeats(self._log_improvement(acquisition, rows), rows)
        advantage = self._advantage(information)
        costs = self.offer.prices
        share = torch.ones_like(information.correlation[..., 0])
        price = torch.full_like(share, costs[-1])
        for rung in range(self.situation.n_rungs - 1):
            correlation = information.correlation[:, rung].square().mean(-1).sqrt()
            way = detour(advantage, correlation, costs[rung], costs[-1])
            share[:, rung], price[:, rung] = way.share, way.price
        return Scores(log_improvement[:, None] + share.clamp(min=1e-12).log(), share, price)

    def _log_improvement(self, acquisition: AcquisitionFunction, rows: Tensor) -> Tensor:
        inputs = self.situation.surrogate.transform(self.offer.pool[rows])[:, None]
        with torch.no_grad(), quiet():
            improvement = torch.cat([acquisition(part) for part in inputs.split(AT_ONCE)])
        return improvement + self.offer.log_answered(rows)

    def _with_repeats(self, log_improvement: Tensor, rows: Tensor) -> Tensor:
        """The improvement of these rows, `n`; of those that the target would measure again what that gains."""
        return torch.where(
            self._log_gain_of_repeating[rows].isnan(), log_improvement, self._log_gain_of_repeating[rows]
        )

    @cached_property
    def _log_gain_of_repeating(self) -> Tensor:
        """`pool`; NaN for what the target would not measure again."""
        offer, surrogate = self.offer, self.situation.surrogate
        gains = torch.full((len(offer.pool),), torch.nan, dtype=torch.float64, device=offer.pool.device)
        again = offer.repeats[:, -1]
        if offer.answered is None or not bool(again.any()):
            return gains
        known = offer.answered[:, -1].to(gains.device)
        prediction = surrogate.predict(offer.pool[known])
        noise = rung_noise(surrogate, offer.pool[:1], self.situation.n_rungs)[-1]
        sd = (prediction.sd.square() - noise).clamp(min=0).sqrt()
        indices = again.to(gains.device)[known].nonzero()[:, 0]
        gain = gain_of_repeating(prediction.mean, sd, noise, indices, self._goals, self.situation.scale, self.seed)
        gains[again] = gain.clamp(min=LEAST_GAIN).log()
        return gains

    def _advantage(self, information: Information) -> Tensor:
        """By how many deviations a normal value with the same chance to improve would be better than the best, `n`."""
        chance = self._chance(information.mean, information.sd)
        return torch.special.ndtri(chance.clamp(1e-9, 1 - 1e-9))

    def _chance(self, mean: Tensor, sd: Tensor) -> Tensor:
        """Probability, `n`, that candidates meet the constraints and nothing measured is believed to dominate them.

        Args:
            mean, sd: of the properties at the target, `n x properties`.
        """
        met = self._goals.log_probability_of_meeting(mean, sd).exp()
        if self._goals.problem.is_scalar:
            return met * self._goals.probability_of_beating(self._front[0, 0], mean, sd)
        from botorch.sampling.qmc import NormalQMCEngine

        engine = NormalQMCEngine(mean.shape[-1], seed=self.seed)
        normal = engine.draw(N_OUTCOMES, dtype=mean.dtype).to(mean.device)
        utilities = self._goals.utilities(mean + sd * normal[:, None])[..., None, :]
        dominated = (self._front >= utilities).all(-1).any(-1)
        return met * ((~dominated).sum(0) + 0.5) / (N_OUTCOMES + 1)

    def _believed_front(self) -> Tensor:
        """Utilities, `k x objectives`, by posterior mean, of the measured candidates that none beats.

        Of those that are believed to meet the constraints; of all, where none is.
        """
        mean = self.situation.surrogate.predict(self.situation.measured).mean
        met = self._goals.meets_constraints(mean)
        utilities = self._goals.utilities(mean[met] if bool(met.any()) else mean)
        return utilities[self._goals.non_dominated(utilities)]

    def _acquisition(self, pending: Tensor) -> AcquisitionFunction:
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.multi_objective import logei
        from botorch.sampling import SobolQMCNormalSampler

        # BoTorch would compile a kernel at this point: 20 s for nothing at this size, numbers that depend on whether
        # the machine has a compiler, and a lock on which everyone waits once a process was killed while it held it
        logei._load_attempted = True

        surrogate = self.situation.surrogate
        common = {
            "model": surrogate.model(),
            "X_baseline": self._baseline,
            "sampler": SobolQMCNormalSampler(torch.Size([N_SAMPLES]), seed=self.seed),
            "objective": self._objective(),
            "constraints": self._goals.excesses() or None,
            "X_pending": surrogate.transform(pending) if len(pending) else None,
            "prune_baseline": False,
            "cache_root": False,
        }
        with quiet():
            if self.n_objectives == 1:
                return qLogNoisyExpectedImprovement(**common)
            return logei.qLogNoisyExpectedHypervolumeImprovement(ref_point=[REFERENCE] * self.n_objectives, **common)

    def _objective(self) -> MCAcquisitionObjective:
        from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
        from botorch.acquisition.objective import GenericMCObjective

        def normalised(samples: Tensor, X: Tensor | None = None) -> Tensor:
            utilities = self.situation.scale.normalised(self._goals.utilities(samples))
            return utilities if self.n_objectives > 1 else utilities.squeeze(-1)

        return GenericMCMultiOutputObjective(normalised) if self.n_objectives > 1 else GenericMCObjective(normalised)

    def _pruned(self, baseline: Tensor) -> Tensor:
        """What is the best in any of as many draws as improvement is estimated from.

        BoTorch draws from torch's global generator to find it.
        """
        from botorch.acquisition.multi_objective.utils import prune_inferior_points_multi_objective
        from botorch.acquisition.utils import prune_inferior_points
        from botorch.utils.sampling import manual_seed

        common = {
            "model": self.situation.surrogate.model(),
            "X": baseline,
            "objective": self._objective(),
            "constraints": self._goals.excesses() or None,
            "num_samples": N_SAMPLES,
        }
        with manual_seed(self.seed), quiet():
            if self.n_objectives == 1:
                return prune_inferior_points(**common)
            reference = baseline.new_full((self.n_objectives,), REFERENCE)
            return prune_inferior_points_multi_objective(ref_point=reference, **common)
