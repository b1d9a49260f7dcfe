"""What is evaluated before anything can be compared."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gfnmat.campaign.acquisition.agreement import LEAST_SHARED


def first_design(
    open_pairs: Tensor, answers: Tensor, costs: Sequence[float], n: int, budget: float, begun: int, in_one_round: bool
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
        begun: how many pairs at lower rungs were asked before; fewer than these would be are no first design.
        in_one_round: whether the target is asked at once; it is also where nothing can be asked below.
    """
    target = len(costs) - 1
    if not target:
        n_target = max(1, min(-(-n // 2), int(budget / 2 // costs[0])))
        return best_known(open_pairs, answers, 0, n_target, costs[0], budget)
    n_below = -(-n // 2)
    n_target = min(n_below, max(LEAST_SHARED, n // 4))
    lower = n_below * sum(cost * 2 ** (target - 1 - rung) for rung, cost in enumerate(costs[:-1]))
    part = min(1.0, budget / 2 / (n_target * costs[-1] + lower))
    is_begun = begun >= max(1, int(part * n_below))
    if is_begun:
        part = min(1.0, budget / 2 / (n_target * costs[-1]))
    pairs: list[tuple[int, int]] = []
    if not is_begun:
        for rung in range(target):
            n_rung = max(1, int(part * n_below)) * 2 ** (target - 1 - rung)
            found = best_known(open_pairs, answers, rung, n_rung, costs[rung], budget - costs[-1])
            budget -= len(found) * costs[rung]
            pairs += found
    if is_begun or in_one_round or not pairs:
        n_target = max(1, int(part * n_target))
        pairs += best_known(open_pairs, answers, target, n_target, costs[-1], budget)
    return pairs


def best_known(
    open_pairs: Tensor, answers: Tensor, rung: int, n: int, cost: float, budget: float
) -> list[tuple[int, int]]:
    """Up to n pairs at a rung that the budget pays for: what most lower rungs have answered, else as in the pool."""
    rows = open_pairs[:, rung].nonzero()[:, 0]
    ranked = rows[answers[rows].argsort(descending=True, stable=True)].tolist()
    return [(row, rung) for row in ranked[: max(0, min(n, int((budget + 1e-9) // cost)))]]
