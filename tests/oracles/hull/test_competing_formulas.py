from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from oracles.hull.formulas import competing_formulas, formula_of
from oracles.potential.charges import formal_charges
from oracles.potential.realisation import require_prototype

ELEMENTS = ["Li", "Mg", "Al", "Ti", "Fe", "Ni", "B", "C", "N", "O", "F", "S", "Cl"]


def named(*elements: str) -> set[str]:
    return {Composition(dict(formula)).reduced_formula for formula in competing_formulas(frozenset(elements))}


def test_what_is_known_to_compete_is_among_the_guesses():
    assert {"Li2O", "Al2O3", "LiAlO2", "LiAl"} <= named("Li", "Al", "O")
    assert {"FeO", "Fe2O3", "Fe3O4"} <= named("Fe", "O")
    assert {"MgO", "Al2O3", "MgAl2O4"} <= named("Mg", "Al", "O")
    assert {"TiO2", "Ti2O3", "TiO"} <= named("Ti", "O")
    assert {"AlNi", "AlNi3", "Al3Ni"} <= named("Ni", "Al")


def test_elements_and_noble_gases_form_nothing():
    assert competing_formulas(frozenset({"Na"})) == ()
    assert named("Na", "He") == set()


@given(st.sets(st.sampled_from(ELEMENTS), min_size=2, max_size=3), st.sampled_from(ELEMENTS))
def test_guesses_fit_prototypes_balance_and_only_grow_with_the_system(elements, further):
    found = competing_formulas(frozenset(elements))
    assert set(found) <= set(competing_formulas(frozenset(elements | {further})))
    for formula in found:
        counts = dict(formula)
        require_prototype(counts)
        assert formula == formula_of(counts)
        assert set(counts) <= elements
        assert Composition(counts).get_integer_formula_and_factor()[1] == 1
        charges = formal_charges(counts)
        if charges is not None:
            assert abs(sum(charges[symbol] * count for symbol, count in counts.items())) < 1e-9
