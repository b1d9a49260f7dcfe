"""The space of crystals against enumeration, spglib, SMACT and pymatgen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spglib
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure
from smact.screening import ICSD24FilterConfig, smact_validity
from torch import Tensor

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.flow.gflownet import PolicySize
from gfnmat.space import cell, contacts, crystal_offers
from gfnmat.space.crystal_env import CrystalEnvironment
from gfnmat.space.crystal_state import BITS, Phase, packed, unpacked
from gfnmat.space.crystals import Crystals
from gfnmat.space.decoding import PRIMITIVE_VECTORS
from gfnmat.space.volume import predicted_volume
from gfnmat.space.wyckoff import BINS, load_wyckoff_tables

TABLES = load_wyckoff_tables()
ELEMENTS = ["Li", "Na", "Mg", "Ti", "Fe", "O", "F", "S", "Cl"]
SMALL_POLICY = PolicySize(hidden=64, layers=2)
PRECISION = 1e-3  # A, far below the distance of a bin's centre from a special value


def is_neutral(formula: str | Composition) -> bool:
    return smact_validity(
        Composition(formula),
        include_alloys=False,
        check_metallicity=False,
        mixed_valence=False,
        icsd_filter=ICSD24FilterConfig(consensus=3, commonality="low"),
    )


def crystals_of(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals


@pytest.fixture(scope="module")
def salt() -> CrystalSpace:
    return CrystalSpace(["Na", "Cl"], n_elements=(2, 2), n_atoms=(2, 2), crystal_systems=["cubic"])


@pytest.fixture(scope="module")
def salts(salt: CrystalSpace) -> Candidates:
    return salt.enumerate()


@pytest.fixture(scope="module")
def large() -> CrystalSpace:
    return CrystalSpace(ELEMENTS, n_elements=(2, 4), n_atoms=(3, 14))


@pytest.fixture(scope="module")
def sample(large: CrystalSpace) -> Candidates:
    """Crystals of all groups, and more of those of high symmetry than a sampler draws by itself."""
    batches = [GFlowNet(large, seed=seed).sample(100) for seed in range(3)]
    for system in ("trigonal", "hexagonal", "cubic"):
        space = CrystalSpace(ELEMENTS, n_elements=(2, 4), n_atoms=(3, 14), crystal_systems=[system])
        batches.append(GFlowNet(space, seed=7).sample(60))
    return Candidates.concatenate(batches)


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


def test_a_polar_origin_is_fixed_and_no_two_crystals_differ_by_a_shift_along_the_axis() -> None:
    """Wurtzite: two lines along the axis, which another origin exchanges."""
    space = CrystalSpace(formula="ZnO", n_atoms=(4, 4), space_groups=[186])
    crystals = crystals_of(space.enumerate())
    assert {site[1:] for row in range(0, len(crystals), 7) for site in sites_of(crystals, row)[:1]} <= {
        (0, (0,)),
        (1, (0,)),
    }
    metal, anion = crystals.letter[:, 0], crystals.letter[:, 1]
    apart = (crystals.bins[:, 1, 2] - crystals.bins[:, 0, 2]) % BINS
    rows = torch.stack([metal, anion, apart, crystals.shape[:, 1], crystals.volume], dim=1)
    assert len(rows.unique(dim=0)) == len(rows) > 1000


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


def test_every_sample_has_the_formula_and_the_sizes_that_its_sentence_says(
    large: CrystalSpace, sample: Candidates
) -> None:
    for key, counts, structure in zip(sample.keys, sample.counts, sample.structures, strict=True):
        formula = structure.composition
        assert Composition(key.split("|")[0]) == formula
        assert {element.Z - 1: int(n) for element, n in formula.items()} == {
            int(column): int(counts[column]) for column in counts.nonzero()
        }
        assert 3 <= len(structure) <= 14
        assert 2 <= len(formula) <= 4
    assert large.admits(sample).all()


def test_every_sample_is_neutral_by_smact(sample: Candidates) -> None:
    assert [formula for formula in set(sample.formulas) if not is_neutral(formula)] == []


def operations_of_primitive_cell(group: int) -> tuple[np.ndarray, np.ndarray]:
    """spglib's operations, in the axes of the primitive cell and modulo its translations."""
    found = spglib.get_symmetry_from_database(int(TABLES.hall[group - 1]))
    axes = np.array(PRIMITIVE_VECTORS[TABLES.centring_letter[group - 1]]).T
    back = np.linalg.inv(axes)
    rotations = back @ found["rotations"] @ axes
    assert np.allclose(rotations, np.rint(rotations))
    return np.rint(rotations), found["translations"] @ back.T


def test_every_sample_has_the_symmetry_that_its_sentence_says(sample: Candidates) -> None:
    for group, structure in zip(crystals_of(sample).group.tolist(), sample.structures, strict=True):
        rotations, translations = operations_of_primitive_cell(group)
        metric = structure.lattice.matrix @ structure.lattice.matrix.T
        assert np.allclose(rotations.transpose(0, 2, 1) @ metric @ rotations, metric)
        points, kinds = structure.frac_coords, np.array(structure.atomic_numbers)
        images = np.einsum("oij,nj->oni", rotations, points) + translations[:, None]
        apart = images[:, :, None] - points[None, None]
        lands = (np.abs(apart - np.rint(apart)) < 1e-6).all(-1) & (kinds[:, None] == kinds)
        assert lands.any(-1).all(), group


def spglib_cell(structure: Structure) -> tuple[np.ndarray, np.ndarray, list[int]]:
    return structure.lattice.matrix, structure.frac_coords, list(structure.atomic_numbers)


def test_spglib_finds_the_group_and_the_orbits_of_the_sentence_or_more_symmetry(sample: Candidates) -> None:
    crystals = crystals_of(sample)
    agree = 0
    for row, structure in enumerate(sample.structures):
        found = spglib.get_symmetry_dataset(spglib_cell(structure), symprec=PRECISION)
        group = int(crystals.group[row])
        assert len(found.rotations) >= len(operations_of_primitive_cell(group)[0]) / int(TABLES.n_centring[group - 1])
        if found.number == group and len(found.rotations) * int(TABLES.n_centring[group - 1]) == len(
            operations_of_primitive_cell(group)[0]
        ):
            agree += 1
            orbits = sorted(Counter(found.crystallographic_orbits.tolist()).values())
            assert orbits == sorted(crystals.atoms[row][crystals.exists[row]].tolist())
        else:
            assert found.number != group or len(found.rotations) > 1
    assert agree > 0.6 * len(sample)


def test_volumes_are_the_prediction_times_their_bin(sample: Candidates) -> None:
    crystals = crystals_of(sample)
    expected = predicted_volume(sample.counts) * cell.volume_centres()[crystals.volume]
    assert [structure.volume for structure in sample.structures] == pytest.approx(expected.tolist())


def test_cells_obey_their_lattice_and_have_the_shape_of_their_bins(sample: Candidates) -> None:
    crystals, ratio, angle = crystals_of(sample), cell.ratio_centres(), cell.angle_centres()
    for group, shape, structure in zip(crystals.group.tolist(), crystals.shape, sample.structures, strict=True):
        primitive = np.array(PRIMITIVE_VECTORS[TABLES.centring_letter[group - 1]])
        lattice = Lattice(np.linalg.inv(primitive) @ structure.lattice.matrix)
        system = TABLES.crystal_system[group - 1]
        asks = {
            "triclinic": [0, 1, 2, 3, 4],
            "monoclinic": [0, 1, 3],
            "orthorhombic": [0, 1],
            "cubic": [],
        }.get(system, [1])
        assert (shape >= 0).nonzero().squeeze(-1).tolist() == asks
        a, b, c = lattice.abc
        gamma = 120 if system in ("trigonal", "hexagonal") else 90
        sizes = [b / a, c / a, *lattice.angles]
        symmetric = [1.0, 1.0, 90, 90, gamma]
        centres = [ratio, ratio, angle, angle, angle]
        expected = [float(centres[k][shape[k]]) if k in asks else symmetric[k] for k in range(5)]
        assert sizes == pytest.approx(expected, abs=1e-6), group


def test_positions_without_freedom_are_used_once(sample: Candidates) -> None:
    crystals = crystals_of(sample)
    for positions, exists in zip(crystals.position, crystals.exists, strict=True):
        fixed = [p for p in positions[exists].tolist() if TABLES.freedom[p] == 0]
        assert len(set(fixed)) == len(fixed)


def sites_of(crystals: Crystals, row: int) -> list[tuple[int, int, tuple[int, ...]]]:
    """Element, letter and bins in the order in which they are asked for, of each site."""
    found = []
    for site in crystals.exists[row].nonzero().squeeze(-1).tolist():
        asked = [axis for axis in TABLES.asked[crystals.position[row, site]].tolist() if axis >= 0]
        bins = tuple(crystals.bins[row, site, asked].tolist())
        found.append((int(crystals.number[row, site]), int(crystals.letter[row, site]), bins))
    return found


def test_sites_come_by_electronegativity_letter_and_bins(large: CrystalSpace, sample: Candidates) -> None:
    order = {Composition(symbol).elements[0].Z: place for place, symbol in enumerate(large.elements)}
    crowded = GFlowNet(CrystalSpace(formula="TiO2", n_atoms=(12, 24), point_groups=["mm2", "4mm", "4", "2"]), seed=1)
    for candidates in (sample, crowded.sample(400)):
        crystals = crystals_of(candidates)
        for row in range(len(crystals)):
            for (z, letter, bins), (next_z, next_letter, next_bins) in pairwise(sites_of(crystals, row)):
                assert (order[z], letter) <= (order[next_z], next_letter)
                if bins and (z, letter) == (next_z, next_letter):
                    assert bins < next_bins, candidates.keys[row]


def test_bins_are_canonical_and_free_origins_lie_at_the_first_site(sample: Candidates) -> None:
    crystals = crystals_of(sample)
    polar = 0
    for row, group in enumerate(crystals.group.tolist()):
        positions = crystals.position[row].tolist()
        for site, (_, _, bins) in enumerate(sites_of(crystals, row)):
            if bins:
                assert TABLES.canonical(positions[site])[bins]
        free = TABLES.polar[group - 1].nonzero().squeeze(-1)
        assert (crystals.bins[row, 0, free] == 0).all()
        polar += len(free) > 0
    assert polar > 20


# States and masks


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4 * BITS), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_masks_survive_packing(n_actions: int, rows: int, seed: int) -> None:
    mask = torch.rand(rows, n_actions, generator=torch.Generator().manual_seed(seed)) < 0.5
    mask[:1] = True
    words = packed(mask)
    assert words.shape == (rows, -(-n_actions // BITS))
    assert (words >= 0).all()
    assert torch.equal(unpacked(words, n_actions), mask)


def replayed(environment: CrystalEnvironment, sentences: Tensor) -> list[Tensor]:
    """The states after each word; a finished sentence stays as it is."""
    state = environment.s0.expand(len(sentences), -1).clone()
    found = [state]
    for actions in sentences.unbind(1):
        goes_on = ((actions >= 0) & (actions < environment.n_actions - 1)).nonzero().squeeze(-1)
        state = state.clone()
        if len(goes_on):
            assert environment.forward_masks(state[goes_on]).gather(1, actions[goes_on, None]).all()
            state[goes_on] = environment.advanced(state[goes_on], actions[goes_on])
        found.append(state)
    return found


def test_a_sentence_has_the_same_states_and_masks_alone_and_in_any_company(
    large: CrystalSpace, sample: Candidates
) -> None:
    environment = large.environment()
    sentences = large.sentences(sample, environment)
    together = replayed(environment, sentences)
    order = torch.randperm(len(sentences), generator=torch.Generator().manual_seed(0))
    for one, other in zip(replayed(environment, sentences[order]), together, strict=True):
        assert torch.equal(one, other[order])
    for row in range(0, len(sentences), 23):
        for alone, state in zip(replayed(environment, sentences[[row]]), together, strict=True):
            assert torch.equal(alone[0], state[row])


def test_what_is_admitted_does_not_depend_on_how_a_machine_rounds(
    large: CrystalSpace, sample: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Symmetry makes many bins equally roomy; the last digits of their distances must not choose among them."""
    generator = torch.Generator().manual_seed(0)

    def roomy_elsewhere(closest: Tensor, offered: Tensor) -> Tensor:
        rounding = 1 + 1e-6 * (2 * torch.rand(closest.shape, generator=generator) - 1)
        return contacts.roomy(closest * rounding, offered)

    monkeypatch.setattr(crystal_offers, "roomy", roomy_elsewhere)
    assert large.admits(sample).all()


def test_log_prob_does_not_depend_on_the_rest_of_the_batch(large: CrystalSpace, sample: Candidates) -> None:
    flow = GFlowNet(large, seed=3, policy=SMALL_POLICY)
    flow.fit(lambda candidates: -candidates.counts.sum(1).float(), trajectories=256)
    together = flow.log_prob(sample)
    backwards = flow.log_prob(sample[torch.arange(len(sample) - 1, -1, -1)])
    assert torch.allclose(backwards.flip(0), together, atol=1e-4)
    for row in range(0, len(sample), 50):
        assert float(flow.log_prob(sample[row])) == pytest.approx(float(together[row]), abs=1e-4)


def test_sentences_pass_the_check_of_every_action_by_torchgfn(large: CrystalSpace, sample: Candidates) -> None:
    environment = large.environment(debug=True)
    sentences = large.sentences(sample[:40], environment)
    assert sentences.shape[1] <= environment.max_length
    for sentence in sentences:
        states = environment.reset(batch_shape=1)
        for action in sentence[sentence >= 0]:
            states = environment._step(states, environment.actions_from_tensor(action.reshape(1, 1)))
        assert states.is_sink_state.all()
    states = environment.reset(batch_shape=1)
    outside = int((~states.forward_masks[0]).nonzero()[0])
    with pytest.raises(Exception, match="action"):
        environment._step(states, environment.actions_from_tensor(torch.tensor([[outside]])))


def test_each_phase_offers_its_own_words_only(large: CrystalSpace, sample: Candidates) -> None:
    environment = large.environment()
    words = environment.grammar.words
    parts = sorted((words.of(phase) for phase in Phase), key=lambda part: part.start)
    assert [part.start for part in parts] == [0, *[part.stop for part in parts[:-1]]]
    assert parts[-1].stop == environment.n_actions
    for state in replayed(environment, large.sentences(sample, environment)):
        masks = environment.forward_masks(state)
        for phase in Phase:
            of_phase = masks[environment.question(state) == phase]
            assert of_phase[:, environment.words_of(phase)].any(1).all()
            of_phase[:, environment.words_of(phase)] = False
            assert not of_phase.any()


def test_what_a_policy_sees_and_prefers_is_finite_and_tells_states_apart(
    large: CrystalSpace, sample: Candidates
) -> None:
    environment = large.environment()
    for state in replayed(environment, large.sentences(sample[:100], environment)):
        features = environment.features(state)
        assert features.shape == (100, environment.n_features)
        assert features.isfinite().all()
        assert features.abs().max() <= 1
        weights = environment.log_weights(state)
        assert weights[environment.forward_masks(state)].isfinite().all()
        for phase in environment.question(state).unique().tolist():
            words, rows = environment.words_of(phase), environment.question(state) == phase
            assert torch.equal(environment.log_weights(state[rows], words), weights[rows][:, words])


# What a user asks for


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
def test_formulas_that_no_group_can_hold_are_not_begun(group: int) -> None:
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
