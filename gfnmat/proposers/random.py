"""Candidates without any learning: what every other proposer must beat."""

from __future__ import annotations

from gfnmat.flow.gflownet import GFlowNet, LogReward
from gfnmat.proposers.proposer import Measured, Proposal
from gfnmat.space.design_space import DesignSpace


class RandomProposer:
    """Random sentences of the grammar, as an untrained policy writes them.

    Args:
        space: the design space.
    """

    def __init__(self, space: DesignSpace) -> None:
        self._flow = GFlowNet(space)

    def propose(self, n: int, log_reward: LogReward | None, seed: int, measured: Measured | None = None) -> Proposal:
        """Up to n distinct candidates, whatever is known."""
        self._flow.reseed(seed)
        found, distinct = self._flow.sample_distinct(n)
        return Proposal(candidates=found, distinct=distinct)

    def state(self) -> None:
        """There is nothing to keep."""

    def restore(self, state: bytes | None) -> None:
        """There is nothing to restore."""
