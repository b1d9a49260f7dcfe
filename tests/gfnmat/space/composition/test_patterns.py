"""Blanks and doped hosts against formulas spelled out and checked one by one by SMACT."""

from collections.abc import Callable
from functools import reduce
from itertools import combinations, permutations, product
from math import gcd

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from gfnmat import CompositionSpace, GFlowNet
from gfnmat.campaign_file import load
from gfnmat.config import ConfigError

FILLERS = ["Na", "Mg", "Al", "Ti", "Mn", "Fe", "Ni", "S", "F"]


def reduced(formulas: list[str]) -> set[str]:
    return {Composition(formula).reduced_formula for formula in formulas}


def completions(space: CompositionSpace) -> list[str]:
    return [Composition(formula).reduced_formula for formula in space.enumerate().formulas]


def test_one_blank_is_filled_by_every_element_that_makes_it_neutral(
    is_neutral: Callable[[str | Composition], bool],
) -> None:
    space = CompositionSpace(FILLERS, fix="LiCo?O2")
    expected = [f"LiCo{filler}O2" for filler in FILLERS if is_neutral(f"LiCo{filler}O2")]
    assert sorted(completions(space)) == sorted(reduced(expected))


def test_without_elements_a_blank_takes_any_element() -> None:
    found = completions(CompositionSpace(fix="Li?O2"))
    assert reduced(["LiCoO2", "LiFeO2", "LiAlO2", "LiLaO2"]) <= set(found)
    assert len(found) > 50


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, "*"]), min_size=1, max_size=2),
    st.dictionaries(st.sampled_from(["Li", "O"]), st.integers(1, 4), min_size=1, max_size=2),
)
def test_blanks_are_filled_in_every_way_once(
    is_neutral: Callable[[str | Composition], bool], blanks: list[int | str], fixed: dict[str, int]
) -> None:
    most = 9
    amounts = [*fixed.values(), *(n for n in blanks if n != "*")]
    divisor = 1 if "*" in blanks else reduce(gcd, amounts)
    expected = set()
    for choice in permutations(FILLERS[:5], len(blanks)):
        for atoms in product(*(range(1, most) if n == "*" else (n,) for n in blanks)):
            counts = [*fixed.values(), *atoms]
            size = sum(counts) // divisor
            limit = most if "*" in blanks else size
            if reduce(gcd, counts) == divisor and size <= limit:
                formula = Composition({**fixed, **dict(zip(choice, atoms, strict=True))}).formula.replace(" ", "")
                expected |= reduced([formula]) if is_neutral(formula) else set()
    text = "".join(f"{symbol}{n}" for symbol, n in fixed.items()) + "".join(f"?{n}" for n in blanks)
    if not expected:
        too_large = "*" in blanks and sum(amounts) + blanks.count("*") > most
        with pytest.raises(ValueError, match="has at least" if too_large else "completes"):
            CompositionSpace(FILLERS[:5], fix=text, n_atoms=(1, most))
        return
    found = completions(CompositionSpace(FILLERS[:5], fix=text, n_atoms=(1, most)))
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_doping_replaces_whole_atoms_up_to_the_share(is_neutral: Callable[[str | Composition], bool]) -> None:
    doping = {"host": "SrTiO3", "replace": "Ti", "by": ["Nb", "Ta", "Zr"], "up_to": 0.25}
    space = CompositionSpace(fix=doping, n_atoms=(1, 40), chemistry="any")
    expected = [
        f"Sr{units}Ti{units - k}{dopant}{k}O{3 * units}"
        for units in range(1, 9)
        for k in range(1, units // 4 + 1)
        for dopant in doping["by"]
    ]
    found = completions(space)
    assert sorted(found) == sorted(reduced(expected))
    assert all(is_neutral(formula) for formula in completions(CompositionSpace(fix=doping, n_atoms=(1, 20))))


def test_completions_are_sampled_in_proportion_to_the_reward() -> None:
    space = CompositionSpace(FILLERS, fix="Li?*?O4", n_atoms=(1, 12))
    members = space.enumerate()
    flow = GFlowNet(space, seed=3)
    flow.fit(lambda candidates: candidates.counts[:, 11].float(), trajectories=16_000)
    target = torch.softmax(members.counts[:, 11].float(), 0)
    assert float((flow.log_prob(members).exp() - target).abs().sum() / 2) < 0.08


def test_a_pattern_survives_as_settings_and_in_a_campaign_file() -> None:
    doping = {"host": "SrTiO3", "replace": "Ti", "by": ["Zr"], "up_to": 0.5}
    for arguments in ({"fix": "LiCo?O2", "elements": FILLERS}, {"fix": doping, "n_atoms": (1, 20)}):
        space = CompositionSpace(**arguments)
        again = CompositionSpace(**space.settings)
        assert again.enumerate().formulas == space.enumerate().formulas
        campaign = {
            "space": {"kind": "composition", **arguments},
            "objectives": [{"property": "formation_energy", "goal": "minimize"}],
            "fidelities": [{"name": "estimate", "oracle": "pauling", "cost": 1}],
            "budget": {"cost": 1},
        }
        read = CompositionSpace(**load(campaign).space.settings)
        assert read.enumerate().formulas == space.enumerate().formulas


def test_what_a_pattern_does_not_admit_is_not_encoded() -> None:
    space = CompositionSpace(FILLERS, fix="LiCo?O2")
    assert space.encode(["LiCoNiO2"]).formulas
    with pytest.raises(ValueError, match="not in the space"):
        space.encode(["LiNiO2"])
    with pytest.raises(ValueError, match="does not complete"):
        CompositionSpace(["Na", "Mg"], fix="Na?*O2", n_atoms=(4, 8), chemistry="any").encode(["Na2MgO2"])
    assert min(CompositionSpace(FILLERS, fix="?*O2", n_atoms=(5, 8), chemistry="any").enumerate().counts.sum(1)) >= 5
    other = CompositionSpace(["Li", "Co", "Ni", "O"], n_elements=(3, 4), n_atoms=(3, 9)).encode(["LiCoNi2O4"])
    assert not space.admits(other).any()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"fix": "LiCoO2"}, "has no blank"),
        ({"fix": "Li(CoO)2"}, "cannot be|write elements"),
        ({"fix": "LiLi?O2"}, "more than once"),
        ({"fix": "Li*?O2"}, "whole number"),
        ({"fix": "Li?0O2"}, "whole number"),
        ({"fix": "LiX?O2"}, "unknown element 'X'"),
        ({"fix": "Li?O2", "elements": ["Ne"], "chemistry": "ionic"}, "completes"),
        ({"fix": "Li?O2", "forbid": ["O"]}, "both required and forbidden"),
        ({"fix": 3}, "formula with blanks"),
        ({"fix": {"host": "SrTiO3"}}, "formula with blanks"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["Nb"], "up_to": 0.1}}, "takes 50 atoms"),
        ({"fix": {"host": "SrTiO3", "replace": "Fe", "by": ["Nb"], "up_to": 0.1}}, "does not hold"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["O"], "up_to": 0.1}}, "holds already"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": [], "up_to": 0.1}}, "by is empty"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["Nb"], "up_to": 1.0}}, "below 1"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": "NC", "up_to": 0.5}}, "must be a list"),
        ({"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["Zr"], "up_to": 1e-7}}, "takes 50000000 atoms"),
        (
            {"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["Zr", "Hf"], "up_to": 0.5}, "forbid": ["Hf"]},
            "choose one",
        ),
        ({"fix": "Ba?*O10", "n_atoms": (2, 11)}, "at least 12 atoms"),
        ({"fix": {"host": "notaformula", "replace": "Ti", "by": ["Nb"], "up_to": 0.5}}, "host is"),
    ],
)
@pytest.mark.filterwarnings("ignore:no compound of this space can hold")
def test_what_is_no_pattern_says_so(arguments: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CompositionSpace(**arguments)


def test_a_campaign_file_says_where_the_pattern_is_wrong() -> None:
    with pytest.raises(ConfigError, match="up_to"):
        load(
            {
                "space": {"fix": {"host": "SrTiO3", "replace": "Ti", "by": ["Nb"], "up_to": 3}},
                "objectives": [{"property": "formation_energy", "goal": "minimize"}],
                "fidelities": [{"name": "estimate", "oracle": "pauling", "cost": 1}],
                "budget": {"cost": 1},
            }
        )


def test_all_pairs_of_elements_fill_two_blanks() -> None:
    space = CompositionSpace(["Na", "Mg", "Al", "Ti"], fix="O4??2", chemistry="any")
    expected = reduced([f"{a}{b}2O4" for a, b in permutations(["Na", "Mg", "Al", "Ti"], 2)])
    assert set(completions(space)) == expected
    assert len(expected) == 2 * len(list(combinations(range(4), 2)))
