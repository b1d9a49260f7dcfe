"""Formation energy estimated from electronegativities alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING

from oracles.elements import amounts
from oracles.evaluation import Evaluation, InfeasibleError
from oracles.oracle import each
from oracles.provenance import signed, versions_of

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


@cache
def electronegativities() -> dict[str, float]:
    """Return Pauling's electronegativity of each element that has one (pymatgen's table)."""
    import warnings

    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = {element.symbol: float(element.X) for element in Element}
    return {symbol: value for symbol, value in values.items() if value == value}


class Pauling:
    """-sum_{i<j} x_i x_j (chi_i - chi_j)^2 over atomic fractions x and Pauling electronegativities chi.

    Pauling defined (chi_A - chi_B)^2 as the extra energy of a bond A-B in eV (J. Am. Chem. Soc. 54, 3570
    (1932)); weighted with the chance x_i x_j of each pair it is an estimate of the formation energy whose
    ranks mean something and whose values, in eV to the order of magnitude, do not: never mix them with
    energies of another level. Since the fractions sum to one, it is minus the variance of chi.
    """

    properties: tuple[str, ...] = ("formation_energy",)

    def __init__(self) -> None:
        self.provenance = {"oracle": "pauling", **versions_of("pymatgen")}

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Return the estimate for each material; one with an element without electronegativity is infeasible."""
        return signed(each(self._evaluate, materials), self.provenance)

    def admits(self, materials: Sequence[Composition | Structure]) -> list[bool]:
        """Return whether all elements of each material have an electronegativity."""
        return [evaluation.status == "done" for evaluation in self.evaluate(materials)]

    @staticmethod
    def _evaluate(material: Composition | Structure) -> Evaluation:
        start = perf_counter()
        table = electronegativities()
        total = amounts(material)
        if missing := [symbol for symbol in total if symbol not in table]:
            raise InfeasibleError(f"no Pauling electronegativity for {', '.join(missing)}")
        atoms = sum(total.values())
        mean = sum(n * table[symbol] for symbol, n in total.items()) / atoms
        variance = sum(n * (table[symbol] - mean) ** 2 for symbol, n in total.items()) / atoms
        return Evaluation.done({"formation_energy": -variance}, seconds=perf_counter() - start)
