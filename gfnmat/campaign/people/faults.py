"""Everything that is wrong with a table, told at once."""

from __future__ import annotations

from collections.abc import Sequence

MOST_FAULTS = 10


def refuse_if_any(faults: Sequence[str], advice: str = "") -> None:
    """Raises ValueError where there are faults: the sentence of one, or the first ten, a line each; then the advice."""
    distinct = list(dict.fromkeys(faults))
    if len(distinct) == 1:
        raise ValueError(f"{distinct[0]} {advice}".strip())
    if distinct:
        more = [f"and {len(distinct) - MOST_FAULTS} more."] if len(distinct) > MOST_FAULTS else []
        lines = [*distinct[:MOST_FAULTS], *more, *([advice] if advice else [])]
        raise ValueError("\n  ".join([f"{len(distinct)} faults in the results, and nothing was written:", *lines]))
