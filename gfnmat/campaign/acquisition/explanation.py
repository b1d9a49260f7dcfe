"""Why a pair was picked, for a person."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gfnmat.campaign.acquisition.pick import Pick
from gfnmat.problem import Fidelity

GAINS = {
    "improvement": "expected improvement",
    "entropy_search": "nats about the best",
    "knowledge_gradient": "expected gain of the best mean",
}


def explain(
    pick: Pick,
    kind: str,
    fidelities: Sequence[Fidelity],
    means: Mapping[str, float],
    sds: Mapping[str, float],
    measured: int = 0,
) -> str:
    """Predictions at the target, what measuring gains, and what it costs.

    Args:
        pick: the pair.
        kind: of the acquisition, a key of `GAINS`.
        fidelities: the ladder.
        means, sds: predictions at the target, by property.
        measured: how often the pair was measured before.
    """
    rung, target = fidelities[pick.rung], fidelities[-1]
    predicted = ", ".join(f"{name} {means[name]:.4g} +- {sds[name]:.2g}" for name in means)
    if measured:
        times = "once" if measured == 1 else f"{measured} times"
        predicted = f"measured {times} by {rung.name}, and again because of its noise; {predicted}"
    if pick.compares:
        return f"{predicted}; to learn how far {rung.name} agrees with {target.name}, asked too; cost {rung.cost:g}"
    gain = f"{GAINS[kind]} {math.exp(pick.log_value):.3g}"
    if rung is target:
        return f"{predicted}; {gain} at cost {rung.cost:g}"
    price = "" if math.isclose(pick.price, rung.cost) else f", {pick.price:.2g} with confirming what promises enough"
    return f"{predicted}; {gain}, {pick.share:.0%} of what {target.name} would give, at cost {rung.cost:g}{price}"
