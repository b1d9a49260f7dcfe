"""Which space groups a user wants: by number, symbol, crystal system, point group or centring."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import torch
from torch import Tensor

from gfnmat.space.structure.wyckoff import N_GROUPS, load_wyckoff_tables


def groups_offered(
    space_groups: Sequence[int | str] | int | str = (),
    crystal_systems: Sequence[str] | str = (),
    point_groups: Sequence[str] | str = (),
    centrings: Sequence[str] | str = (),
) -> Tensor:
    """The groups that meet every list that is not empty, 230 booleans. One word or number stands for a list of it.

    Args:
        space_groups: numbers from 1 to 230, or symbols such as `Fm-3m`.
        crystal_systems: from `triclinic` to `cubic`.
        point_groups: such as `m-3m`.
        centrings: letters among P, A, C, I, F, R.

    Raises:
        ValueError: a number, symbol or word that is none, or lists that leave no group.
    """
    tables = load_wyckoff_tables()
    offered = torch.ones(N_GROUPS, dtype=torch.bool)
    if space_groups:
        numbers = torch.tensor([_number(word, tables.symbol) for word in listed(space_groups)])
        named = torch.zeros(N_GROUPS, dtype=torch.bool)
        named[numbers - 1] = True
        offered &= named
    for name, wanted, of_groups in (
        ("crystal_systems", crystal_systems, tables.crystal_system),
        ("point_groups", point_groups, tables.point_group),
        ("centrings", centrings, tables.centring_letter),
    ):
        if wanted:
            _check(name, listed(wanted), of_groups)
            offered &= torch.tensor([word in listed(wanted) for word in of_groups])
    if not bool(offered.any()):
        raise ValueError(
            "no space group is in all of space_groups, crystal_systems, point_groups and centrings; widen one of them."
        )
    return offered


def listed(given: Sequence[int | str] | int | str) -> list[int | str]:
    """What a user gave as a list: one word or number is a list of it."""
    return [given] if isinstance(given, (int, str)) else list(given)


def _number(given: int | str, symbols: Sequence[str]) -> int:
    if isinstance(given, str) and not given.isdigit():
        plain = given.replace(" ", "").replace("_", "")
        found = [n for n, symbol in enumerate(symbols, start=1) if symbol.replace("_", "") == plain]
        if found:
            return found[0]
        nearest = get_close_matches(given, symbols, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"space_groups names {given!r}, which is no symbol of a space group{hint}")
    if isinstance(given, bool) or int(given) != float(given) or not 1 <= int(given) <= N_GROUPS:
        raise ValueError(f"space_groups names {given}; a space group is a number from 1 to {N_GROUPS}.")
    return int(given)


def _check(name: str, wanted: Sequence[int | str], known: Sequence[str]) -> None:
    words = list(dict.fromkeys(known))
    for word in wanted:
        if word not in words:
            nearest = get_close_matches(str(word), words, n=1, cutoff=0.4)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise ValueError(f"{name} names {word!r}; allowed are {', '.join(words)}{hint}")
