"""The grammar against SMACT's own check on every formula there is."""

from collections.abc import Sequence
from itertools import combinations, product
from math import gcd

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition
from smact.screening import ICSD24FilterConfig, smact_validity

from gfnmat import Candidates, CompositionSpace, GFlowNet

COMMON = ["H", "Li", "B", "C", "N", "O", "F", "Na", "Al", "S", "Cl", "K", "Ti", "Fe", "Cu", "Zn", "Se", "Bi", "I"]


def is_valid(formula: str | Composition, commonality: str | float = "low", consensus: int = 3) -> bool:
    return smact_validity(
        Composition(formula),
        include_alloys=False,
        check_metallicity=False,
        mixed_valence=False,
        icsd_filter=ICSD24FilterConfig(consensus=consensus, commonality=commonality),
    )


def all_reduced(elements: Sequence[str], kinds: tuple[int, int], atoms: tuple[int, int]) -> set[Composition]:
    found = set()
    for k in range(kinds[0], kinds[1] + 1):
        for chosen in combinations(elements, k):
            for counts in product(range(1, atoms[1] + 1), repeat=k):
                if atoms[0] <= sum(counts) <= atoms[1] and gcd(*counts) == 1:
                    found.add(Composition(dict(zip(chosen, counts, strict=True))))
    return found


@pytest.mark.parametrize(
    ("elements", "kinds", "atoms", "commonality"),
    [
        (["Li", "Ti", "O", "F"], (1, 3), (1, 8), "low"),
        (["Li", "Ti", "O", "F"], (1, 3), (1, 8), "medium"),
        (["C", "Se", "Cu", "Bi", "O"], (2, 4), (2, 7), "low"),  # C and Se, Cu and Bi tie in electronegativity
        (["H", "N", "S", "Cl", "Fe"], (2, 3), (2, 9), 5),
        (["Os", "O", "C"], (2, 3), (2, 16), "low"),  # large charges
        (["Na", "O"], (2, 2), (2, 12), "main"),
    ],
)
def test_the_space_is_exactly_what_smact_passes(
    elements: list[str], kinds: tuple[int, int], atoms: tuple[int, int], commonality: str | float
) -> None:
    space = CompositionSpace(elements, kinds, atoms, commonality=commonality)
    found = space.enumerate().compositions
    expected = {c for c in all_reduced(elements, kinds, atoms) if is_valid(c, commonality)}
    assert len(found) == len(set(found))
    assert set(found) == expected


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(COMMON), min_size=2, max_size=4), st.integers(2, 6))
def test_any_small_space_is_exactly_what_smact_passes(elements: set[str], most: int) -> None:
    expected = {c for c in all_reduced(sorted(elements), (1, 3), (1, most)) if is_valid(c)}
    space = CompositionSpace(sorted(elements), (1, 3), (1, most))
    assert set(space.enumerate().compositions) == expected


def test_without_the_ionic_rule_every_reduced_formula_is_in_the_space() -> None:
    elements = ["Al", "Ni", "Ti", "He"]
    space = CompositionSpace(elements, (1, 3), (2, 6), chemistry="any")
    assert set(space.enumerate().compositions) == all_reduced(elements, (1, 3), (2, 6))


def test_required_elements_are_in_every_formula_and_nothing_else_is_lost() -> None:
    elements = ["Li", "Na", "Ti", "S", "O", "F"]
    whole = CompositionSpace(elements, (2, 4), (2, 8)).enumerate().formulas
    required = CompositionSpace(elements, (2, 4), (2, 8), require=["Na", "O"]).enumerate().formulas
    assert set(required) == {f for f in whole if {"Na", "O"} <= set(Composition(f).get_el_amt_dict())}


def test_forbidding_an_element_is_leaving_it_out() -> None:
    without = CompositionSpace(["Li", "Ti", "O", "F"], (2, 3), (2, 7), forbid=["F"]).enumerate()
    assert set(without.formulas) == set(CompositionSpace(["Li", "Ti", "O"], (2, 3), (2, 7)).enumerate().formulas)


@pytest.mark.parametrize("commonality", ["low", "medium"])
def test_samples_of_a_large_space_pass_the_check_and_no_action_is_invalid(commonality: str) -> None:
    elements = [*COMMON, "Mg", "Ca", "Sr", "Ba", "V", "Cr", "Mn", "Co", "Ni", "Mo", "W", "P", "As", "Te", "Br", "Os"]
    space = CompositionSpace(elements, (2, 5), (2, 20), commonality=commonality)
    sample = GFlowNet(space, seed=1).sample(1500)
    invalid = [str(c) for c in set(sample.compositions) if not is_valid(c, commonality)]
    assert invalid == []
    atoms, kinds = sample.counts.sum(1), (sample.counts > 0).sum(1)
    assert 2 <= int(atoms.min()) <= int(atoms.max()) <= 20
    assert 2 <= int(kinds.min()) <= int(kinds.max()) <= 5
    assert all(gcd(*row[row > 0].tolist()) == 1 for row in sample.counts)


def test_admits_agrees_with_the_enumeration_on_every_formula() -> None:
    elements = ["Li", "Ti", "O", "F", "S"]
    space = CompositionSpace(["Li", "Ti", "O", "F"], (2, 3), (3, 7))
    every = Candidates.of(sorted(str(c) for c in all_reduced(elements, (1, 4), (1, 8))))
    members = set(space.enumerate().keys)
    assert space.admits(every).tolist() == [key in members for key in every.keys]


def test_encode_takes_any_spelling_and_multiple() -> None:
    space = CompositionSpace(["Li", "Ti", "O", "F"], (1, 3), (1, 8))
    assert space.encode(["O3TiLi2", "Li4Ti2O6", Composition("TiO2")]).formulas == ("Li2TiO3", "Li2TiO3", "TiO2")
    assert len(space.encode([])) == 0


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("LiS", "S is not among its elements"),
        ("Li2Ti6O13", "21 atoms in the reduced formula; allowed are 2 to 8"),
        ("Li2TiO2F2", "4 elements; allowed are 2 to 3"),
        ("LiTi2O4", "no neutral choice"),
        ("Li0.5O", "whole number"),
        ("Li2O", "lacks Ti"),
        ("bread", "is not a formula"),
    ],
)
def test_encode_says_why_a_material_is_not_in_the_space(formula: str, reason: str) -> None:
    space = CompositionSpace(["Li", "Ti", "O", "F"], (2, 3), (2, 8), require=["Ti"])
    with pytest.raises(ValueError, match=reason):
        space.encode(["TiO2", formula])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"elements": ["Li", "Qq"]}, "unknown element 'Qq'"),
        ({"elements": ["li", "O"]}, "did you mean Li"),
        ({"elements": ["Li", "Li", "O"]}, "more than once"),
        ({"elements": ["Li", "Na"]}, "no neutral composition exists"),
        ({"elements": ["Li", "O"], "require": ["Na"]}, "which elements does not"),
        ({"elements": ["Li", "O"], "require": ["O"], "forbid": ["O"]}, "both required and forbidden"),
        ({"elements": ["Li", "O"], "n_elements": (3, 4)}, "only 2 elements"),
        ({"elements": ["Li", "O"], "n_atoms": (5, 3)}, "must be at least 1 and not above"),
        ({"elements": ["Li", "O"], "n_atoms": "many"}, "two whole numbers"),
        ({"elements": ["Li", "O"], "chemistry": "ionics"}, "ionic, any"),
        ({"elements": ["Li", "O"], "commonality": "often"}, "low, medium, high, main"),
        ({"elements": ["Os", "C"], "n_atoms": (2, 60)}, "allowed are at most"),
        ({"elements": []}, "no element is left"),
    ],
)
def test_a_space_that_cannot_be_says_so_at_once(arguments: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CompositionSpace(**arguments)


def test_elements_without_oxidation_states_are_named() -> None:
    with pytest.warns(UserWarning, match="can hold Ne"):
        CompositionSpace(["Ne", "Li", "O"], (2, 2), (2, 4))
