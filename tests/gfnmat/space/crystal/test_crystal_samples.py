"""What every sampled crystal is, against its sentence, SMACT, spglib and pymatgen."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import spglib
import torch
from pymatgen.core import Composition, Lattice, Structure

from gfnmat import Candidates, CrystalSpace, GFlowNet
from gfnmat.space.structure import cell
from gfnmat.space.structure.crystals import Crystals
from gfnmat.space.structure.decoding import PRIMITIVE_VECTORS
from gfnmat.space.structure.volume import predicted_volume
from gfnmat.space.structure.wyckoff import BINS, load_wyckoff_tables

TABLES = load_wyckoff_tables()
PRECISION = 1e-3  # A, far below the distance of a bin's centre from a special value


def crystals_of(candidates: Candidates) -> Crystals:
    assert candidates.crystals is not None
    return candidates.crystals


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


def test_every_sample_is_neutral_by_smact(sample: Candidates, is_neutral: Callable[[str | Composition], bool]) -> None:
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
