"""The seam between a campaign and whatever proposes candidates to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

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


@dataclass(frozen=True)
class Measured:
    """What the target fidelity said of candidates so far.

    Attributes:
        candidates: distinct ones that were measured there, or that an oracle failed for, on the CPU.
        fitness: the higher the better, `n` float64: of those that meet the constraints 0 is the median and 1 the best;
            all others are below these.
    """

    candidates: Candidates
    fitness: Tensor


class Proposer(Protocol):
    """Proposes candidates of a space; what it has learned can be kept and restored."""

    def propose(self, n: int, log_reward: LogReward | None, seed: int, measured: Measured | None = None) -> Proposal:
        """Up to n distinct candidates; where there is no reward, those to be evaluated first come first.

        Args:
            n: how many are wanted; a small space may give fewer.
            log_reward: what makes a candidate worth proposing, as a surrogate says; None while nothing is known, and
                where there is no surrogate.
            seed: the same seed after the same history gives the same proposal.
            measured: what is known of the target; None while nothing is.
        """

    def state(self) -> bytes | None:
        """What was learned so far; None if there is nothing to keep."""

    def restore(self, state: bytes | None) -> None:
        """Goes back to what was learned; None is the beginning."""
