"""The tables of Wyckoff positions against spglib's operations, applied to floating-point coordinates."""

import itertools
import sys
import time
from collections import Counter

import numpy as np
import pytest
import spglib
import torch

from gfnmat.space.structure.wyckoff import BINS, EDGE, N_GROUPS, load_wyckoff_tables

TABLES = load_wyckoff_tables()
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
GROUPS = range(1, N_GROUPS + 1)
FEW_GROUPS = (1, 2, 3, 14, 15, 16, 26, 36, 47, 62, 68, 70, 88, 123, 141, 147, 155, 166, 194, 203, 216, 221, 225, 227)


def positions(group: int) -> range:
    return range(int(TABLES.first[group - 1]), int(TABLES.first[group]))


def letter_of(position: int) -> str:
    return LETTERS[TABLES.letter[position]]


def operations(group: int) -> tuple[np.ndarray, np.ndarray]:
    found = spglib.get_symmetry_from_database(int(TABLES.hall[group - 1]))
    return found["rotations"], found["translations"]


def wrapped(points: np.ndarray) -> np.ndarray:
    """The points in the unit cell, rounded, so that equal ones have equal numbers."""
    return np.round(points % 1, 6) % 1


def as_set(points: np.ndarray) -> set[tuple[float, ...]]:
    return set(map(tuple, wrapped(points).reshape(-1, 3).tolist()))


def representative(position: int, coordinates: np.ndarray) -> np.ndarray:
    """The representative at free coordinates (`... x 3`) in fractions of the cell edges."""
    return coordinates @ TABLES.matrix[position, 0].numpy().T + TABLES.shift[position, 0].numpy() / EDGE


def bin_centres(position: int) -> np.ndarray:
    """Free coordinates of every combination of bins, in the order of `asked`."""
    order = TABLES.asked[position][: TABLES.freedom[position]].tolist()
    combinations = np.array(list(itertools.product(range(BINS), repeat=len(order))))
    coordinates = np.zeros((len(combinations), 3))
    coordinates[:, order] = (2 * combinations + 1) / 48
    return coordinates


def lattice(group: int) -> np.ndarray:
    system = TABLES.crystal_system[group - 1]
    if system in ("trigonal", "hexagonal"):
        return np.array([[5, 0, 0], [-2.5, 2.5 * 3**0.5, 0], [0, 0, 7.3]])
    edges = {"cubic": [5.0, 5.0, 5.0], "tetragonal": [5.0, 5.0, 7.3]}.get(system, [5.0, 6.1, 7.3])
    cell = np.diag(edges)
    if system in ("triclinic", "monoclinic"):
        cell[2, 0] = -1.3
    if system == "triclinic":
        cell[1] += [0.7, 0, 0.9]
    return cell


def orbit(group: int, point: np.ndarray) -> np.ndarray:
    rotations, translations = operations(group)
    points = rotations @ point + translations
    return points[np.unique(wrapped(points), axis=0, return_index=True)[1]]


def test_every_group_has_its_known_positions() -> None:
    assert len(TABLES.hall) == len(TABLES.symbol) == N_GROUPS
    assert len(TABLES.multiplicity) == len(TABLES.site_symmetry) == int(TABLES.first[-1]) == 1731
    systems = Counter(TABLES.crystal_system)
    assert systems == {
        "triclinic": 2,
        "monoclinic": 13,
        "orthorhombic": 59,
        "tetragonal": 68,
        "trigonal": 25,
        "hexagonal": 27,
        "cubic": 36,
    }
    assert len(set(TABLES.point_group)) == 32
    assert Counter(TABLES.centring_letter)["R"] == 7
    assert [int(TABLES.freedom[p]) for p in positions(2)] == [0] * 8 + [3]
    assert "".join(map(letter_of, positions(47))) == LETTERS
    fluorite = [f"{int(TABLES.multiplicity[p])}{letter_of(p)}" for p in positions(225)]
    assert fluorite == ["4a", "4b", "8c", "24d", "24e", "32f", "48g", "48h", "48i", "96j", "96k", "192l"]
    assert [TABLES.site_symmetry[p] for p in positions(225)][:5] == ["m-3m", "m-3m", "-43m", "m.mm", "4m.m"]
    assert (TABLES.symbol[224], TABLES.point_group[224]) == ("Fm-3m", "m-3m")
    assert (TABLES.symbol[13], TABLES.point_group[13]) == ("P2_1/c", "2/m")


def test_settings_are_the_standard_ones() -> None:
    choices = {g: spglib.get_spacegroup_type(int(TABLES.hall[g - 1])) for g in GROUPS}
    assert all(choices[g].number == g for g in GROUPS)
    assert {choices[g].choice for g in range(3, 16)} == {"b", "b1"}
    assert {choices[g].choice for g in range(16, 231)} == {"", "2", "H"}
    assert sum(choice.choice == "2" for choice in choices.values()) == 24


def test_axes_with_a_free_origin() -> None:
    free = {g: "".join("xyz"[j] for j in range(3) if TABLES.polar[g - 1, j]) for g in GROUPS}
    assert (free[1], free[2], free[3], free[6], free[62], free[75], free[146]) == ("xyz", "", "y", "xz", "", "z", "z")
    mirror = positions(6)[-1]
    assert TABLES.asked[mirror].tolist() == [1, 0, 2]  # y first: the origin along x and z is free


@pytest.mark.parametrize("group", GROUPS)
def test_the_orbit_of_every_position_is_the_one_that_the_operations_make(group: int) -> None:
    rng = np.random.default_rng(group)
    n_centring = int(TABLES.n_centring[group - 1])
    centring = TABLES.centring[group - 1, :n_centring].numpy() / EDGE
    for position in positions(group):
        coordinates = rng.random(3)
        atoms, multiplicity = int(TABLES.atoms[position]), int(TABLES.multiplicity[position])
        matrix, shift = TABLES.matrix[position].numpy(), TABLES.shift[position].numpy() / EDGE
        points = matrix @ coordinates + shift
        expected = as_set(orbit(group, representative(position, coordinates)))
        assert len(expected) == multiplicity == atoms * n_centring, letter_of(position)
        assert as_set(points[:atoms, None] + centring) == expected, letter_of(position)
        assert (matrix[atoms:] == matrix[0]).all()
        assert (shift[atoms:] == shift[0]).all()
        free = TABLES.asked[position][: TABLES.freedom[position]].tolist()
        assert sorted(free) == [j for j in range(3) if matrix[0][:, j].any()]
        assert np.allclose(representative(position, coordinates)[free], coordinates[free])


@pytest.mark.parametrize("group", FEW_GROUPS)
def test_symbols_of_the_sites_are_those_of_a_structure(group: int) -> None:
    rng = np.random.default_rng(group)
    general = positions(group)[-1]
    for position in positions(group):
        orbits = [orbit(group, representative(p, rng.random(3))) for p in (position, general, general, general)]
        kinds = np.repeat(range(4), [len(points) for points in orbits])
        cell = (lattice(group), np.concatenate(orbits), kinds)
        found = spglib.get_symmetry_dataset(cell, symprec=1e-4, hall_number=int(TABLES.hall[group - 1]))
        assert found.site_symmetry_symbols[0] == TABLES.site_symmetry[position]
        assert found.wyckoffs[0] == letter_of(position)


def check_canonical(group: int, position: int) -> None:
    """Compares whole orbits, point by point: no image is solved for its coordinates."""
    rotations, translations = operations(group)
    points = representative(position, bin_centres(position))
    images = (points @ rotations.transpose(0, 2, 1) + translations[:, None]).transpose(1, 0, 2)
    numbers = np.sort(np.rint(images * EDGE).astype(np.int64) % EDGE @ [1, EDGE, EDGE**2], axis=1)
    complete = 1 + (np.diff(numbers, axis=1) != 0).sum(1) == int(TABLES.multiplicity[position])
    first_of_each = np.unique(numbers[complete].view(f"V{8 * numbers.shape[1]}").ravel(), return_index=True)[1]
    expected = np.zeros(len(points), dtype=bool)
    expected[np.flatnonzero(complete)[first_of_each]] = True
    assert np.array_equal(TABLES.canonical(position).numpy().ravel(), expected), (group, letter_of(position))


@pytest.mark.parametrize("group", GROUPS)
def test_each_orbit_on_lines_and_planes_has_one_canonical_combination(group: int) -> None:
    for position in positions(group):
        freedom = int(TABLES.freedom[position])
        assert TABLES.canonical(position).shape == (BINS,) * freedom
        if freedom == 0:
            assert TABLES.canonical(position)
        elif freedom < 3:
            check_canonical(group, position)


@pytest.mark.parametrize("group", FEW_GROUPS)
def test_each_general_orbit_has_one_canonical_combination(group: int) -> None:
    check_canonical(group, positions(group)[-1])


def opening(group: int, placed: str = "") -> str:
    """The letters that open after others are placed."""
    node = int(TABLES.start_node[group - 1])
    for letter in placed:
        node = int(TABLES.next_node[node, LETTERS.index(letter)])
    return "".join(letter_of(p) for p in positions(group) if TABLES.opens[node, TABLES.letter[p]])


def test_letters_that_another_origin_exchanges_open_once() -> None:
    assert opening(2) == "ai"  # the eight centres of inversion are one orbit
    assert opening(2, "i") == "ai"
    assert opening(2, "a") == "abehi"  # then the middle of an edge, of a face and of the cell differ
    assert opening(221).startswith("ac")
    assert opening(225).startswith("acde")
    assert opening(225, "a") == "abcdefghijkl"
    assert opening(19) == "a"
    assert opening(229) == "abcdefghijkl"


def test_the_trivial_node_opens_every_letter_and_stays() -> None:
    assert TABLES.opens[0].all()
    assert (TABLES.next_node[0] == 0).all()
    for group in GROUPS:
        start = TABLES.start_node[group - 1]
        assert (start == 0) == (len(TABLES.normaliser(group)) == 1)
        assert start == 0 or not TABLES.opens[start, len(positions(group)) :].any()


@pytest.mark.parametrize("group", [2, 10, 14, 16, 47, 65, 123, 191, 216, 221, 225])
def test_the_automaton_lets_one_sequence_of_each_equivalent_set_through(group: int) -> None:
    n, length = len(positions(group)), 3
    permutations = torch.stack([operation.letters for operation in TABLES.normaliser(group)])
    sequences = torch.cartesian_prod(*[torch.arange(n)] * length)
    place = n ** torch.arange(length - 1, -1, -1)
    expected = ((permutations[:, sequences] @ place).amin(0) == sequences @ place).nonzero().squeeze(-1)
    node = TABLES.start_node[group - 1].expand(len(sequences))
    passes = torch.ones(len(sequences), dtype=torch.bool)
    for letter in sequences.T:
        passes &= TABLES.opens[node, letter]
        node = TABLES.next_node[node, letter]
    assert passes.nonzero().squeeze(-1).tolist() == expected.tolist()


@pytest.mark.parametrize("group", GROUPS)
def test_operations_of_the_normaliser_map_orbits_onto_orbits(group: int) -> None:
    rng = np.random.default_rng(group)
    found = TABLES.normaliser(group)
    assert found[0].letters.tolist() == list(range(len(positions(group))))
    assert torch.equal(found[0].rotation, torch.eye(3, dtype=torch.int64))
    assert len({tuple(operation.letters.tolist()) for operation in found}) == len(found)
    rotations, translations = operations(group)
    for operation in found:
        rotation, translation = operation.rotation.numpy(), operation.translation.numpy() / EDGE
        image = orbit(group, rng.random(3)) @ rotation.T + translation
        moved = rotations @ image[0] + translations
        assert as_set(moved) == as_set(image)


@pytest.mark.parametrize("group", FEW_GROUPS)
def test_structures_keep_their_group_and_change_their_letters_under_the_normaliser(group: int) -> None:
    rng = np.random.default_rng(group)
    general = positions(group)[-1]
    for operation in TABLES.normaliser(group):
        position = int(rng.integers(positions(group)[0], general + 1))
        orbits = [orbit(group, representative(p, rng.random(3))) for p in (position, general, general, general)]
        points = np.concatenate(orbits) @ operation.rotation.numpy().T + operation.translation.numpy() / EDGE
        kinds = np.repeat(range(4), [len(orbit) for orbit in orbits])
        found = spglib.get_symmetry_dataset(
            (lattice(group), points, kinds), symprec=1e-4, hall_number=int(TABLES.hall[group - 1])
        )
        assert found.number == group
        assert found.wyckoffs[0] == LETTERS[operation.letters[TABLES.letter[position]]], operation


def test_loading_is_quick() -> None:
    start = time.perf_counter()
    load_wyckoff_tables.__wrapped__()
    print(f"tables loaded in {time.perf_counter() - start:.3f} s", file=sys.stderr)
