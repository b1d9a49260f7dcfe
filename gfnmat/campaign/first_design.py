"""What is evaluated before anything can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gfnmat.campaign.acquisition.agreement import LEAST_SHARED


def first_design(
    open_pairs: Tensor, answers: Tensor, costs: Sequence[float], n: int, budget: float, below: bool, at_target: bool
) -> list[tuple[int, int]]:
    """Pairs of candidate and rung, (row, rung): the lower rungs first, and then the target on what they answered.

    Half of n random candidates are asked of the rung below the target, and each rung below takes these and as many more
    again. The target is asked of a quarter of n, of those first that most rungs have answered: what a cheap rung fails
    on is not worth a dear one, and the candidates they share teach how the rungs relate. Where the ladder has one rung,
    half of n are asked of it. Less of everything where what is still to be asked would take more than half of the
    budget, but one at least; and nothing below that would leave too little for one at the target.

    Args:
        open_pairs: which pairs may be asked, `pool x rungs` booleans.
        answers: how many of the lower rungs have answered each candidate, `pool` integers.
        costs: of each rung.
        n: size of a batch.
        budget: what is left.
        below: whether the lower rungs are asked, which they are once.
        at_target: whether the target is asked; it is where nothing can be asked below.
    """
    target = len(costs) - 1
    if not target:
        n_target = max(1, min(-(-n // 2), int(budget / 2 // costs[0])))
        return _affordable(_rows(open_pairs, 0, answers)[:n_target], 0, costs[0], budget)
    n_below = -(-n // 2)
    n_target = min(n_below, max(LEAST_SHARED, n // 4))
    lower = n_below * sum(cost * 2 ** (target - 1 - rung) for rung, cost in enumerate(costs[:-1]))
    part = min(1.0, budget / 2 / (n_target * costs[-1] + below * lower))
    pairs: list[tuple[int, int]] = []
    if below:
        for rung in range(target):
            n_rung = max(1, int(part * n_below)) * 2 ** (target - 1 - rung)
            found = _affordable(_rows(open_pairs, rung, answers)[:n_rung], rung, costs[rung], budget - costs[-1])
            budget -= len(found) * costs[rung]
            pairs += found
    if at_target or not pairs:
        n_target = max(1, int(part * n_target))
        pairs += _affordable(_rows(open_pairs, target, answers)[:n_target], target, costs[-1], budget)
    return pairs


def _rows(open_pairs: Tensor, rung: int, answers: Tensor) -> list[int]:
    """Those that the rung may be asked of, the best known first, else in the order of the pool."""
    rows = open_pairs[:, rung].nonzero()[:, 0]
    return rows[answers[rows].argsort(descending=True, stable=True)].tolist()


def _affordable(rows: Sequence[int], rung: int, cost: float, budget: float) -> list[tuple[int, int]]:
    return [(row, rung) for row in rows[: max(0, int((budget + 1e-9) // cost))]]
