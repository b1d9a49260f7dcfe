"""What was picked, and what spoke for it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pick:
    """One (candidate, rung) pair, with what spoke for it.

    Attributes:
        index: the candidate's row in the pool.
        rung: the fidelity's position on the ladder.
        log_value: log of what is gained by measuring the pair, in the units of the acquisition: improvement at the
            target on the scale of the measured utilities, nats about the largest value, or gain of the best mean.
        share: part of what the target would give that the rung gives, between 0 and 1.
        price: what the pair is held to cost: the declared cost, and for a rung below the target what confirming its
            promises will take.
        compares: whether it is there to learn how the rung agrees with the target, which is asked about it too.
    """

    index: int
    rung: int
    log_value: float
    share: float
    price: float
    compares: bool = False


@dataclass(frozen=True)
class Scores:
    """What speaks for every pair of some candidates.

    Attributes:
        log_value: `n x rungs`, log of the gain from measuring a pair; see `Pick`.
        share: `n x rungs`, between 0 and 1.
        price: `n x rungs`, positive.
    """

    log_value: Tensor
    share: Tensor
    price: Tensor

    @property
    def log_rate(self) -> Tensor:
        """Log of the gain for each unit of price, `n x rungs`: what ranks the pairs."""
        return self.log_value - self.price.log()
