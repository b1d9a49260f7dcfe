"""Candidates from a GFlowNet, in proportion to the reward."""

from __future__ import annotations

from io import BytesIO

from gfnmat.flow.gflownet import GFlowNet, LogReward, TrainingRecord
from gfnmat.proposers.proposer import Proposal
from gfnmat.space.design_space import DesignSpace


class GFlowNetProposer:
    """Trains its sampler on the round's reward, from where the last round left it, and draws from it.

    Args:
        space: the design space.
        trajectories: sentences to train on in each round.
        seed: fixes the initial weights.
        device: where the sampler lives.
    """

    def __init__(self, space: DesignSpace, trajectories: int, seed: int = 0, device: str = "cpu") -> None:
        self.flow = GFlowNet(space, seed=seed, device=device)
        self.trajectories = trajectories
        self.device = device

    def propose(self, n: int, log_reward: LogReward | None, seed: int) -> Proposal:
        """Up to n distinct candidates; without a reward, random sentences of the grammar."""
        self.flow.reseed(seed)
        record = None if log_reward is None else self.flow.fit(log_reward, trajectories=self.trajectories)
        found, distinct = self.flow.sample_distinct(n)
        return Proposal(
            candidates=found.to("cpu"),
            distinct=distinct,
            loss=_final_loss(record) if record else None,
            log_z=self.flow.log_z if record else None,
        )

    def state(self) -> bytes:
        """The sampler, as `GFlowNet.save` writes it."""
        buffer = BytesIO()
        self.flow.save(buffer)
        return buffer.getvalue()

    def restore(self, state: bytes) -> None:
        """Goes back to a sampler that was kept."""
        self.flow = GFlowNet.load(BytesIO(state), device=self.device)


def _final_loss(record: TrainingRecord) -> float:
    last = record.losses[-max(1, len(record.losses) // 10) :]
    return sum(last) / len(last)
