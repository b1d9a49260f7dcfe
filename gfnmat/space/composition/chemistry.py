"""Oxidation states and electronegativities: the one table that both the grammar and the check read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

import torch
from torch import Tensor

COMMONALITIES = ("low", "medium", "high", "main")


@dataclass(frozen=True)
class OxidationStates:
    """Which of SMACT's ICSD24 oxidation states count, in the words of `smact.screening.ICSD24FilterConfig`.

    Attributes:
        consensus: how often an ion must occur in the literature to count at all.
        commonality: which share of an element's occurrences a state must have: `low` (any), `medium` (10 %),
            `high` (50 %), `main` (the most frequent state only), or a number of per cent.
    """

    consensus: int = 3
    commonality: str | float = "low"

    def __post_init__(self) -> None:
        if self.consensus < 1:
            raise ValueError(f"consensus is {self.consensus}; it must be at least 1.")
        if isinstance(self.commonality, str) and self.commonality not in COMMONALITIES:
            raise ValueError(
                f"commonality is {self.commonality!r}; it must be one of {', '.join(COMMONALITIES)}, "
                "or a number of per cent."
            )

    def by_element(self) -> dict[str, tuple[int, ...]]:
        """The oxidation states of every element that has any, as `smact_validity` reads them."""
        return _oxidation_states(self.consensus, self.commonality)


@lru_cache(maxsize=16)
def _oxidation_states(consensus: int, commonality: str | float) -> dict[str, tuple[int, ...]]:
    from smact.utils.oxidation import ICSD24OxStatesFilter

    table = ICSD24OxStatesFilter().filter(consensus=consensus, include_zero=False, commonality=commonality)
    return {
        str(element): tuple(int(state) for state in str(states).split())
        for element, states in zip(table["element"], table["oxidation_state"], strict=True)
    }


def known_elements() -> tuple[str, ...]:
    """The elements that a compound may well hold: SMACT has oxidation states and an electronegativity for them.

    Without the noble gases, and without what decays too fast to be kept: beyond bismuth only thorium and uranium.
    """
    from pymatgen.core import Element

    return tuple(
        symbol
        for symbol in OxidationStates().by_element()
        if electronegativities().get(symbol) is not None
        and not Element(symbol).is_noble_gas
        and (Element(symbol).Z <= 83 or symbol in ("Th", "U"))
    )


@lru_cache(maxsize=1)
def electronegativities() -> dict[str, float | None]:
    """Pauling electronegativity of the elements that SMACT knows, by symbol; None where it has no value."""
    import smact

    return {symbol: element.pauling_eneg for symbol, element in smact.element_dictionary().items()}


def check_symbols(symbols: Sequence[str], what: str) -> tuple[str, ...]:
    """The symbols, if all are known elements and none is named twice.

    Raises:
        ValueError: names the unknown symbols with the nearest known ones, or those that were repeated.
    """
    known = electronegativities()
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        hints = {symbol: get_close_matches(str(symbol).capitalize(), known, n=1) for symbol in unknown}
        named = ", ".join(f"{s!r} (did you mean {h[0]}?)" if h else repr(s) for s, h in hints.items())
        raise ValueError(f"{what}: unknown element {named}; allowed are the symbols H to Lr.")
    repeated = sorted({symbol for symbol in symbols if list(symbols).count(symbol) > 1})
    if repeated:
        raise ValueError(f"{what}: {', '.join(repeated)} named more than once; name each element once.")
    return tuple(symbols)


@dataclass(frozen=True)
class ElementTable:
    """The elements of a space in the order of the grammar, with what charge balance needs to know of them.

    Elements ascend in electronegativity (ties by atomic number; elements without a value come last).
    An unused slot of a charge tensor is -1.

    Attributes:
        symbols: the E elements.
        numbers: atomic numbers, `E`.
        cation_charges: magnitudes of the charges an element can add before the first anion, `E x states`.
        anion_charges: magnitudes of the charges it can take away as an anion, `E x states`.
        tied_with_next: whether the next element has the same electronegativity, `E`.
    """

    symbols: tuple[str, ...]
    numbers: Tensor
    cation_charges: Tensor
    anion_charges: Tensor
    tied_with_next: Tensor

    @classmethod
    def ionic(cls, symbols: Sequence[str], states: OxidationStates) -> ElementTable:
        """Elements that form neutral compounds in which every anion is more electronegative than every cation.

        An element without an oxidation state or an electronegativity has no charges, so that it can stand only
        for itself.
        """
        known, chi = states.by_element(), electronegativities()
        charges = {s: known.get(s, ()) if chi[s] is not None else () for s in symbols}
        return cls._ordered(
            symbols,
            cations={s: [o for o in charges[s] if o > 0] for s in symbols},
            anions={s: [-o for o in charges[s] if o < 0] for s in symbols},
        )

    @classmethod
    def any(cls, symbols: Sequence[str]) -> ElementTable:
        """Elements that combine freely: each is a cation of charge zero."""
        return cls._ordered(symbols, cations={s: [0] for s in symbols}, anions={s: [] for s in symbols})

    @classmethod
    def _ordered(
        cls, symbols: Sequence[str], cations: dict[str, list[int]], anions: dict[str, list[int]]
    ) -> ElementTable:
        from pymatgen.core import Element

        chi = electronegativities()
        number = {symbol: Element(symbol).Z for symbol in symbols}
        order = sorted(symbols, key=lambda s: (float("inf") if chi[s] is None else chi[s], number[s]))
        following = [*order[1:], None]
        return cls(
            symbols=tuple(order),
            numbers=torch.tensor([number[s] for s in order]),
            cation_charges=_padded([cations[s] for s in order]),
            anion_charges=_padded([anions[s] for s in order]),
            tied_with_next=torch.tensor(
                [
                    n is not None and chi[s] is not None and chi[s] == chi[n]
                    for s, n in zip(order, following, strict=True)
                ]
            ),
        )

    @property
    def largest_charges(self) -> tuple[int, int]:
        """Magnitudes of the largest cation and anion charge; 0 where there is none."""
        return max(int(self.cation_charges.max()), 0), max(int(self.anion_charges.max()), 0)


def _padded(rows: list[list[int]]) -> Tensor:
    width = max(1, max(len(row) for row in rows))
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows])
