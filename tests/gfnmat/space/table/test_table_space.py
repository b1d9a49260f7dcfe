"""Spaces of given formulas: their members are the table's formulas, each one sentence."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from gfnmat import Candidates, CompositionSpace, GFlowNet, TableSpace
from oracles import build

FORMULAS = ["TiO2", "Ti2O3", "SrTiO3", "LiTi2O4", "O2", "NaCl", "CuAu", "Na3N", "Xe", "MgO", "H2O", "Al12Mg17"]
SYMBOLS = ["H", "Li", "C", "O", "Na", "Se", "Cu", "Ar", "Bi", "U"]


def space_of(formulas: list[str], **filters: object) -> TableSpace:
    return TableSpace(frame=pd.DataFrame({"formula": formulas}), **filters)  # type: ignore[arg-type]


def reduced(formulas: list[str]) -> set[str]:
    return {Composition(formula).reduced_formula for formula in formulas}


formula = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 30), min_size=1, max_size=5).map(
    lambda amounts: "".join(f"{symbol}{n}" for symbol, n in amounts.items())
)
tables = st.lists(formula, min_size=1, max_size=30, unique_by=lambda text: Composition(text).reduced_formula)


@settings(max_examples=60, deadline=None)
@given(tables, st.lists(formula, min_size=1, max_size=10))
def test_members_are_exactly_the_formulas_of_the_table(formulas: list[str], others: list[str]) -> None:
    space = space_of(formulas)
    assert space.enumerate().formulas == tuple(Candidates.of(formulas).formulas)
    assert space.admits(Candidates.of(others)).tolist() == [reduced([other]) <= reduced(formulas) for other in others]
    assert bool(space.admits(space.encode(formulas)).all())


@settings(max_examples=30, deadline=None)
@given(tables)
def test_every_path_through_the_masks_is_one_formula(formulas: list[str]) -> None:
    """Walks all that is offered, without the trie's own list of members."""
    space = space_of(formulas)
    environment = space.environment()
    states, found = environment.s0[None], []
    while len(states):
        masks = environment.forward_masks(states)
        assert bool(masks.any(1).all())
        found += space.decode(states[masks[:, -1]]).formulas
        rows, actions = masks[:, :-1].nonzero(as_tuple=True)
        states = environment.advanced(states[rows], actions)
    assert len(found) == len(formulas)
    assert set(found) == reduced(formulas)


@settings(max_examples=20, deadline=None)
@given(tables)
def test_an_untrained_sampler_draws_all_alike(formulas: list[str]) -> None:
    space = space_of(formulas)
    log_prob = GFlowNet(space).log_prob(space.enumerate())
    assert log_prob.exp().tolist() == pytest.approx([1 / len(formulas)] * len(formulas), rel=1e-4)


def test_beginnings_of_formulas_are_told_apart_by_what_the_policy_sees() -> None:
    environment = space_of(FORMULAS).environment()
    nodes = torch.arange(len(environment.trie.member))[:, None]
    assert len(environment.tokens(nodes).unique(dim=0)) == len(nodes)
    assert int(environment.tokens(nodes).max()) == environment.n_tokens - 1


def test_a_trained_sampler_draws_in_proportion_to_the_reward() -> None:
    space = space_of(FORMULAS)
    reward = torch.tensor([float(i % 4) for i in range(len(FORMULAS))])
    value = dict(zip(space.enumerate().keys, reward.tolist(), strict=True))
    flow = GFlowNet(space, seed=0)
    flow.fit(lambda candidates: torch.tensor([value[key] for key in candidates.keys]), trajectories=4096)
    assert (flow.log_prob(space.enumerate()).exp() - reward.softmax(0)).abs().sum() / 2 < 0.02
    assert flow.log_z == pytest.approx(float(reward.logsumexp(0)), abs=0.02)


def test_elements_have_the_order_of_a_composition_space() -> None:
    built = CompositionSpace(elements=["O", "Ti", "Sr", "Na", "Cl"], chemistry="any")
    assert space_of(["SrTiO3", "NaCl"]).elements == built.elements


def test_a_sampler_is_saved_with_its_formulas(tmp_path: Path) -> None:
    space = space_of(FORMULAS)
    flow = GFlowNet(space, seed=3)
    flow.fit(lambda candidates: candidates.counts[:, 7].float() / 4, trajectories=512)
    flow.save(tmp_path / "flow.pt")
    loaded = GFlowNet.load(tmp_path / "flow.pt")
    members = space.enumerate()
    assert loaded.space.enumerate().keys == members.keys
    assert torch.equal(loaded.log_prob(members), flow.log_prob(members))


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"require": ["Ti"]}, {"TiO2", "Ti2O3", "SrTiO3", "LiTi2O4"}),
        ({"require": ["Ti"], "forbid": ["Sr", "Li"]}, {"TiO2", "Ti2O3"}),
        ({"n_elements": (1, 1)}, {"O2", "Xe"}),
        ({"n_elements": (2, 3), "n_atoms": (5, 7)}, {"Ti2O3", "SrTiO3", "LiTi2O4"}),
    ],
)
def test_filters_take_a_part_of_the_table(filters: dict[str, object], left: set[str]) -> None:
    assert set(space_of(FORMULAS, **filters).enumerate().formulas) == left


def test_a_file_is_read_as_the_oracle_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text("name,gap\nNaN,1\nO2Ti,2\nTi2O3,\n")
    assert set(TableSpace(path, key="name").enumerate().formulas) == {"NaN", "TiO2", "Ti2O3"}


@pytest.mark.parametrize(
    ("rows", "settings", "parts"),
    [
        (["TiO2", "Ti2O4"], {}, ["two rows of one composition", "'TiO2' and 'Ti2O4'", "row 2"]),
        (["TiO2", "D2O", "H2O"], {}, ["two rows of one composition", "row 3"]),
        (["TiO2", "Ti0.3O"], {}, ["row 2", "fractional"]),
        (["TiO2", "Xy2"], {}, ["row 2", "'Xy2'"]),
        (["TiO2"], {"key": "name"}, ["no column 'name'", "it has: formula"]),
    ],
)
def test_a_bad_table_is_refused_as_the_oracle_refuses_it(
    rows: list[str], settings: dict[str, str], parts: list[str]
) -> None:
    frame = pd.DataFrame({"formula": rows, "gap": range(len(rows))})
    with pytest.raises(ValueError, match="the table") as refused:
        TableSpace(frame=frame, **settings)
    with pytest.raises(ValueError, match="the table") as by_oracle:
        build("table", frame=frame, **settings)
    for part in parts:
        assert part in str(refused.value)
        assert part in str(by_oracle.value)


def test_what_is_asked_for_wrongly_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="either `path`"):
        TableSpace()
    with pytest.raises(ValueError, match=r"no file .*nothing\.csv"):
        TableSpace(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match="none of the 12 formulas"):
        space_of(FORMULAS, require=["Pu"])
    with pytest.raises(ValueError, match="unknown element 'Xy'"):
        space_of(FORMULAS, forbid=["Xy"])
    with pytest.raises(ValueError, match="MgO2 is not in the space: it is none of its 12 formulas"):
        space_of(FORMULAS).encode(["TiO2", "MgO2"])
    with pytest.raises(ValueError, match="more than 11 candidates"):
        space_of(FORMULAS).enumerate(limit=11)
