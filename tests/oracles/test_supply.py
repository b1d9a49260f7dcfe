"""Price, abundance and supply risk, against pymatgen's own models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.cost import CostAnalyzer, CostDBElements
from pymatgen.analysis.hhi import HHIModel
from pymatgen.core import Composition, DummySpecies, Element, Lattice, Structure
from scipy.stats import spearmanr

import oracles
from oracles.contract import OracleContract
from oracles.oracle import Oracle
from oracles.supply import N_ELEMENTS, PROPERTIES_OF_SUPPLY, of_counts, of_elements

ELEMENTS = ["Li", "O", "Mg", "Al", "Si", "Ti", "Fe", "Cu", "Ga", "Se", "Nb", "In", "La", "Nd", "Pt", "Bi", "U"]
formulas = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 9), min_size=1, max_size=5)


class TestSupply(OracleContract):
    good = (Composition("NaCl"), Composition("LiFePO4"), Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]]))
    bad = (Composition("Fr2O"), Composition({DummySpecies("X"): 1, "O": 2}), Composition({}))

    def make(self) -> Oracle:
        return oracles.build("supply")


def values(formula: dict[str, int], times: int = 1) -> dict[str, float]:
    row = np.zeros((1, N_ELEMENTS))
    for symbol, count in formula.items():
        row[0, Element(symbol).Z - 1] = count * times
    return {name: column.item() for name, column in of_counts(row).items()}


@given(formulas.filter(lambda formula: "U" not in formula))  # of which the indices are not known
def test_supply_risk_is_that_of_pymatgen(formula):
    found = values(formula)
    assert (found["hhi_production"], found["hhi_reserve"]) == pytest.approx(HHIModel().get_hhi(Composition(formula)))


@given(formulas, st.integers(2, 7))
def test_the_number_of_formula_units_changes_nothing(formula, times):
    assert values(formula, times) == pytest.approx(values(formula), nan_ok=True)


@given(formulas)
def test_prices_and_abundances_lie_between_those_of_the_elements(formula):
    found, table = values(formula), of_elements()
    prices = [table["price"][Element(symbol).Z - 1] for symbol in formula]
    assert min(prices) * (1 - 1e-9) <= found["price"] <= max(prices) * (1 + 1e-9)
    assert found["abundance"] == min(table["abundance"][Element(symbol).Z - 1] for symbol in formula)
    assert found["log_price"] == pytest.approx(np.log10(found["price"]))
    assert found["log_abundance"] == pytest.approx(np.log10(found["abundance"]))


def test_prices_rank_as_those_that_pymatgen_has_of_another_year():
    """Of common elements: its of 2013 are of pure laboratory products for some (fluorine 1,900 USD/kg)."""
    others = CostAnalyzer(CostDBElements())
    mine = [values({symbol: 1})["price"] for symbol in ELEMENTS if symbol != "U"]
    its = [others.get_cost_per_kg(symbol) for symbol in ELEMENTS if symbol != "U"]
    assert spearmanr(mine, its).statistic > 0.8


def test_the_price_of_a_compound_is_the_sum_of_what_is_in_it():
    """Gallium arsenide: 0.482 kg of gallium and 0.518 kg of arsenic."""
    assert values({"Ga": 1, "As": 1})["price"] == pytest.approx(0.482 * 148 + 0.518 * 0.999, rel=1e-3)
    assert values({"Ga": 1, "As": 1})["abundance"] == 1.8


def test_what_is_not_known_of_one_element_is_not_known_of_the_whole():
    (water,) = oracles.build("supply").evaluate([Composition("H2O")])
    assert set(water.values) == set(PROPERTIES_OF_SUPPLY) - {"hhi_production", "hhi_reserve"}
