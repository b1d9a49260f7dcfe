"""Spellings of units: which mean the same, and how one is converted to another."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

_PREFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def _metric(symbol: str, base: str, prefixes: str, size: float = 1.0) -> dict[str, tuple[str, float]]:
    """A symbol without and with prefixes: what it measures, and how much of it."""
    return {symbol: (base, size), **{f"{p}{symbol}": (base, size * _PREFIXES[p]) for p in prefixes}}


_SYMBOLS: dict[str, tuple[str, float]] = {
    **_metric("Pa", "Pa", "kMGT"),
    **_metric("bar", "Pa", "mkM", 1e5),
    **_metric("eV", "eV", "umk"),
    **_metric("J", "eV", "k", 1 / 1.602176634e-19),
    **_metric("Ry", "eV", "m", 13.605693123),
    **_metric("Ha", "eV", "m", 27.211386246),
    **dict.fromkeys(("A", "Å", "Ang", "ang", "angstrom", "Angstrom", "Ångström"), ("m", 1e-10)),
    **_metric("m", "m", "numc"),
    "pm": ("m", 1e-12),
    **_metric("g", "g", "umk"),
    **_metric("K", "K", "m"),
    **dict.fromkeys(("°C", "degC"), ("K", 1.0)),  # as steps; where it begins is told of apart
    **_metric("Hz", "Hz", "kMGT"),
    **_metric("W", "W", "umk"),
    **_metric("S", "S", "numk"),
    **_metric("V", "V", "umk"),
    **dict.fromkeys(("muB", "uB", "mu_B", "u_B"), ("muB", 1.0)),
    **dict.fromkeys(("atom", "atoms", "at"), ("atom", 1.0)),
    **dict.fromkeys(("USD", "$", "US$"), ("USD", 1.0)),
    **dict.fromkeys(("EUR", "€"), ("EUR", 1.0)),
    "%": ("", 1e-2),
    "ppm": ("", 1e-6),
    "ppb": ("", 1e-9),
}
_WHOLE = {
    **dict.fromkeys(("", "-", "none", "dimensionless", "unitless", "a.u."), "1"),
    **dict.fromkeys(("W/mK", "W/m K", "W/m-K", "W/m.K", "WmK"), "W/m/K"),
    **dict.fromkeys(("gpa", "GPA", "Gpa"), "GPa"),
    **dict.fromkeys(("ev", "EV", "Ev"), "eV"),
    **dict.fromkeys(("ev/atom", "EV/atom", "eV/Atom", "EV/ATOM"), "eV/atom"),
    **dict.fromkeys(("C", "degC", "ºC", "deg C", "celsius", "Celsius"), "°C"),
    **dict.fromkeys(("A^3/atom", "A3/atom", "Å^3/atom", "Å3/atom"), "A^3"),
}
_FACTOR = re.compile(r"(?P<symbol>(?:[^\W\d]|[%$€°])[^\d^+-]*)(?:\^?(?P<power>[+-]?\d+))?")
_NUMBER = re.compile(r"(?P<base>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:\^(?P<power>[+-]?\d+))?")
_POWER_OF_TEN = re.compile(r"10(?P<power>[+-]\d+)")
_PER_CENTIMETRE = 33.35640952  # of a terahertz, by the speed of light


@dataclass(frozen=True)
class _Measure:
    """What a unit measures: powers of base quantities, and how much of them."""

    powers: tuple[tuple[str, int], ...]
    size: float


def is_same_unit(given: str, wanted: str) -> bool:
    """Whether two spellings mean the same unit: `g cm-3` and `g/cm³`, but not `GPa` and `MPa`."""
    one, other = _tidy(given), _tidy(wanted)
    if one == other:
        return True
    if {one, other} == {"°C", "K"}:
        return False
    a, b = _measure(one), _measure(other)
    return a is not None and b is not None and a.powers == b.powers and math.isclose(a.size, b.size, rel_tol=1e-9)


def how_to_convert(given: str, wanted: str) -> str | None:
    """What makes a number in the unit `given` one in the unit `wanted`; None where no simple factor is known."""
    one, other = _tidy(given), _tidy(wanted)
    if (one, other) == ("°C", "K"):
        return "add 273.15"
    if (one, other) == ("K", "°C"):
        return "subtract 273.15"
    a, b = _measure(one), _measure(other)
    if a is None or b is None:
        return None
    if a.powers == (("m", -1),) and b.powers == (("Hz", 1),):
        return _times(a.size / 100 / _PER_CENTIMETRE * 1e12 / b.size)
    return _times(a.size / b.size) if a.powers == b.powers else None


def _times(ratio: float) -> str:
    return f"multiply by {ratio:.6g}" if ratio >= 1 else f"divide by {1 / ratio:.6g}"


def _tidy(unit: str) -> str:
    """One spelling of signs, superscripts, brackets and multiplication."""
    text = unicodedata.normalize("NFKC", unit.strip())
    for given, plain in (("\N{MINUS SIGN}", "-"), ("**", "^"), ("\N{GREEK SMALL LETTER MU}", "u"), ("℃", "°C")):
        text = text.replace(given, plain)
    text = re.sub(r"\s*[\u00b7\u22c5\u00d7*]\s*", " ", text)
    text = re.sub(r"/\s*\(([^()]*)\)", lambda found: "/" + re.sub(r"\s+", "/", found[1].strip()), text)
    text = re.sub(r"\s*/\s*", "/", re.sub(r"\s+", " ", text))
    return _WHOLE.get(text, text)


def _measure(unit: str) -> _Measure | None:
    """What a tidy unit measures; None where it is not known."""
    powers: dict[str, int] = {}
    size = 1.0
    for place, part in enumerate(unit.split("/")):
        for position, factor in enumerate(part.replace(".", " ").split() if not _NUMBER.match(part) else part.split()):
            sign = -1 if place > 0 and position == 0 else 1
            if ten := _POWER_OF_TEN.fullmatch(factor):
                size *= 10.0 ** (sign * int(ten["power"]))
            elif number := _NUMBER.fullmatch(factor):
                size *= float(number["base"]) ** (sign * int(number["power"] or 1))
            elif (found := _FACTOR.fullmatch(factor)) and found["symbol"] in _SYMBOLS:
                base, worth = _SYMBOLS[found["symbol"]]
                power = sign * int(found["power"] or 1)
                size *= worth**power
                if base:
                    powers[base] = powers.get(base, 0) + power
            else:
                return None
    return _Measure(tuple(sorted((base, power) for base, power in powers.items() if power)), size)
