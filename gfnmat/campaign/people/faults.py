"""Everything that is wrong with a table, told at once."""

from __future__ import annotations

from collections.abc import Sequence

MOST_FAULTS = 10


def refuse_if_any(faults: Sequence[str]) -> None:
    """Raises ValueError where there are faults: the sentence of one, or the first ten, a line each."""
    distinct = list(dict.fromkeys(faults))
    if len(distinct) == 1:
        raise ValueError(distinct[0])
    if distinct:
        more = [f"and {len(distinct) - MOST_FAULTS} more."] if len(distinct) > MOST_FAULTS else []
        lines = [*distinct[:MOST_FAULTS], *more]
        raise ValueError("\n  ".join([f"{len(distinct)} faults in the results, and nothing was written:", *lines]))
