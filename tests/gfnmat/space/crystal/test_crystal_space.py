"""The space of crystals against enumeration, spglib, SMACT and pymatgen."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from pymatgen.core import Composition
from torch import Tensor

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.flow.gflownet import PolicySize
from gfnmat.space.crystal.state import Phase
from gfnmat.space.structure import cell
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.wyckoff import load_wyckoff_tables

TABLES = load_wyckoff_tables()
ELEMENTS = ["Li", "Na", "Mg", "Ti", "Fe", "O", "F", "S", "Cl"]
SMALL_POLICY = PolicySize(hidden=64, layers=2)
PRECISION = 1e-3  # A, far below the distance of a bin's centre from a special value


def crystals_of(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals


def in_the_middle_of_the_volumes(candidates: Candidates) -> Tensor:
    crystals = crystals_of(candidates)
    return (crystals.group - 195) / 15 - (crystals.volume - 5) ** 2 / 4


# Small spaces, member by member


@pytest.mark.parametrize(
    "space",
    [
        CrystalSpace(["Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"]),
        CrystalSpace(["Na", "K", "Cl"], n_elements=(2, 3), n_atoms=(2, 4), space_groups=[221, 225, 227]),
        CrystalSpace(formula="TiO2", n_atoms=(3, 3), space_groups=["P-6m2"]),
        CrystalSpace(["Si", "C"], n_elements=(1, 2), n_atoms=(1, 3), space_groups=[216, 221, 229]),
    ],
    ids=str,
)
def test_the_members_of_a_small_space_are_distinct_admitted_and_share_all_probability(space: CrystalSpace) -> None:
    members = space.enumerate()
    assert len(set(members.keys)) == len(members) > 100
    assert space.admits(members).all()
    assert torch.equal(crystals_of(Candidates.of_keys(members.keys)).group, crystals_of(members).group)
    flow = GFlowNet(space, seed=1, policy=SMALL_POLICY)
    assert float(flow.log_prob(members).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    flow.fit(lambda candidates: -crystals_of(candidates).volume.float(), trajectories=512)
    assert float(flow.log_prob(members).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    assert set(flow.sample(200).keys) <= set(members.keys)


def test_cubic_crystals_of_one_formula_unit_are_all_that_can_be(salts: Candidates) -> None:
    """Two atoms on two positions of multiplicity one; each pair once, whatever origin exchanges it with another."""
    found = defaultdict(set)
    crystals = crystals_of(salts)
    for group, letters, volume in zip(
        crystals.group.tolist(), crystals.letter.tolist(), crystals.volume.tolist(), strict=True
    ):
        found[group].add((*letters, volume))
    for group in range(195, 231):
        rows = range(int(TABLES.first[group - 1]), int(TABLES.first[group]))
        single = [letter for letter, row in enumerate(rows) if TABLES.atoms[row] == 1]
        moves = [operation.letters.tolist() for operation in TABLES.normaliser(group)]
        pairs = {min((p[a], p[b]) for p in moves) for a in single for b in single if a != b}
        assert found[group] == {(*pair, volume) for pair in pairs for volume in range(cell.VOLUME_BINS)}, group


def test_samples_occur_as_often_as_log_prob_says(salt: CrystalSpace, salts: Candidates) -> None:
    flow = GFlowNet(salt, seed=5, policy=SMALL_POLICY)
    flow.fit(in_the_middle_of_the_volumes, trajectories=1024)
    probability = dict(zip(salts.keys, flow.log_prob(salts).double().exp().tolist(), strict=True))
    n = 8_000
    seen = Counter(flow.sample(n).keys)
    often = [key for key, p in probability.items() if n * p > 5]
    chi_squared = sum((seen[key] - n * probability[key]) ** 2 / (n * probability[key]) for key in often)
    assert chi_squared < len(often) + 5 * (2 * len(often)) ** 0.5


def test_training_reaches_the_target_distribution_and_its_partition_function(
    salt: CrystalSpace, salts: Candidates
) -> None:
    flow = GFlowNet(salt, seed=0, policy=SMALL_POLICY)
    log_target = flow.log_prob(salts).double() + in_the_middle_of_the_volumes(salts)
    target = torch.softmax(log_target, 0)

    def distance() -> float:
        return float((flow.log_prob(salts).double().exp() - target).abs().sum() / 2)

    before = distance()
    flow.fit(in_the_middle_of_the_volumes, trajectories=8_000)
    assert before > 0.25
    assert distance() < 0.05
    assert flow.log_z == pytest.approx(float(log_target.logsumexp(0)), abs=0.05)


# Samples of large spaces


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        ({"space_groups": [62, "Fm-3m", "P6_3/mmc"]}, {62, 194, 225}),
        ({"crystal_systems": ["trigonal"]}, set(range(143, 168))),
        ({"point_groups": ["m-3m", "4/mmm"]}, {*range(123, 143), *range(221, 231)}),
        ({"centrings": ["R"]}, {146, 148, 155, 160, 161, 166, 167}),
        ({"crystal_systems": ["cubic"], "centrings": ["F"]}, {196, 202, 203, 209, 210, 216, 219, *range(225, 229)}),
    ],
)
def test_samples_have_the_groups_that_were_asked_for(words: dict[str, Sequence], groups: set[int]) -> None:
    space = CrystalSpace(ELEMENTS, n_elements=(2, 3), n_atoms=(2, 12), **words)
    sample = GFlowNet(space, seed=2).sample(150)
    assert set(crystals_of(sample).group.tolist()) <= groups
    assert space.admits(sample).all()
    elsewhere = Candidates.of_keys(["NaCl|1|Na-a.0.0.0,Cl-a.12.12.12|12.12.5.5.5|5"])
    assert not space.admits(elsewhere).any()


def test_crystals_of_a_formula_are_whole_numbers_of_it() -> None:
    space = CrystalSpace(formula="Ti2O4", n_atoms=(2, 13))
    sample = GFlowNet(space, seed=0).sample(300)
    assert set(sample.formulas) == {"TiO2"}
    assert set(sample.counts.sum(1).tolist()) == {3, 6, 9, 12}
    assert (sample.counts[:, 7] == 2 * sample.counts[:, 21]).all()


@pytest.mark.parametrize("group", [225, 227, 166, 62])
def test_formulas_that_no_group_can_hold_are_not_begun(
    group: int, is_neutral: Callable[[str | Composition], bool]
) -> None:
    """The formulas of one group are those of the composition whose counts its positions add up to."""
    n_atoms = 14
    space = CrystalSpace(["Na", "Ti", "O"], n_elements=(2, 3), n_atoms=(2, n_atoms), space_groups=[group])
    environment = space.environment()
    phase = environment.grammar.columns.PHASE
    state, found = environment.s0[None], set()
    while len(state):
        rows, actions = environment.forward_masks(state).nonzero(as_tuple=True)
        state = environment.advanced(state[rows], actions)
        complete = state[:, phase] == Phase.GROUP
        offered = environment.forward_masks(state[complete])
        assert (offered.nonzero()[:, 1] == environment.grammar.words.group + group - 1).all()
        found |= set(map(tuple, state[complete, :3].tolist()))
        state = state[~complete]
    symbols = space.elements
    rows = range(int(TABLES.first[group - 1]), int(TABLES.first[group]))
    reached = {((0, 0, 0), frozenset())}
    frontier = reached
    while frontier:  # site by site, in any order
        frontier = {
            (after, taken | {row} if once else taken)
            for counts, taken in frontier
            for row in rows
            if not ((once := int(TABLES.freedom[row]) == 0) and row in taken)
            for element in range(3)
            if sum(after := tuple(n + int(TABLES.atoms[row]) * (k == element) for k, n in enumerate(counts))) <= n_atoms
        } - reached
        reached = reached | frontier
    expected = {
        counts
        for counts, _ in reached
        if sum(n > 0 for n in counts) >= 2
        and is_neutral(Composition(dict(zip(symbols, counts, strict=True))).reduced_formula)
    }
    assert found == expected


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"elements": ["Na", "Cl"], "space_groups": [0]}, "a number from 1 to 230"),
        ({"elements": ["Na", "Cl"], "space_groups": ["Fm3"]}, "did you mean Fm-3"),
        ({"elements": ["Na", "Cl"], "crystal_systems": ["cubc"]}, "did you mean cubic"),
        ({"elements": ["Na", "Cl"], "space_groups": [225], "crystal_systems": ["trigonal"]}, "no space group is in"),
        ({"elements": ["Na", "Cl"], "n_atoms": (2, 2), "space_groups": [228]}, "no crystal exists with .*228"),
        ({"elements": ["Na", "K"]}, "no crystal exists with .*allow more elements"),
        ({"formula": "NaCl2"}, "no crystal exists with .*check that it is neutral"),
        ({"formula": "TiO", "commonality": "main"}, "no crystal exists with .*check that it is neutral"),
        ({"formula": "TiO2", "n_atoms": (4, 5)}, "no crystal exists with .*whole multiples of it"),
        ({"formula": "TiO2", "elements": ["Ti", "O", "F"]}, "formula is TiO2, and elements or require name F"),
        ({"formula": "bread"}, "'bread' is not a formula"),
        ({"formula": "Ti0.5O"}, "every amount must be a whole number"),
        ({}, "no element is left"),
    ],
)
def test_a_space_that_cannot_be_says_so_at_once(arguments: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CrystalSpace(**arguments)


def test_a_space_too_large_to_enumerate_says_so(large: CrystalSpace) -> None:
    with pytest.raises(ValueError, match="more than 100 candidates"):
        large.enumerate(limit=100)


def test_what_is_not_in_the_space_is_not_admitted(salt: CrystalSpace) -> None:
    outside = [
        "NaCl|225|Na-b,Cl-a||3",  # another origin of the one with Na on a
        "Na4Cl4|224|Na-b,Cl-c||3",
        "KCl|225|K-a,Cl-b||3",
        "NaCl|139|Na-a,Cl-b|3|3",
        "ClNa|225|Cl-a,Na-b||3",  # the elements in another order
    ]
    assert salt.admits(Candidates.of_keys(["NaCl|225|Na-a,Cl-b||3"])).all()
    for key in outside:
        assert not salt.admits(Candidates.of_keys([key])).any(), key
    with pytest.raises(ValueError, match=r"K-a,Cl-b.* is not in the space"):
        GFlowNet(salt).log_prob(Candidates.of_keys(["NaCl|225|Na-a,Cl-b||3", outside[2]]))
    assert not salt.admits(Candidates.of(["NaCl"])).any()
    assert len(salt.admits(Candidates.of_keys(["NaCl|225|Na-a,Cl-b||3"])[:0])) == 0


@pytest.mark.parametrize(
    "space",
    [
        CrystalSpace(ELEMENTS, (2, 3), (2, 9), require=["O"], forbid=["S"], point_groups=["m-3m", "6/mmm"]),
        CrystalSpace(formula="Li2TiO3", n_atoms=(6, 12), space_groups=["C2/c", 225], commonality="medium"),
        CrystalSpace(["Al", "Ni"], (1, 2), (1, 4), chemistry="any", crystal_systems=["cubic"], centrings=["P", "F"]),
    ],
    ids=str,
)
def test_settings_make_the_space_again(space: CrystalSpace) -> None:
    again = CrystalSpace(**space.settings)
    assert again.settings == space.settings
    assert repr(again) == repr(space)
    assert GFlowNet(again, seed=3).sample(60).keys == GFlowNet(space, seed=3).sample(60).keys


def test_a_saved_sampler_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    space = CrystalSpace(formula="TiO2", n_atoms=(3, 6), crystal_systems=["tetragonal"])
    flow = GFlowNet(space, seed=2, policy=SMALL_POLICY)
    flow.fit(lambda candidates: -crystals_of(candidates).volume.float(), trajectories=256)
    flow.save(tmp_path / "flow.pt")
    copy = GFlowNet.load(tmp_path / "flow.pt")
    assert copy.space.settings == space.settings
    assert copy.log_z == flow.log_z
    assert copy.sample(100).keys == flow.sample(100).keys


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_the_same_works_on_a_gpu(large: CrystalSpace, salt: CrystalSpace, salts: Candidates) -> None:
    flow = GFlowNet(salt, seed=0, policy=SMALL_POLICY, device="cuda")
    flow.fit(in_the_middle_of_the_volumes, trajectories=1024)
    assert float(flow.log_prob(salts.to("cuda")).double().exp().sum()) == pytest.approx(1, abs=1e-5)
    drawn = GFlowNet(large, seed=0, device="cuda").sample(300)
    assert drawn.counts.device.type == crystals_of(drawn).bins.device.type == "cuda"
    assert large.admits(drawn).all()
    assert large.admits(drawn.to("cpu")).all()
    assert len(drawn.structures) == 300
