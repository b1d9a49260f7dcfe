"""The genetic algorithm: what its operators do, and that it climbs."""

import pytest
import torch
from pymatgen.core import Composition
from torch import Tensor

from gfnmat import Candidates, CompositionSpace, CrystalSpace
from gfnmat.proposers.crystal_variation import CrystalVariation
from gfnmat.proposers.evolutionary import EvolutionaryProposer
from gfnmat.proposers.formula_variation import FormulaVariation
from gfnmat.proposers.proposer import Measured
from gfnmat.proposers.random import RandomProposer

ELEMENTS = ["Li", "Na", "K", "Mg", "Al", "Ti", "O", "F", "Cl", "S"]
SPACE = CompositionSpace(ELEMENTS, (2, 3), (2, 12))
CRYSTALS = CrystalSpace(["Na", "K", "Mg", "O", "S", "Cl"], (2, 2), (2, 6))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_mutation_replaces_recounts_adds_or_drops_one_element() -> None:
    parents = Candidates.of(["Li2TiO3"] * 400)
    children = FormulaVariation.over(SPACE.elements).mutated(parents, generator()).compositions
    kinds = {"replaced": 0, "recounted": 0, "added": 0, "dropped": 0}
    parent = Composition("Li2TiO3")
    for child in children:
        gone, came = set(parent) - set(child), set(child) - set(parent)
        if gone and came:
            kinds["replaced"] += 1
            (old,), (new,) = gone, came
            assert child == Composition({(new if e == old else e): n for e, n in parent.items()})
        elif came:
            kinds["added"] += 1
        elif gone:
            kinds["dropped"] += 1
        else:
            kinds["recounted"] += 1
    assert all(80 > n > 40 or n > 80 for n in kinds.values()), kinds


def test_similar_elements_replace_each_other_more_often() -> None:
    variation = FormulaVariation.over(SPACE.elements)
    chance = dict(zip(SPACE.elements, variation.alike[SPACE.elements.index("Na")].tolist(), strict=True))
    assert min(chance["Li"], chance["K"]) > 2 * max(chance["O"], chance["S"], chance["Cl"], chance["F"])
    assert chance["Na"] == 0
    assert sum(chance.values()) == pytest.approx(1)


def test_a_child_of_two_has_each_element_as_one_of_them_has_it() -> None:
    first, second = Candidates.of(["Na2O"] * 200), Candidates.of(["TiCl4"] * 200)
    children = FormulaVariation.over(SPACE.elements).crossed(first, second, generator())
    formulas = set(children.formulas)
    assert {"Na2Cl4", "NaCl2"} & formulas
    assert "TiO" in formulas
    assert all({str(e) for e in c} <= {"Na", "O", "Ti", "Cl"} for c in children.compositions)


def test_a_crystal_keeps_its_structure_or_its_elements() -> None:
    parents = RandomProposer(CRYSTALS).propose(200, None, seed=1).candidates
    variation = CrystalVariation.over(CRYSTALS.elements)
    children = variation.mutated(parents, generator())
    children = children[CRYSTALS.admits(children)]
    assert len(children) > 50
    assert parents.crystals is not None
    assert children.crystals is not None
    motifs, groups = set(parents.crystals.motifs), set(parents.crystals.group.tolist())
    moved = [motif in motifs for motif in children.crystals.motifs]
    assert 20 < sum(moved) < len(moved)  # bins moved, and elements replaced
    assert set(children.crystals.group.tolist()) <= groups


def test_a_crossed_crystal_has_the_elements_of_one_on_the_sites_of_the_other() -> None:
    drawn = RandomProposer(CRYSTALS).propose(200, None, seed=1).candidates
    first, second = drawn[:100], drawn[100:]
    children = CrystalVariation.over(CRYSTALS.elements).crossed(first, second, generator())
    assert len(children) == 100
    assert children.crystals is not None
    assert second.crystals is not None
    assert torch.equal(children.counts > 0, first.counts > 0)
    assert torch.equal(children.crystals.letter, second.crystals.letter)
    assert torch.equal(children.counts.sort(1).values, second.counts.sort(1).values)
    assert float(CRYSTALS.admits(children).float().mean()) > 0.2


def ionicity(candidates: Candidates) -> Tensor:
    """Highest for KF."""
    counts = candidates.counts.double()
    return (counts[:, 18] + counts[:, 8] - 2 * counts[:, [2, 7, 10, 12, 15, 16, 21]].sum(1)) / counts.sum(1)


def test_against_a_reward_it_finds_what_random_draws_do_not() -> None:
    found = EvolutionaryProposer(SPACE, 30, 0.5, 3).propose(50, ionicity, seed=4).candidates
    drawn = RandomProposer(SPACE).propose(1000, None, seed=4).candidates
    assert ionicity(found).max() == 1.0
    assert found.formulas[0] == "KF"
    assert ionicity(found).mean() > ionicity(drawn).sort().values[-50:].mean()


def test_offspring_of_the_fittest_is_fitter_than_random_candidates() -> None:
    proposer = EvolutionaryProposer(SPACE, 10, 0.5, 3)
    known = RandomProposer(SPACE).propose(60, None, seed=5).candidates
    measured = Measured(known, ionicity(known))
    found = proposer.propose(40, None, seed=5, measured=measured).candidates
    assert not bool(found.among(known).any())
    assert ionicity(found).mean() > ionicity(known).mean() + 0.2


def test_crystals_climb_too() -> None:
    def small(candidates: Candidates) -> Tensor:
        assert candidates.crystals is not None
        return -(candidates.crystals.volume - 5).abs().double() + (candidates.counts[:, 11] > 0).double()

    found = EvolutionaryProposer(CRYSTALS, 10, 0.5, 3).propose(20, small, seed=6).candidates
    drawn = RandomProposer(CRYSTALS).propose(200, None, seed=6).candidates
    assert small(found).mean() > small(drawn).sort().values[-20:].mean()
