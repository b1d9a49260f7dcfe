"""How quantities and materials are written for a reader: names, units, numbers, formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from oracles import property_named

_UNITS = {"g/cm3": "g/cm³", "A^3": "Å³", "1e-6/K": "10⁻⁶/K", "muB/atom": "µB/atom", "1": ""}


def unit(name: str) -> str:
    """The unit of a property; empty for a pure number and for a property of the user's own."""
    given = property_named(name).unit if name.isidentifier() else ""
    return _UNITS.get(given, given)


def material(row: Mapping[Any, Any]) -> str:
    """What a row of results is about: the formula, and of a crystal the space group too."""
    return f"{row['formula']} {row['space_group']}" if "space_group" in row else str(row["formula"])


def structure_name(row: Mapping[Any, Any]) -> str:
    """What `Campaign.structures` calls the structure that a row of results is about."""
    return f"{row['formula']}-{row['id']}" if "space_group" in row else str(row["formula"])


def words(name: str) -> str:
    """`bulk_modulus` as "bulk modulus"."""
    return name.replace("_", " ")


def label(name: str) -> str:
    """`bulk_modulus` as "bulk modulus (GPa)"."""
    return f"{words(name)} ({unit(name)})" if unit(name) else words(name)


def quantity(name: str, value: float) -> str:
    """A value of a property with its unit."""
    return f"{number(value)} {unit(name)}".rstrip()


def value(given: object) -> str:
    """A measured value: four significant digits, zeros too, so that a column of them lines up."""
    if isinstance(given, float) and 1e-3 <= abs(given) < 1e4:
        return f"{given:#.4g}".rstrip(".").replace("-", "\N{MINUS SIGN}")
    return number(given)


def number(value: object) -> str:
    """Four significant digits, powers of ten only where they help; a dash for what is not known."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "\N{EN DASH}"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        text = f"{value:.4g}"
    elif 1e4 <= abs(value) < 1e7:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")
