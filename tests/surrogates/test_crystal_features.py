"""Features of crystals: what they must not depend on, and the neighbours, charges and potentials they are made of."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from ase.data import covalent_radii
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Element, Lattice, Structure
from torch import Tensor

from surrogates import CrystalFeatures
from surrogates.charges import balanced_charges
from surrogates.crystal_features import CLOSEST
from surrogates.ewald import potentials
from surrogates.neighbours import Cells, Pairs, pairs_within, reduced_vectors

FEATURES = CrystalFeatures()
LABELS = FEATURES.feature_labels


@dataclass(frozen=True)
class Batch:
    """Arguments of `CrystalFeatures`."""

    counts: Tensor
    group: Tensor
    numbers: Tensor
    points: Tensor
    vectors: Tensor

    @property
    def parts(self) -> tuple[Tensor, ...]:
        return self.counts, self.group, self.numbers, self.points, self.vectors

    def __getitem__(self, rows: slice | Tensor) -> "Batch":
        return Batch(*(part[rows] for part in self.parts))


def batch(structures: list[Structure]) -> Batch:
    n, size = len(structures), max(map(len, structures))
    numbers = torch.zeros(n, size, dtype=torch.long)
    points = torch.zeros(n, size, 3, dtype=torch.float64)
    for row, structure in enumerate(structures):
        numbers[row, : len(structure)] = torch.tensor([site.specie.Z for site in structure])
        points[row, : len(structure)] = torch.tensor(structure.frac_coords)
    vectors = torch.stack([torch.tensor(structure.lattice.matrix.copy()) for structure in structures])
    return Batch(tally(numbers), torch.ones(n, dtype=torch.long), numbers, points, vectors)


def tally(numbers: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(numbers, 119).sum(1)[:, 1:]


def random_batch(n: int = 24, most_atoms: int = 9, seed: int = 0) -> Batch:
    """Cells of all shapes, some skewed, of 5 to 20 A3 an atom."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, most_atoms + 1, (n, 1), generator=generator)
    elements = torch.tensor([3, 6, 8, 9, 12, 13, 16, 22, 26, 29, 56, 92])
    kinds = elements[torch.randint(len(elements), (n, 3), generator=generator)]
    numbers = kinds.gather(1, torch.randint(3, (n, most_atoms), generator=generator))
    numbers = torch.where(torch.arange(most_atoms) < sizes, numbers, 0)
    points = torch.rand(n, most_atoms, 3, generator=generator, dtype=torch.float64)
    vectors = torch.eye(3, dtype=torch.float64) + torch.randn(n, 3, 3, generator=generator, dtype=torch.float64) / 2
    room = (5 + 15 * torch.rand(n, generator=generator, dtype=torch.float64)) * sizes.squeeze(1)
    vectors *= (room / torch.linalg.det(vectors).abs()).pow(1 / 3)[:, None, None]
    return Batch(tally(numbers), torch.randint(1, 231, (n,), generator=generator), numbers, points, vectors)


def structures_of(given: Batch) -> list[Structure]:
    return [
        Structure(Lattice(vectors), [Element.from_Z(int(z)) for z in numbers if z], points[numbers > 0])
        for numbers, points, vectors in zip(given.numbers, given.points, given.vectors, strict=True)
    ]


def assert_same(one: Batch, other: Batch) -> None:
    torch.testing.assert_close(FEATURES(*one.parts), FEATURES(*other.parts), atol=1e-7, rtol=1e-7)


RANDOM = random_batch()
ROCKSALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CAESIUM = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
FLUORITE = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.46), ["Ca", "F"], [[0, 0, 0], [0.25, 0.25, 0.25]])
DIAMOND = Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.57), ["C"], [[0, 0, 0]])
KNOWN = [structure.get_primitive_structure() for structure in (ROCKSALT, CAESIUM, FLUORITE, DIAMOND)]


def test_the_origin_does_not_matter() -> None:
    moved = replace(RANDOM, points=RANDOM.points + torch.rand(len(RANDOM.group), 1, 3, dtype=torch.float64))
    assert_same(moved, RANDOM)
    assert_same(replace(RANDOM, points=RANDOM.points + 1000), RANDOM)


def test_the_order_of_atoms_and_empty_places_do_not_matter() -> None:
    order = torch.randperm(RANDOM.numbers.shape[1], generator=torch.Generator().manual_seed(1))
    assert_same(replace(RANDOM, numbers=RANDOM.numbers[:, order], points=RANDOM.points[:, order]), RANDOM)
    room = torch.nn.functional.pad
    assert_same(
        replace(RANDOM, numbers=room(RANDOM.numbers, (2, 3)), points=room(RANDOM.points, (0, 0, 2, 3), value=0.3)),
        RANDOM,
    )


def test_rotation_and_reflection_do_not_matter() -> None:
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)))
    assert_same(replace(RANDOM, vectors=RANDOM.vectors @ rotation), RANDOM)
    assert_same(replace(RANDOM, vectors=-RANDOM.vectors @ rotation), RANDOM)


def test_the_choice_of_the_primitive_cell_does_not_matter() -> None:
    skewed = torch.tensor([[1, 3, -2], [0, 1, 4], [0, 0, 1]], dtype=torch.float64)
    other = replace(RANDOM, vectors=skewed @ RANDOM.vectors, points=RANDOM.points @ torch.linalg.inv(skewed))
    assert_same(other, RANDOM)
    niggli = [structure.get_reduced_structure("niggli") for structure in structures_of(RANDOM)]
    torch.testing.assert_close(
        FEATURES(*batch(niggli).parts), FEATURES(*batch(structures_of(RANDOM)).parts), atol=1e-5, rtol=1e-5
    )


def test_rows_do_not_depend_on_their_batch() -> None:
    together = FEATURES(*RANDOM.parts)
    for row in range(0, len(together), 5):
        torch.testing.assert_close(FEATURES(*RANDOM[row : row + 1].parts)[0], together[row], atol=1e-9, rtol=1e-9)
    order = torch.randperm(len(together), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(FEATURES(*RANDOM[order].parts), together[order], atol=1e-9, rtol=1e-9)
    many = random_batch(500, seed=4)
    torch.testing.assert_close(
        FEATURES(*many.parts)[450:], FEATURES(*many[slice(450, None)].parts), atol=1e-9, rtol=1e-9
    )


def of_batch(given: Batch) -> tuple[Cells, Tensor, Pairs]:
    cells = Cells.reduced(given.vectors, given.points, given.numbers > 0)
    reach = 2.6 * cells.spacing
    return cells, reach, pairs_within(cells, reach)


def test_pairs_are_pymatgens() -> None:
    cells, reach, pairs = of_batch(RANDOM)
    for row, structure in enumerate(structures_of(RANDOM)):
        expected = structure.get_neighbor_list(float(reach[row]))[3]
        found = pairs.distance[pairs.row == row]
        assert 2 * len(found) == len(expected)
        torch.testing.assert_close(found.repeat_interleave(2).sort().values, torch.tensor(expected).sort().values)
    assert cells.vectors.norm(dim=-1).amax() <= RANDOM.vectors.norm(dim=-1).amax() + 1e-9


def test_reduced_vectors_span_the_same_lattice() -> None:
    skewed = torch.tensor([[1, 7, -20], [0, 1, 9], [0, 0, 1]], dtype=torch.float64) @ RANDOM.vectors
    short = reduced_vectors(skewed)
    steps = short @ torch.linalg.inv(RANDOM.vectors)
    torch.testing.assert_close(steps, steps.round(), atol=1e-8, rtol=0)
    torch.testing.assert_close(torch.linalg.det(steps).abs(), torch.ones(len(steps), dtype=torch.float64))
    gram = short @ short.transpose(1, 2)
    diagonal = gram.diagonal(dim1=1, dim2=2)
    assert (2 * gram.abs() <= diagonal.unsqueeze(1) * (1 + 1e-9))[:, ~torch.eye(3, dtype=torch.bool)].all()


@pytest.mark.parametrize(
    ("row", "distance", "coordination"),
    [
        (0, 4.21 / 2, {12: 6, 8: 6}),
        (1, 4.12 * 0.75**0.5, {55: 8, 17: 8}),
        (2, 5.46 * 0.1875**0.5, {20: 8, 9: 4}),
        (3, 3.57 * 0.1875**0.5, {6: 4}),
    ],
    ids=["rocksalt", "caesium chloride", "fluorite", "diamond"],
)
def test_neighbours_of_known_structures(row: int, distance: float, coordination: dict[int, int]) -> None:
    known = batch(KNOWN)
    _, _, pairs = of_batch(known)
    near = (pairs.row == row) & (pairs.distance < distance + 0.01)
    torch.testing.assert_close(pairs.distance[near], torch.full((int(near.sum()),), distance, dtype=torch.float64))
    neighbours = torch.bincount(torch.cat([pairs.first[near], pairs.second[near]]))
    for number, found in zip(known.numbers[row].tolist(), neighbours.tolist(), strict=False):
        assert found == coordination[number]


def test_shortest_contact_is_pymatgens() -> None:
    found = FEATURES(*RANDOM.parts)[:, LABELS.index("contact, shortest")]
    for structure, shortest in zip(structures_of(RANDOM), found.tolist(), strict=True):
        radii = covalent_radii[[site.specie.Z for site in structure]]
        first, second, _, distance = structure.get_neighbor_list(9.0)
        assert shortest == pytest.approx(max(CLOSEST, (distance / (radii[first] + radii[second])).min()))


def charges_of(numbers: Tensor) -> Tensor:
    of = {name: column[numbers] for name, column in FEATURES._elements.items()}
    return balanced_charges(numbers, of["electronegativity"], of["anion"], of["cation"], of["spread"])


def test_potentials_are_those_of_a_longer_sum() -> None:
    cells, reach, pairs = of_batch(RANDOM)
    charges = charges_of(RANDOM.numbers)
    energies = 14.399645 / 2 * (charges * potentials(cells, pairs, charges, reach)).sum(1)
    for row, structure in enumerate(structures_of(RANDOM)):
        charged = structure.copy(site_properties={"charge": charges[row][: len(structure)].tolist()})
        expected = EwaldSummation(charged, acc_factor=12).total_energy if charges[row].any() else 0.0
        assert float(energies[row]) == pytest.approx(expected, abs=0.02, rel=2e-3)


def test_madelung_constant_of_rocksalt() -> None:
    known = batch(KNOWN)[:1]
    cells, reach, pairs = of_batch(known)
    charges = torch.tensor([[2.0, -2.0, 0.0]], dtype=torch.float64)
    potential = potentials(cells, pairs, charges, reach)[0, :2]
    assert (potential * 2.105 / 2).tolist() == pytest.approx([-1.74756, 1.74756], abs=4e-3)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("NaCl", {"Na": 1, "Cl": -1}),
        ("TiO2", {"Ti": 4, "O": -2}),
        ("TiO", {"Ti": 2, "O": -2}),
        ("SrTiO3", {"Sr": 2, "Ti": 4, "O": -2}),
        ("TiOF2", {"Ti": 4, "O": -2, "F": -1}),
        ("NaAlH4", {"Na": 1, "Al": 3, "H": -1}),
        ("Si7", {"Si": 0}),
        ("CuAu", {"Cu": 0.32, "Au": -0.32}),
    ],
)
def test_charges_of_known_compounds(formula: str, expected: dict[str, float]) -> None:
    from pymatgen.core import Composition

    symbols = [element.symbol for element, n in Composition(formula).items() for _ in range(int(n))]
    charges = charges_of(torch.tensor([[Element(symbol).Z for symbol in symbols] + [0, 0]]))[0]
    assert charges[: len(symbols)].tolist() == pytest.approx([expected[symbol] for symbol in symbols], abs=0.01)
    assert charges[len(symbols) :].tolist() == [0, 0]


def test_charges_are_neutral_whatever_the_elements() -> None:
    generator = torch.Generator().manual_seed(5)
    numbers = torch.randint(0, 119, (2000, 8), generator=generator)
    numbers[:, 0] = numbers[:, 0].clamp(min=1)
    charges = charges_of(numbers)
    assert charges.isfinite().all()
    assert (charges[numbers == 0] == 0).all()
    torch.testing.assert_close(charges.sum(1), torch.zeros(2000, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_features_are_finite_for_extreme_crystals(dtype: torch.dtype) -> None:
    numbers = torch.arange(1, 119).unsqueeze(1).repeat(1, 3)
    numbers[:, 1] = numbers[:, 0].flip(0)
    points = torch.zeros(118, 3, 3, dtype=torch.float64)  # all on one place
    features = CrystalFeatures(dtype=dtype)
    group = torch.full((118,), 230)
    cells = [torch.eye(3) * size for size in (0.05, 0.5, 3.0, 100.0, 5000.0)]
    cells += [torch.diag(torch.tensor(edges)) for edges in ([0.2, 0.2, 1000.0], [100.0, 100.0, 0.01])]
    cells.append(torch.tensor([[3.0, 0, 0], [3000.0, 3.0, 0], [-3000.0, 3000.0, 3.0]]))
    for cell in cells:
        for place in (points, points + torch.rand(118, 3, 3, generator=torch.Generator().manual_seed(6))):
            found = features(tally(numbers), group, numbers, place, cell.repeat(118, 1, 1))
            assert found.dtype == dtype
            assert found.isfinite().all()
            assert found.abs().max() < 1e4


def test_features_are_continuous_where_atoms_move_a_little() -> None:
    path = [replace(RANDOM, vectors=RANDOM.vectors * (1 + 1e-5 * step)) for step in range(20)]
    geometry = torch.stack([FEATURES(*given.parts)[:, 22:] for given in path])
    jumps = (geometry[1:] - geometry[:-1]).abs().amax(0)
    assert float(jumps.max()) < 0.02


def test_labels_are_distinct_and_match_the_width() -> None:
    features = FEATURES(*RANDOM.parts)
    assert features.shape == (len(RANDOM.group), len(LABELS))
    assert len(set(LABELS)) == len(LABELS)
    assert features.std(dim=0).gt(0).all()


def test_no_crystals_give_no_features() -> None:
    assert FEATURES(*RANDOM[:0].parts).shape == (0, len(LABELS))


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif("not torch.cuda.is_available()"))]
)
def test_results_follow_the_device_and_the_dtype(device: str) -> None:
    found = CrystalFeatures(dtype=torch.float32, device=device)(*RANDOM.parts)
    assert found.device.type == device
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double().cpu(), FEATURES(*RANDOM.parts), atol=2e-2, rtol=2e-2)


BAD_POINTS = RANDOM.points.clone()
BAD_POINTS[3, 0, 0] = torch.nan


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"counts": RANDOM.counts[:, 1:]}, "n x 118"),
        ({"counts": 2 * RANDOM.counts}, "counts must be those of numbers; row 0"),
        ({"group": RANDOM.group + 230}, "1 to 230"),
        ({"group": RANDOM.group[1:]}, "group must be 24"),
        ({"numbers": RANDOM.numbers - 1}, "atomic numbers"),
        ({"numbers": 0 * RANDOM.numbers}, "hold an atom"),
        ({"points": BAD_POINTS}, "points must be finite; row 3"),
        ({"points": RANDOM.points[:, :1]}, "points must be 24 x 9 x 3"),
        ({"vectors": RANDOM.vectors[:, :2]}, "vectors must be 24 x 3 x 3"),
        ({"vectors": 0 * RANDOM.vectors}, "span"),
    ],
)
def test_bad_arguments_are_refused(wrong: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FEATURES(*replace(RANDOM, **wrong).parts)


def test_closer_atoms_crowd_more() -> None:
    sizes = [1.1, 1.0, 0.9, 0.8]
    cells = [structure.copy() for structure in KNOWN[:1] * 4]
    for structure, size in zip(cells, sizes, strict=True):
        structure.scale_lattice(structure.volume * size)
    features = FEATURES(*batch(cells).parts)
    for label in ("crowding of anions", "repulsion of bonds", "log density"):
        assert all(one < other for one, other in pairwise(features[:, LABELS.index(label)].tolist()))


def test_polymorphs_of_an_element_differ() -> None:
    cells = [Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.0), ["Si"], [[0, 0, 0]]), DIAMOND.copy()]
    cells[1] = Structure(Lattice.cubic(6.3), ["Si"] * 8, DIAMOND.frac_coords)  # of the same density
    one, other = FEATURES(*batch(cells).parts)
    differ = {label for label, gap in zip(LABELS, (one - other).abs().tolist(), strict=True) if gap > 0.02}
    assert differ >= {"contact", "crowding of anions", "valence among anions", "mismatch of anions", "anions at 1.3"}
