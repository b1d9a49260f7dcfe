"""Predicted volumes against textbooks, and what the generators rely on."""

import pytest
import torch
from pymatgen.core import Composition
from torch import Tensor

from gfnmat.space.candidates import N_ELEMENTS
from gfnmat.space.structure.volume import predicted_volume


def counts(*formulas: str) -> Tensor:
    rows = torch.zeros(len(formulas), N_ELEMENTS, dtype=torch.int64)
    for row, formula in zip(rows, formulas, strict=True):
        for element, n in Composition(formula).items():
            row[element.Z - 1] = int(n)
    return rows


def random_counts(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    kept = torch.rand(n, N_ELEMENTS, generator=generator) < 0.03
    return torch.randint(1, 9, (n, N_ELEMENTS), generator=generator) * kept


@pytest.mark.parametrize(
    ("formula", "measured"),  # A^3/atom
    [
        ("NaCl", 22.4),
        ("MgO", 9.3),
        ("CaF2", 13.6),
        ("SrTiO3", 11.9),
        ("TiO2", 10.4),
        ("ZnS", 19.8),
        ("GaAs", 22.6),
        ("Al2O3", 8.5),
        ("CsCl", 35.0),
        ("LiF", 8.2),
        ("KBr", 35.9),
        ("UO2", 13.6),
        ("AlN", 10.4),
        ("CaCO3", 12.3),
        ("Bi2Te3", 33.8),
        ("Ni3Al", 11.3),
        ("Fe", 11.8),
        ("Au", 17.0),
    ],
)
def test_known_volumes_are_met_within_a_third(formula: str, measured: float) -> None:
    row = counts(formula)
    assert (predicted_volume(row) / row.sum()).item() == pytest.approx(measured, rel=0.35)


def test_every_pair_of_elements_has_a_sound_volume() -> None:
    first, second = torch.triu_indices(94, 94)
    for n, m in [(1, 1), (1, 4), (4, 1)]:
        rows = torch.zeros(len(first), N_ELEMENTS, dtype=torch.int64)
        rows.scatter_add_(1, first[:, None], torch.full_like(first[:, None], n))
        rows.scatter_add_(1, second[:, None], torch.full_like(first[:, None], m))
        volume = predicted_volume(rows) / (n + m)
        assert volume.min() > 3
        assert volume.max() < 100


def test_twice_the_atoms_take_twice_the_volume() -> None:
    rows = random_counts(200)
    torch.testing.assert_close(predicted_volume(2 * rows), 2 * predicted_volume(rows), rtol=1e-12, atol=0)


def test_a_row_does_not_depend_on_the_batch_or_how_it_lies_in_memory() -> None:
    rows = random_counts(200)
    together = predicted_volume(rows)
    assert torch.equal(together, torch.cat([predicted_volume(row[None]) for row in rows]))
    assert torch.equal(together, predicted_volume(rows.T.contiguous().T))
    assert torch.equal(together.flip(0), predicted_volume(rows.flip(0).int()))


def test_nothing_takes_no_volume_and_unknown_elements_some() -> None:
    assert predicted_volume(counts("H")[:0]).shape == (0,)
    assert predicted_volume(torch.zeros(1, N_ELEMENTS, dtype=torch.int64)).tolist() == [0]
    everything = predicted_volume(torch.eye(N_ELEMENTS, dtype=torch.int64))
    assert everything.dtype == torch.float64
    assert (everything > 0).all()


def test_a_light_metal_shrinks_so_far_that_its_oxide_is_smaller() -> None:
    metals, oxides = counts("Na2", "Mg", "Ca"), counts("Na2O", "MgO", "CaO")
    assert (predicted_volume(oxides) < predicted_volume(metals)).all()


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_the_volume_is_where_the_counts_are(device: str) -> None:
    volume = predicted_volume(counts("NaCl").to(device))
    assert volume.device.type == device
    torch.testing.assert_close(volume.cpu(), predicted_volume(counts("NaCl")))
