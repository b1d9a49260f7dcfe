"""Why there are fewer suggestions than were asked for."""

from __future__ import annotations

from gfnmat.config import CampaignConfig


class FewerSuggestionsWarning(UserWarning):
    """There are fewer suggestions than were asked for; the message says why."""


def why_fewer(config: CampaignConfig, committed: float, rung: int | None, got: int, wanted: int) -> str:
    """The reason, for a person.

    Args:
        config: the campaign.
        committed: what is reserved or spent of its budget.
        rung: which fidelity was asked for; None if any.
        got, wanted: how many suggestions there are, and were asked for.
    """
    number = f"{got or 'no'} suggestion{'' if got == 1 else 's'} instead of {wanted}: "
    fidelity = config.fidelities[0 if rung is None else rung]
    left = config.budget.cost - committed
    if left + 1e-9 < fidelity.cost:
        return (
            f"{number}{committed:.4g} of the budget of {config.budget.cost:.4g} is spent or reserved, and another "
            f"evaluation at {fidelity.name} costs {fidelity.cost:.4g}; raise budget: cost, or tell that what will not "
            "be done is withdrawn."
        )
    at = "" if rung is None else f" at {fidelity.name}"
    return (
        f"{number}all else that was proposed was suggested before, cannot be answered{at}, or costs more than the "
        f"{left:.4g} that is left of the budget; tell what is awaited, or widen the space."
    )
