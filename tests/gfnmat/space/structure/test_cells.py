"""Cells and contacts against pymatgen."""

import itertools

import numpy as np
import pytest
import spglib
import torch
from pymatgen.core import Lattice, Structure

from gfnmat.space.crystal.contacts import Contacts, Sites, radii_of, roomy
from gfnmat.space.structure import cell
from gfnmat.space.structure.wyckoff import BINS, EDGE, load_wyckoff_tables
from oracles.potential.guards import CLOSEST_CONTACT

TABLES = load_wyckoff_tables()
MOST_ATOMS = 8
NUMBERS = (3, 8, 22, 55)
RIGHT_ANGLED = (16, 19, 22, 47, 62, 65, 69, 71, 75, 81, 99, 123, 139, 141, 195, 216, 221, 225, 227, 229)


def random_shapes(lattice: str, n: int, seed: int = 0) -> torch.Tensor:
    """Bins that the lattice offers, -1 where it asks for nothing."""
    generator = torch.Generator().manual_seed(seed)
    offered = cell.offered_shapes()[cell.LATTICES.index(lattice)]
    shapes = torch.full((n, cell.N_SHAPE), -1)
    for slot in cell.ASKED[lattice]:
        shapes[:, slot] = torch.multinomial(offered[slot].float(), n, replacement=True, generator=generator)
    if lattice == "triclinic":
        closes = cell.angles_that_close()[shapes[:, 2], shapes[:, 3], shapes[:, 4]]
        return shapes[closes]
    return shapes


def edges_and_angles(lattice: str, shape: list[int]) -> tuple[list[float], list[float]]:
    """What the bins say, in words of crystallography: lengths in units of a, angles in degrees."""
    ratio, angle = cell.ratio_centres().tolist(), cell.angle_centres().tolist()
    edges, angles = [1.0, 1.0, 1.0], [90.0, 90.0, 120.0 if lattice == "hexagonal" else 90.0]
    for slot in cell.ASKED[lattice]:
        if slot < 2:
            edges[1 + slot] = ratio[shape[slot]]
        else:
            angles[slot - 2] = angle[shape[slot]]
    return edges, angles


@pytest.mark.parametrize("lattice", cell.LATTICES)
def test_metrics_and_vectors_are_those_of_a_lattice_with_these_edges_and_angles(lattice: str) -> None:
    shapes = random_shapes(lattice, 100)
    metrics = cell.metric(torch.tensor(cell.LATTICES.index(lattice)), shapes)
    vectors = cell.vectors(metrics)
    for shape, metric, rows in zip(shapes.tolist(), metrics.numpy(), vectors.numpy(), strict=True):
        edges, angles = edges_and_angles(lattice, shape)
        unit = Lattice.from_parameters(*edges, *angles)
        expected = unit.scale(1.0)
        assert Lattice(rows).volume == pytest.approx(1)
        assert Lattice(rows).lengths == pytest.approx(expected.lengths)
        assert Lattice(rows).angles == pytest.approx(angles)
        g = expected.matrix @ expected.matrix.T
        assert metric == pytest.approx([g[0, 0], g[1, 1], g[2, 2], g[1, 2], g[0, 2], g[0, 1]], abs=1e-9)


def test_triclinic_angles_on_offer_are_those_of_cells_that_are_not_flat() -> None:
    closes = cell.angles_that_close()
    angles = cell.angle_centres().numpy()
    for bins in itertools.product(range(cell.ANGLE_BINS), repeat=3):
        alpha, beta, gamma = angles[list(bins)]
        total, widest = alpha + beta + gamma, max(alpha, beta, gamma)
        exists = widest < 120 and total < 360 and 2 * widest < total
        volume = Lattice.from_parameters(1, 1, 1, alpha, beta, gamma).volume if exists else 0.0
        assert bool(closes[bins]) == (volume >= cell.LEAST_SKEW_VOLUME), (alpha, beta, gamma)


def test_the_bin_of_a_centre_is_its_own_and_the_outermost_bins_take_the_rest() -> None:
    for of_value, centres in (
        (cell.ratio_bin, cell.ratio_centres()),
        (cell.angle_bin, cell.angle_centres()),
        (cell.volume_bin, cell.volume_centres()),
    ):
        assert [of_value(value) for value in centres.tolist()] == list(range(len(centres)))
        assert of_value(0.001) == 0
        assert of_value(1000.0) == len(centres) - 1


def test_bins_meet_halfway() -> None:
    for of_value, low, high, n in (
        (cell.ratio_bin, cell.SMALLEST_RATIO, cell.LARGEST_RATIO, cell.RATIO_BINS),
        (cell.volume_bin, cell.SMALLEST_VOLUME, cell.LARGEST_VOLUME, cell.VOLUME_BINS),
    ):
        for number, edge in enumerate(np.geomspace(low, high, n + 1)[1:-1]):
            assert (of_value(edge * 0.9999), of_value(edge * 1.0001)) == (number, number + 1)
    for number in range(1, cell.ANGLE_BINS):
        edge = cell.SMALLEST_ANGLE + number * cell.ANGLE_WIDTH
        assert (cell.angle_bin(edge - 0.01), cell.angle_bin(edge + 0.01)) == (number - 1, number)


def test_no_centre_is_a_ratio_of_one_or_a_right_angle() -> None:
    assert (cell.ratio_centres() - 1).abs().min() > 0.001
    assert (cell.angle_centres() - 90).abs().min() > 2
    assert (cell.angle_centres() - 120).abs().min() > 2


def random_crystals(n: int, seed: int, groups: tuple[int, ...]) -> tuple[Sites, torch.Tensor, list[Structure]]:
    """Crystals of three sites in cells of 150 A3 a primitive cell: as sites, metrics and structures.

    The structures are conventional cells, made by the operations that spglib knows.
    """
    rng = np.random.default_rng(seed)
    group = torch.tensor(rng.choice(groups, size=n))
    position, t = torch.zeros(n, 3, dtype=torch.int64), torch.zeros(n, 3, 3, dtype=torch.int64)
    numbers = torch.tensor(rng.choice(NUMBERS, size=(n, 3)))
    metrics, structures = torch.zeros(n, 6, dtype=torch.float64), []
    for row, g in enumerate(group.tolist()):
        rows = torch.arange(int(TABLES.first[g - 1]), int(TABLES.first[g]))
        small = rows[TABLES.atoms[rows] <= MOST_ATOMS].tolist()
        free = [p for p in small if TABLES.freedom[p] > 0]
        chosen: list[int] = []
        while len(chosen) < 3:
            p = int(rng.choice(small if not free else small + free))
            if TABLES.freedom[p] > 0 or p not in chosen or not free:
                chosen.append(p)
        position[row] = torch.tensor(chosen)
        for site, p in enumerate(chosen):
            axes = TABLES.asked[p][: TABLES.freedom[p]]
            t[row, site, axes] = torch.tensor(2 * rng.integers(0, BINS, size=len(axes)) + 1)
        name = cell.lattice_of(TABLES.crystal_system[g - 1])
        metric = cell.metric(torch.tensor(cell.LATTICES.index(name)), random_shapes(name, 30, int(rng.integers(99)))[0])
        metrics[row] = metric * (150.0 * int(TABLES.n_centring[g - 1])) ** (2 / 3)
        structures.append(conventional(g, position[row], t[row], numbers[row], metrics[row]))
    radius = radii_of(numbers.flatten()).reshape(n, 3)
    placed = torch.ones(n, 3, dtype=torch.bool)
    return Sites(group, position, radius, t, placed), metrics, structures


def conventional(
    group: int, position: torch.Tensor, t: torch.Tensor, numbers: torch.Tensor, metric: torch.Tensor
) -> Structure:
    found = spglib.get_symmetry_from_database(int(TABLES.hall[group - 1]))
    points, species, owners = [], [], []
    for site, p in enumerate(position.tolist()):
        start = (TABLES.matrix[p, 0].numpy() @ t[site].numpy() + TABLES.shift[p, 0].numpy()) / EDGE
        images = np.round((found["rotations"] @ start + found["translations"]) % 1, 6) % 1
        images = np.unique(images, axis=0)
        points.append(images)
        species += [int(numbers[site])] * len(images)
        owners += [site] * len(images)
    return Structure(
        Lattice(cell.vectors(metric).numpy()), species, np.concatenate(points), site_properties={"owner": owners}
    )


def closest_in(structure: Structure, most: float, owner: int | None = None) -> float:
    """The closest contact relative to the radii, of one site or of all, as pymatgen's neighbour list has it."""
    radius = radii_of(torch.tensor(structure.atomic_numbers)).numpy()
    centre, neighbour, image, distance = structure.get_neighbor_list(2 * radius.max() * most, exclude_self=False)
    itself = (centre == neighbour) & (image == 0).all(1)
    kept = ~itself
    if owner is not None:
        kept &= np.array(structure.site_properties["owner"])[centre] == owner
    ratio = distance[kept] / (radius[centre] + radius[neighbour])[kept]
    return min(float(ratio.min(initial=most)), most)


def coincide(structure: Structure) -> bool:
    return len(structure) > 1 and not structure.is_valid(tol=1e-3)


def test_contacts_among_the_placed_are_those_of_a_neighbour_list_for_right_angles() -> None:
    sites, metrics, structures = random_crystals(150, 0, RIGHT_ANGLED)
    contacts = Contacts.of(TABLES, MOST_ATOMS, "cpu")
    scales = torch.tensor([0.8, 1.0, 1.4])
    found = contacts.among_placed(sites, (metrics[:, None] * scales[:, None] ** 2).float()).numpy()
    compared = 0
    for row, structure in enumerate(structures):
        if coincide(structure):
            continue
        for scale, value in zip(scales.tolist(), found[row], strict=True):
            grown = structure.copy()
            grown.scale_lattice(structure.volume * scale**3)
            assert min(value, 1.5) == pytest.approx(closest_in(grown, 1.5), rel=1e-4), (row, scale)
            compared += 1
    assert compared > 300


def test_contacts_are_never_underestimated_and_seldom_missed_where_angles_are_not_right() -> None:
    sites, metrics, structures = random_crystals(100, 1, (2, 3, 10, 12, 14, 147, 156, 164, 166, 186, 187, 191, 194))
    found = Contacts.of(TABLES, MOST_ATOMS, "cpu").among_placed(sites, metrics[:, None].float())[:, 0]
    kept = [row for row, structure in enumerate(structures) if not coincide(structure)]
    exact = np.array([closest_in(structures[row], 1.5) for row in kept])
    measured = found[kept].clamp(max=1.5).numpy()
    assert (measured >= exact - 1e-4).all()
    assert np.isclose(measured, exact, rtol=1e-3).mean() > 0.8


def test_contacts_of_candidates_are_those_of_a_neighbour_list_for_right_angles() -> None:
    sites, metrics, _ = random_crystals(60, 2, RIGHT_ANGLED)
    rng = np.random.default_rng(3)
    current = torch.tensor(rng.integers(0, 3, size=60))
    sites.placed[torch.arange(60), current] = False
    sites.placed[::3] = False  # nothing else is there yet
    candidates = torch.tensor(2 * rng.integers(0, BINS, size=(60, 4, 3)) + 1)
    contacts = Contacts.of(TABLES, MOST_ATOMS, "cpu")
    found = contacts.of_candidates(sites, metrics.float(), current, candidates)
    numbers = {
        float(radius): z for z, radius in zip([3, 8, 22, 55], radii_of(torch.tensor([3, 8, 22, 55])), strict=True)
    }
    for row in range(60):
        here = int(current[row])
        there = [site for site in range(3) if site == here or sites.placed[row, site]]
        kinds = torch.tensor([numbers[float(sites.radius[row, site])] for site in there])
        for choice in range(4):
            t = sites.coordinates[row].clone()
            t[here] = candidates[row, choice]
            structure = conventional(int(sites.group[row]), sites.position[row, there], t[there], kinds, metrics[row])
            if (orbit_size(structure, there.index(here)) < TABLES.multiplicity[sites.position[row, here]]) or (
                own_translation_is_closest(structure, there.index(here))
            ):
                continue  # points of the orbit fall together; translations are measured with the shape
            exact = closest_in(structure, 1.5, owner=there.index(here))
            assert min(float(found[row, choice]), 1.5) == pytest.approx(exact, rel=1e-4, abs=1e-4), (row, choice)


def orbit_size(structure: Structure, owner: int) -> int:
    return structure.site_properties["owner"].count(owner)


def own_translation_is_closest(structure: Structure, owner: int) -> bool:
    """Whether an edge of the cell is the site's closest contact."""
    radius = float(radii_of(torch.tensor([structure.atomic_numbers[structure.site_properties["owner"].index(owner)]])))
    return min(structure.lattice.abc) / (2 * radius) <= closest_in(structure, 1.5, owner) + 1e-3


def test_batches_of_contacts_do_not_depend_on_their_company() -> None:
    right, metric_right, _ = random_crystals(40, 4, RIGHT_ANGLED)
    skew, metric_skew, _ = random_crystals(40, 5, (2, 14, 166, 194))
    both = Sites(*(torch.cat(parts) for parts in zip(vars(right).values(), vars(skew).values(), strict=True)))
    metrics = torch.cat([metric_right, metric_skew])[:, None].float()
    contacts = Contacts.of(TABLES, MOST_ATOMS, "cpu")
    together = contacts.among_placed(both, metrics)
    for row in range(80):
        alone = contacts.among_placed(both[torch.tensor([row])], metrics[[row]])
        assert torch.equal(alone[0], together[row]), row


def test_roomy_bins_are_those_without_short_contacts_or_else_the_roomiest() -> None:
    closest = torch.tensor([[0.2, 0.9, 2.0, 1.0], [0.1, 0.3, 0.2, 0.9], [0.1, 0.2, 0.3, 0.3]])
    closest = closest * CLOSEST_CONTACT
    offered = torch.tensor([[True, True, True, True], [True, True, True, False], [True, True, True, True]])
    expected = [[False, False, True, True], [False, True, False, False], [False, False, True, True]]
    assert roomy(closest, offered).tolist() == expected
