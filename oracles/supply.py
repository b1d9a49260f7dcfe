"""What the elements of a formula cost, how rare they are, and in how few hands their supply is."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from oracles.elements import amounts
from oracles.evaluation import Evaluation, InfeasibleError
from oracles.provenance import signed, version_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

PROPERTIES_OF_SUPPLY = ("price", "log_price", "abundance", "log_abundance", "hhi_production", "hhi_reserve")
"""Properties that follow from the formula alone; see `of_counts`."""

COLUMNS = ("price", "abundance", "hhi_production", "hhi_reserve")
N_ELEMENTS = 118


@cache
def of_elements() -> Mapping[str, np.ndarray]:
    """Return column to the value of each element, `118`, by atomic number less one; NaN where it is not known.

    For where the values come from see `data/make_element_supply.py`. `mass` is in g/mol.
    """
    from pymatgen.core import Element

    table = {name: np.full(N_ELEMENTS, np.nan) for name in COLUMNS}
    for row in csv.DictReader(files("oracles").joinpath("data", "element_supply.csv").read_text().splitlines()):
        for name in COLUMNS:
            if row[name]:
                table[name][Element(row["element"]).Z - 1] = float(row[name])
    table["mass"] = np.array([float(Element.from_Z(z).atomic_mass) for z in range(1, N_ELEMENTS + 1)])
    return table


def of_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return property to the value of each formula, `n`; NaN where an element's is not known.

    `price` is that of the elements in 1 kg (USD), `log_price` its decimal logarithm; `abundance` (mg/kg of the earth's
    crust) is that of the scarcest element, since it is the one that runs out, `log_abundance` its decimal logarithm;
    `hhi_production` and `hhi_reserve` are means by mass of the Herfindahl-Hirschman indices (0 to 10,000, in one
    country; Gaultois et al., Chem. Mater. 25, 2911 (2013)).

    counts: atoms of each element, `n x 118`, by atomic number less one; no row is all 0.
    """
    table = of_elements()
    mass = counts * table["mass"]
    share = mass / mass.sum(1, keepdims=True)
    present = counts > 0
    found = {
        name: np.where(present, share * table[name], 0.0).sum(1) for name in ("price", "hhi_production", "hhi_reserve")
    }
    # as a minimum that is NaN where one of them is
    found["abundance"] = np.where(present, table["abundance"], np.inf).min(1)
    found["log_price"] = np.log10(found["price"])
    found["log_abundance"] = np.log10(found["abundance"])
    return {name: found[name] for name in PROPERTIES_OF_SUPPLY}


class Supply:
    """Answers `PROPERTIES_OF_SUPPLY`, at no cost; a material with an element of unknown price and so on lacks that."""

    properties: tuple[str, ...] = PROPERTIES_OF_SUPPLY

    def __init__(self) -> None:
        self.provenance = {"oracle": "supply", "gfnmat": version_of("gfnmat")}

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return whether anything is known of all elements of each material."""
        return [evaluation.status == "done" for evaluation in self.evaluate(materials)]

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the values of each material; one of which nothing is known is infeasible."""
        start = perf_counter()
        rows: list[np.ndarray | Exception] = [_row(material) for material in materials]
        good = [row for row in rows if isinstance(row, np.ndarray)]
        values = of_counts(np.stack(good)) if good else {}
        seconds = (perf_counter() - start) / max(1, len(materials))
        numbers = iter(range(len(good)))
        answers = []
        for row in rows:
            if isinstance(row, Exception):
                answers.append(Evaluation.failed(row, seconds=seconds))
                continue
            at = next(numbers)
            known = {name: float(column[at]) for name, column in values.items() if np.isfinite(column[at])}
            answers.append(
                Evaluation.done(known, seconds=seconds)
                if known
                else Evaluation.infeasible("neither price nor abundance nor supply of its elements is known")
            )
        return signed(answers, self.provenance)


def _row(material: Composition | Structure) -> np.ndarray | Exception:
    from pymatgen.core import Element

    row = np.zeros(N_ELEMENTS)
    try:
        for symbol, amount in amounts(material).items():
            row[Element(symbol).Z - 1] = amount
    except InfeasibleError as reason:
        return reason
    return row
