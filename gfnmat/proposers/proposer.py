"""The seam between a campaign and whatever proposes candidates to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gfnmat.flow.diagnosis import Diagnosis
from gfnmat.flow.gflownet import LogReward
from gfnmat.space.candidates import Candidates


@dataclass(frozen=True)
class Proposal:
    """Distinct candidates, and how they came about.

    Attributes:
        candidates: the proposals, none twice, on the CPU.
        distinct: share of the draws that were distinct.
        loss: the sampler's mean loss over the last tenth of its training; None if it was not trained.
        log_z: its estimate of the log of the sum of the reward; None if it was not trained.
        diagnosis: how close it is to the reward; None if it was not trained.
    """

    candidates: Candidates
    distinct: float
    loss: float | None = None
    log_z: float | None = None
    diagnosis: Diagnosis | None = None


class Proposer(Protocol):
    """Proposes candidates of a space; what it has learned can be kept and restored."""

    def propose(self, n: int, log_reward: LogReward | None, seed: int) -> Proposal:
        """Up to n distinct candidates.

        Args:
            n: how many are wanted; a small space may give fewer.
            log_reward: what makes a candidate worth proposing; None while nothing is known.
            seed: the same seed after the same history gives the same proposal.
        """

    def state(self) -> bytes | None:
        """What was learned so far; None if there is nothing to keep."""

    def restore(self, state: bytes | None) -> None:
        """Goes back to what was learned; None is the beginning."""
