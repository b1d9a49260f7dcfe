"""Candidates without any learning: what every other proposer must beat."""

from __future__ import annotations

from gfnmat.flow.gflownet import GFlowNet, LogReward
from gfnmat.proposers.proposer import Measured, Proposal
from gfnmat.space.design_space import DesignSpace


class RandomProposer:
    """Random sentences of the grammar, as an untrained policy writes them: every word that may come next is as likely.

    That is not uniform over the members of a space: those that few others begin like are drawn more often. Uniform
    draws of compositions are possible, by counting each formula with every choice of oxidation states and rejecting by
    the number of choices, but took 2 to 25 times as long (52 elements, up to five kinds; with many oxidation states an
    element 8 % are kept).

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
