"""Surrogates by name, as a campaign file asks for them."""

from difflib import get_close_matches
from typing import Any

from surrogates.interface import Surrogate

# Measurements of a property up to which a kind is exact; beyond, it works through inducing points.
_MOST_EXACT: dict[str, int | None] = {"auto": 2000, "multi_fidelity_gp": None, "variational_gp": 0}
KINDS: tuple[str, ...] = tuple(_MOST_EXACT)


def build(kind: str, n_fidelities: int, n_properties: int, **settings: Any) -> Surrogate:
    """Make a surrogate.

    Args:
        kind: `multi_fidelity_gp`, exact Gaussian processes; `variational_gp`, the same through inducing points, for
            thousands of measurements; `auto`, for each property exact up to 2,000 measurements.
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

    return MultiFidelityGP(n_fidelities, n_properties, **{"most_exact": _MOST_EXACT[kind], **settings})
