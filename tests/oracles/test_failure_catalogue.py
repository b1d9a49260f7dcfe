"""What breaks potentials, item by item: each is a failure that says why, and costs none of its neighbours."""

from functools import cache
from time import perf_counter

import numpy as np
import pytest
from pymatgen.core import Composition, DummySpecies, Lattice, Structure

import oracles
from oracles.evaluation import Evaluation

HALF = [0.5, 0.5, 0.5]
ROCK_SALT = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.65), ["Na", "Cl"], [[0, 0, 0], HALF]
).get_primitive_structure()


def pair(a: float, first: object = "Na", second: object = "Cl", at: object = HALF) -> Structure:
    """Two atoms in a cubic cell of edge `a` (A), the second one at fractional coordinates `at`."""
    return Structure(Lattice.cubic(a), [first, second], [[0, 0, 0], at])


def lonely() -> Structure:
    """27 atoms of rock salt in a corner of a cell of an allowed volume, and one 7 A away from all others."""
    grid = 2.8 * np.indices((3, 3, 3)).reshape(3, -1).T
    species = ["Na" if i.sum() % 2 else "Cl" for i in np.indices((3, 3, 3)).reshape(3, -1).T]
    cell = Lattice.orthorhombic(12.8, 12.8, 12.8)
    return Structure(cell, [*species, "Na"], [*grid, [9.2, 9.2, 9.2]], coords_are_cartesian=True)


CATALOGUE = {
    "coincident atoms": (pair(4.2, at=[0, 0, 0]), "0.00 A apart"),
    "a pair 0.1 A apart": (pair(4.2, at=[0.1 / 4.2, 0, 0]), "0.10 A apart"),
    "a pair 0.1 A apart across the cell's face": (pair(4.2, at=[1 - 0.1 / 4.2, 0, 0]), "0.10 A apart"),
    "a dense cell that takes seconds": (pair(2.0), "A^3/atom"),
    "a dense cell that hangs": (pair(1.2), "A^3/atom"),
    "a cell whose atoms touch their own images": (
        Structure(Lattice.orthorhombic(0.8, 10, 10), ["Na", "Cl"], [[0, 0, 0], HALF]),
        "0.80 A apart",
    ),
    "a needle of an allowed volume": (
        Structure(Lattice.orthorhombic(0.001, 100, 500), ["Na", "Cl"], [[0, 0, 0], HALF]),
        "0.001 A thick",
    ),
    "a sheared cell of an allowed volume": (
        Structure(Lattice([[4, 0, 0], [4e6, 4, 0], [0, 0, 4]]), ["Na", "Cl"], [[0, 0, 0], HALF]),
        "A thick",
    ),
    "an isolated atom in a large cell": (Structure(Lattice.cubic(15), ["Na"], [[0, 0, 0]]), "A^3/atom"),
    "no volume": (Structure(Lattice([[4, 0, 0], [8, 0, 0], [0, 0, 4]]), ["Na", "Cl"], [[0, 0, 0], HALF]), "A^3/atom"),
    "a coordinate that is not a number": (pair(4.2, at=[np.nan, 0.5, 0.5]), "not finite"),
    "an infinite coordinate": (pair(4.2, at=[np.inf, 0.5, 0.5]), "not finite"),
    "a cell that is not a number": (pair(np.nan), "not finite"),
    "an infinite cell": (pair(np.inf), "not finite"),
    "disorder": (pair(4.2, {"Na": 0.5, "K": 0.5}), "disordered"),
    "a partly empty site": (pair(4.2, {"Na": 0.5}), "disordered"),
    "a placeholder": (pair(4.2, DummySpecies("X")), "placeholder"),
    "noble gases": (pair(4.2, "He", "Ne"), "He, Ne"),
    "no atoms": (Structure(Lattice.cubic(4.2), [], []), "no atoms"),
    "too many atoms": (ROCK_SALT * (8, 8, 1), "128 atoms"),
    "a placeholder in a formula": (Composition({DummySpecies("X"): 1, "O": 2}), "placeholder"),
    "a formula of noble gases": (Composition("HeNe"), "He, Ne"),
    "no formula": (Composition({}), "no atoms"),
    "text": ("NaCl", "str"),
    "nothing": (None, "NoneType"),
}
UNSUPPORTED = {
    "an element that the potential was not trained on": (pair(4.6, "Po", "O"), "Po"),
    "an element beyond plutonium": (pair(4.6, "Am", "O"), "Am"),
    "an atom without neighbours in a cell of an allowed volume": (lonely(), "isolated"),
    "a fractional formula": (Composition("Na0.5Cl0.5"), "fractional"),
    "a formula that no prototype holds": (Composition("Na17Cl19"), "no prototype"),
}

QUICK = [("ionic", None), ("chgnet", "single_point"), ("chgnet", "equation_of_state")]
SLOW = ("relax", "elastic", "phonons")
ORACLES = [*QUICK, *(pytest.param("chgnet", protocol, marks=pytest.mark.slow) for protocol in SLOW)]


def oracle(name: str, protocol: str | None) -> oracles.Oracle:
    return oracles.build(name, **({"protocol": protocol} if protocol else {}))


@cache
def answers(name: str, protocol: str | None) -> tuple[dict[str, Evaluation], list[Evaluation], Evaluation]:
    """The answers to the whole catalogue in one batch, to the good crystal between its items, and to that one alone."""
    items = CATALOGUE | (UNSUPPORTED if name == "chgnet" else {})
    bad = [material for material, _ in items.values()]
    half = len(bad) // 2
    batch = [ROCK_SALT, *bad[:half], ROCK_SALT, *bad[half:], ROCK_SALT]
    found = oracle(name, protocol).evaluate(batch)
    good = [found[0], found[half + 1], found[-1]]
    return dict(zip(items, [*found[1 : half + 1], *found[half + 2 : -1]], strict=True)), good, _alone(name, protocol)


@cache
def _alone(name: str, protocol: str | None) -> Evaluation:
    (answer,) = oracle(name, protocol).evaluate([ROCK_SALT])
    return answer


@pytest.mark.parametrize(("name", "protocol"), ORACLES)
@pytest.mark.parametrize("item", CATALOGUE)
def test_each_is_a_failure_of_the_material_that_says_why(name, protocol, item):
    answer = answers(name, protocol)[0][item]
    assert answer.status == "infeasible"
    assert CATALOGUE[item][1] in answer.error


@pytest.mark.parametrize(
    "protocol", [oracle_[1] for oracle_ in QUICK[1:]] + [pytest.param(name, marks=pytest.mark.slow) for name in SLOW]
)
@pytest.mark.parametrize("item", UNSUPPORTED)
def test_each_that_only_potentials_refuse(protocol, item):
    answer = answers("chgnet", protocol)[0][item]
    assert answer.status == "infeasible"
    assert UNSUPPORTED[item][1] in answer.error


@pytest.mark.parametrize(("name", "protocol"), ORACLES)
def test_the_neighbours_have_the_answers_that_they_have_alone(name, protocol):
    _, good, alone = answers(name, protocol)
    for answer in good:
        assert answer.status == "done", answer.error
        assert answer.values == pytest.approx(alone.values, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("name", "protocol"), QUICK)
@pytest.mark.parametrize("item", CATALOGUE)
def test_one_bad_member_of_a_batch_costs_no_other_and_no_time(name, protocol, item):
    start = perf_counter()
    bad, good = oracle(name, protocol).evaluate([CATALOGUE[item][0], ROCK_SALT])
    assert bad.status == "infeasible"
    assert good.values == pytest.approx(_alone(name, protocol).values, rel=1e-4, abs=1e-4)
    assert perf_counter() - start < 10


@pytest.mark.parametrize(("name", "protocol"), QUICK)
def test_what_is_screened_out_fails(name, protocol):
    items = [material for material, _ in CATALOGUE.values() if material is not None and not isinstance(material, str)]
    asked = oracle(name, protocol)
    for admitted, answer in zip(asked.admits(items), asked.evaluate(items), strict=True):
        assert admitted or answer.status == "infeasible"
