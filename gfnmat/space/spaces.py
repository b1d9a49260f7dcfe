"""Design spaces by the name of their kind."""

from __future__ import annotations

from typing import Any

from gfnmat.space.composition.space import CompositionSpace
from gfnmat.space.crystal.space import CrystalSpace
from gfnmat.space.design_space import DesignSpace
from gfnmat.space.table.space import TableSpace

KINDS: dict[str, type[CompositionSpace] | type[CrystalSpace] | type[TableSpace]] = {
    space.kind: space for space in (CompositionSpace, CrystalSpace, TableSpace)
}


def build_space(kind: str, **settings: Any) -> DesignSpace:
    """The space of a kind with its settings.

    Raises:
        ValueError: an unknown kind, or settings that describe no space.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}.")
    return KINDS[kind](**settings)
