"""Candidates of a given list: a table's formulas, or what another generator wrote."""

from __future__ import annotations

import torch

from gfnmat.flow.gflownet import LogReward
from gfnmat.proposers.proposer import Measured, Proposal
from gfnmat.space.candidates import Candidates

AT_ONCE = 4096  # candidates whose reward is asked for in one call


class PoolProposer:
    """Proposes what of a list was not measured yet: all of it, or the best by the reward, or else some at random.

    Args:
        members: the list, none twice.
        notes: what a person should know of it.
    """

    def __init__(self, members: Candidates, notes: tuple[str, ...] = ()) -> None:
        self.members, self.notes = members, notes

    def propose(self, n: int, log_reward: LogReward | None, seed: int, measured: Measured | None = None) -> Proposal:
        """Up to n members that were not measured, in random order or, where there are more, by their reward."""
        left = self.members
        if measured is not None:
            left = left[~left.among(measured.candidates)]
        left = left[torch.randperm(len(left), generator=torch.Generator().manual_seed(seed))]
        if log_reward is not None and len(left) > n:
            parts = [log_reward(left[start : start + AT_ONCE]) for start in range(0, len(left), AT_ONCE)]
            left = left[torch.cat(parts).cpu().argsort(descending=True, stable=True)]
        return Proposal(candidates=left[:n], distinct=1.0)

    def state(self) -> None:
        """There is nothing to keep."""

    def restore(self, state: bytes | None) -> None:
        """There is nothing to restore."""
