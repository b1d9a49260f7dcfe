"""Candidates from a GFlowNet, in proportion to the reward."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import torch
from torch import Tensor

from gfnmat.flow.gflownet import GFlowNet, LogReward, TrainingRecord
from gfnmat.flow.prior.reading import load_prior
from gfnmat.flow.trainer import Training
from gfnmat.proposers.proposer import Measured, Proposal
from gfnmat.space.candidates import Candidates
from gfnmat.space.design_space import DesignSpace

CRYSTAL_STEPS = 128  # of training at least; each costs five times one on compositions
DIAGNOSED = 512  # draws on which a round's sampler is judged
REPLAY = Training(least_steps=64)  # where what was measured is all that is learned from
LEAST_FITNESS = -0.5  # what is far below the median is no worse than this, so that log R stays bounded
WIDER = 4  # draws of an untrained sampler for each candidate that is wanted
REFINED, STEPS = 64, 4  # how many of the best are refined, and how often


class GFlowNetProposer:
    """Trains its sampler on the round's reward and draws from it.

    In a space of compositions the sampler goes on from where the last round left it, and what it draws is proposed.
    In a space of crystals, where a round's training reaches few of the many ways to write a good crystal, it starts
    anew each round. Candidates are drawn from it and from an untrained sampler, the best are refined bin by bin, of
    crystals that differ in bins alone the best one is kept, and what is proposed is drawn from all these without
    repetition, in proportion to the reward.

    Without a reward it learns from what was measured, and draws what was not.

    Args:
        space: the design space.
        trajectories: sentences to train on in each round.
        seed: fixes the initial weights.
        device: where the sampler lives.
        prior: what known materials say; see `GFlowNet`.
        sharpness: what fitness from the median to the best measured adds to the log reward, where there is no other.
    """

    def __init__(
        self,
        space: DesignSpace,
        trajectories: int,
        seed: int = 0,
        device: str = "cpu",
        prior: str | None = None,
        sharpness: float = 10.0,
    ) -> None:
        self.space, self.trajectories, self.seed, self.device = space, trajectories, seed, device
        self.sharpness = sharpness
        self.prior = None if prior is None else load_prior(prior, device, crystals=space.kind == "crystal")
        self.flow, self._untrained = self._new(), self._new()

    def _new(self) -> GFlowNet:
        return GFlowNet(self.space, seed=self.seed, device=self.device, prior=self.prior)

    def propose(self, n: int, log_reward: LogReward | None, seed: int, measured: Measured | None = None) -> Proposal:
        """Up to n distinct candidates; while nothing is known, random sentences of the grammar."""
        if log_reward is None and measured is not None:
            return self._replayed(n, measured, seed)
        if log_reward is None:
            self._untrained.reseed(seed)
            found, distinct = self._untrained.sample_distinct(n)
            return Proposal(candidates=found.to("cpu"), distinct=distinct)
        if self.flow.environment.weighs:
            self.flow = self._new()
        self.flow.reseed(seed)
        training = Training(least_steps=CRYSTAL_STEPS) if self.flow.environment.weighs else None
        record = self.flow.fit(log_reward, trajectories=self.trajectories, training=training)
        diagnosis = self.flow.diagnose(log_reward, DIAGNOSED, enumerated=0)
        found, distinct = self.flow.sample_distinct(n)
        if self.flow.environment.weighs:
            found = self._chosen(n, found, log_reward, seed)
        elif len(found) < n:  # a sharp sampler repeats what may be measured already
            self._untrained.reseed(seed)
            found = Candidates.concatenate([found, self._untrained.sample_distinct(n)[0]]).distinct()[:n]
        return Proposal(found.to("cpu"), distinct, loss=_final_loss(record), log_z=self.flow.log_z, diagnosis=diagnosis)

    def _replayed(self, n: int, measured: Measured, seed: int) -> Proposal:
        """Up to n candidates that were not measured, from a sampler of what was, in the order in which it drew them."""
        if self.flow.environment.weighs:
            self.flow = self._new()
        self.flow.reseed(seed)
        log_reward = (self.sharpness * measured.fitness.clamp(min=LEAST_FITNESS)).tolist()
        by_key = dict(zip(measured.candidates.keys, log_reward, strict=True))
        record = self.flow.fit(
            lambda candidates: torch.tensor([by_key[key] for key in candidates.keys]),
            trajectories=0,
            training=REPLAY,
            known=measured.candidates,
        )
        drawn, distinct = self.flow.sample_distinct(n + len(measured.candidates))
        self._untrained.reseed(seed)
        found = Candidates.concatenate([drawn, self._untrained.sample_distinct(n)[0]]).to("cpu").distinct()
        found = found[~found.among(measured.candidates)][:n]
        return Proposal(found, distinct, loss=_final_loss(record), log_z=self.flow.log_z)

    def _chosen(self, n: int, drawn: Candidates, log_reward: LogReward, seed: int) -> Candidates:
        """Up to n of these, of what an untrained sampler draws, and of the refined best."""
        self._untrained.reseed(seed)
        pool = Candidates.concatenate([drawn, self._untrained.sample(WIDER * n)]).distinct()
        value = log_reward(pool).cpu()
        for _ in range(STEPS):
            best = pool[value.topk(min(REFINED, len(pool))).indices.to(pool.counts.device)]
            wider = Candidates.concatenate([pool, self.space.neighbours(best)]).distinct()
            new = wider[len(pool) :]
            if not len(new):
                break
            pool, value = wider, torch.cat([value, log_reward(new).cpu()])
        rows = _best_of_each(pool.crystals.motifs, value) if pool.crystals is not None else torch.arange(len(pool))
        chosen = rows[_without_repetition(value[rows], n, seed)]
        return pool[chosen.to(pool.counts.device)]

    def state(self) -> bytes | None:
        """The sampler, as `GFlowNet.save` writes it; None where it starts anew in each round."""
        if self.flow.environment.weighs:
            return None
        buffer = BytesIO()
        self.flow.save(buffer)
        return buffer.getvalue()

    def restore(self, state: bytes | None) -> None:
        """Goes back to a sampler that was kept, or to the beginning."""
        if state is None:
            self.flow = self._new()
        else:
            self.flow = GFlowNet.load(BytesIO(state), device=self.device, prior=self.prior)


def _best_of_each(names: Sequence[str], value: Tensor) -> Tensor:
    """The row of the highest value for each name."""
    best: dict[str, int] = {}
    for row in value.argsort(descending=True).tolist():
        best.setdefault(names[row], row)
    return torch.tensor(list(best.values()))


def _without_repetition(log_weight: Tensor, n: int, seed: int) -> Tensor:
    """Rows drawn without repetition in proportion to their weights, by the largest Gumbel-perturbed log weights."""
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(len(log_weight), dtype=torch.float64).exponential_(generator=generator)
    return (log_weight.double() - waiting.log()).topk(min(n, len(log_weight))).indices


def _final_loss(record: TrainingRecord) -> float:
    last = record.losses[-max(1, len(record.losses) // 10) :]
    return sum(last) / len(last)
