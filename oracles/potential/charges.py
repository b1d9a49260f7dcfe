"""Formal charges of the elements in a formula."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product

from oracles.pauling import electronegativities


@cache
def _states(symbol: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the common oxidation states of an element and all that crystals show (pymatgen's tables)."""
    from pymatgen.core import Element

    element = Element(symbol)
    common = element.common_oxidation_states
    observed = element.icsd_oxidation_states or element.oxidation_states
    return tuple(common), tuple(sorted({*common, *observed} - {0}))


def common_states(symbol: str) -> tuple[int, ...]:
    """Return the common oxidation states of an element (pymatgen's table)."""
    return _states(symbol)[0]


def formal_charges(counts: Mapping[str, int]) -> dict[str, float] | None:
    """Return the charge (e) of each element in a neutral formula; None where there is none (a metal).

    Of the neutral combinations of observed oxidation states in which every cation is less electronegative than
    every anion, the one with the fewest uncommon states, and then the smallest charges. Where there is none (mixed
    valence, as in Fe3O4), the anions keep their common states and the cations share the rest evenly.
    """
    chi = electronegativities()
    symbols = [symbol for symbol in counts if symbol in chi]
    if len(symbols) < max(2, len(counts)):
        return None
    symbols.sort(key=lambda symbol: chi[symbol])
    best: tuple[int, int, tuple[int, ...]] | None = None
    for states in product(*(_states(symbol)[1] for symbol in symbols)):
        if sum(q * counts[symbol] for q, symbol in zip(states, symbols, strict=True)):
            continue
        cations = [chi[symbol] for q, symbol in zip(states, symbols, strict=True) if q > 0]
        anions = [chi[symbol] for q, symbol in zip(states, symbols, strict=True) if q < 0]
        if not cations or not anions or max(cations) >= min(anions):
            continue
        uncommon = sum(q not in _states(symbol)[0] for q, symbol in zip(states, symbols, strict=True))
        rank = (uncommon, sum(map(abs, states)), states)
        if best is None or rank < best:
            best = rank
    if best is not None:
        return {symbol: float(q) for symbol, q in zip(symbols, best[2], strict=True)}
    return _shared(counts, symbols)


def _shared(counts: Mapping[str, int], symbols: list[str]) -> dict[str, float] | None:
    """Return charges of mixed valence: the most electronegative element takes what the others give evenly."""
    *cations, anion = symbols
    lowest = min(_states(anion)[0], default=0)
    if lowest >= 0:
        return None
    each = -lowest * counts[anion] / sum(counts[symbol] for symbol in cations)
    if any(each > max(_states(symbol)[1], default=0) for symbol in cations):
        return None
    return {anion: float(lowest)} | dict.fromkeys(cations, each)
