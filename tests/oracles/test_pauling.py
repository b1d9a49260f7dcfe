import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

import oracles

oracle = oracles.build("pauling")
counts = st.dictionaries(st.sampled_from(["Li", "Na", "Ti", "Fe", "O", "F", "Cl", "N"]), st.integers(1, 9), min_size=1)


def energy(composition: Composition) -> float:
    return oracle.evaluate([composition])[0].values["formation_energy"]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("NaCl", -0.25 * (3.16 - 0.93) ** 2),
        ("MgO", -0.25 * (3.44 - 1.31) ** 2),
        ("TiO2", -2 / 9 * (3.44 - 1.54) ** 2),
        ("SrTiO3", -(0.04 * (1.54 - 0.95) ** 2 + 0.12 * (3.44 - 0.95) ** 2 + 0.12 * (3.44 - 1.54) ** 2)),
        ("Fe", 0.0),
    ],
)
def test_closed_form(formula, expected):
    assert energy(Composition(formula)) == pytest.approx(expected, abs=1e-12)


@given(counts, st.integers(2, 5), st.randoms())
def test_order_and_scale_do_not_matter(amounts, factor, random):
    items = list(amounts.items())
    random.shuffle(items)
    scaled = Composition({symbol: n * factor for symbol, n in items})
    assert energy(scaled) == pytest.approx(energy(Composition(amounts)), abs=1e-12)
    assert energy(scaled) <= 0


def test_oxidation_states_do_not_matter():
    assert energy(Composition({"Na+": 1, "Cl-": 1})) == energy(Composition("NaCl"))


def test_only_elements_with_an_electronegativity_are_admitted():
    formulas = ["NaCl", "HeNe", "Ar", "XeF2", "NaAr"]
    admitted = oracle.admits([Composition(formula) for formula in formulas])
    assert admitted == [True, False, False, True, False]
    answers = oracle.evaluate([Composition(formula) for formula in formulas])
    assert [answer.status == "done" for answer in answers] == admitted
    assert answers[4].error == "no Pauling electronegativity for Ar"
