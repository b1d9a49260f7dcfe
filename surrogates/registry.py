"""Surrogates by name, as a campaign file asks for them."""

from difflib import get_close_matches
from typing import Any

from surrogates.interface import Surrogate

_SETTINGS: dict[str, dict[str, int]] = {
    "auto": {"most_exact": 2000, "most_shallow": 2000},
    "multi_fidelity_gp": {},
    "variational_gp": {"most_exact": 0},
    "deep_kernel": {"most_exact": 2000, "most_shallow": 0},
}
KINDS: tuple[str, ...] = tuple(_SETTINGS)


def build(kind: str, n_fidelities: int, n_properties: int, **settings: Any) -> Surrogate:
    """Make a surrogate.

    Args:
        kind: `multi_fidelity_gp`, exact Gaussian processes; `variational_gp`, the same through inducing points, for
            thousands of measurements; `deep_kernel`, over coordinates that a network has learned, beyond 2,000
            measurements through inducing points; `auto`, for each property exact up to 2,000 measurements, and beyond
            them a deep kernel.
        n_fidelities: Rungs of the ladder; the last is the target.
        n_properties: Columns of the values it learns.
        settings: Of the kind; see `MultiFidelityGP`.

    Raises:
        ValueError: There is no such kind, or a setting is out of range.
        TypeError: The kind has no such setting.
    """
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown surrogate {kind!r}; allowed are {', '.join(KINDS)}{hint}")
    from surrogates.multi_fidelity_gp import MultiFidelityGP

    return MultiFidelityGP(n_fidelities, n_properties, **{**_SETTINGS[kind], **settings})
