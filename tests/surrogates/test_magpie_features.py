"""Magpie features against matminer, which is slow and right."""

import csv
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition, Element
from torch import Tensor

from surrogates import MagpieFeatures

SYMBOLS = [Element.from_Z(number).symbol for number in range(1, 119)]
MAGPIE = MagpieFeatures()


@pytest.fixture(scope="module")
def matminer() -> ElementProperty:
    return ElementProperty.from_preset("magpie")


def random_counts(n: int, most_elements: int, most_atoms: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    n_elements = torch.randint(1, most_elements + 1, (n, 1), generator=generator)
    order = torch.rand(n, 118, generator=generator).argsort(dim=1)
    return torch.randint(1, most_atoms + 1, (n, 118), generator=generator) * (order < n_elements)


def reference(featurizer: ElementProperty, counts: Tensor) -> Tensor:
    formulas = [
        Composition({SYMBOLS[index]: float(row[index]) for index in np.flatnonzero(row)}) for row in counts.numpy()
    ]
    return torch.tensor(np.array([featurizer.featurize(formula) for formula in formulas], dtype=float))


@pytest.mark.parametrize(
    ("n", "most_elements", "most_atoms"),
    [(500, 5, 12), (300, 8, 3), (100, 1, 9), (100, 20, 6)],
    ids=["usual", "many ties", "single elements", "many elements"],
)
def test_equals_matminer_on_random_formulas(
    matminer: ElementProperty, n: int, most_elements: int, most_atoms: int
) -> None:
    counts = random_counts(n, most_elements, most_atoms, seed=n)
    torch.testing.assert_close(MAGPIE(counts), reference(matminer, counts), atol=1e-6, rtol=0)


def test_equals_matminer_on_fractions_and_near_ties(matminer: ElementProperty) -> None:
    counts = torch.zeros(4, 118, dtype=torch.float64)
    counts[0, [7, 25]] = torch.tensor([0.5, 0.5], dtype=torch.float64)
    counts[1, [7, 25]] = torch.tensor([1.0, 1.0 - 5e-6], dtype=torch.float64)  # a tie to numpy.isclose
    counts[2, [7, 25]] = torch.tensor([1.0, 1.0 - 5e-5], dtype=torch.float64)  # not one
    counts[3, [7, 25, 55]] = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    torch.testing.assert_close(MAGPIE(counts), reference(matminer, counts), atol=1e-6, rtol=0)


def test_every_element_equals_matminer(matminer: ElementProperty) -> None:
    counts = torch.eye(118)
    features = MAGPIE(counts)
    assert features.isfinite().all()
    torch.testing.assert_close(features, reference(matminer, counts), atol=1e-6, rtol=0)


def test_labels_are_matminers(matminer: ElementProperty) -> None:
    assert list(MAGPIE.feature_labels) == matminer.feature_labels()


def test_shipped_table_is_matminers(matminer: ElementProperty) -> None:
    rows = list(csv.DictReader(files("surrogates").joinpath("data/magpie_elements.csv").read_text().splitlines()))
    assert [row["element"] for row in rows] == SYMBOLS
    for row in rows:
        element = Element(row["element"])
        for name in matminer.features:
            assert float(row[name]) == matminer.data_source.get_elemental_property(element, name)


formulas = st.dictionaries(st.integers(0, 117), st.integers(1, 30), min_size=1, max_size=8)


def counts_of(formula: dict[int, int]) -> Tensor:
    counts = torch.zeros(1, 118, dtype=torch.long)
    counts[0, list(formula)] = torch.tensor(list(formula.values()))
    return counts


@settings(max_examples=60, deadline=None)
@given(formula=formulas, factor=st.integers(2, 50))
def test_only_ratios_matter(formula: dict[int, int], factor: int) -> None:
    counts = counts_of(formula)
    torch.testing.assert_close(MAGPIE(counts * factor), MAGPIE(counts), atol=1e-9, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(batch=st.lists(formulas, min_size=2, max_size=12), seed=st.integers(0, 1000))
def test_rows_do_not_depend_on_each_other_or_their_order(batch: list[dict[int, int]], seed: int) -> None:
    counts = torch.cat([counts_of(formula) for formula in batch])
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed))
    together = MAGPIE(counts)
    torch.testing.assert_close(MAGPIE(counts[order]), together[order], atol=1e-9, rtol=1e-12)
    torch.testing.assert_close(MAGPIE(counts[:1]), together[:1], atol=1e-9, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(formula=formulas)
def test_statistics_are_ordered(formula: dict[int, int]) -> None:
    minimum, maximum, spread, mean, deviation, mode = MAGPIE(counts_of(formula)).view(22, 6).T
    assert (minimum <= mean + 1e-9).all()
    assert (mean <= maximum + 1e-9).all()
    assert (minimum <= mode).all()
    assert (mode <= maximum).all()
    assert (deviation <= spread / 2 + 1e-9).all()
    torch.testing.assert_close(spread, maximum - minimum)


def test_batches_longer_than_a_block_agree_with_short_ones() -> None:
    counts = random_counts(10_000, 6, 9, seed=3)
    torch.testing.assert_close(MAGPIE(counts)[9_000:], MAGPIE(counts[9_000:]), atol=1e-9, rtol=1e-12)


def test_no_formulas_give_no_features() -> None:
    assert MAGPIE(torch.zeros(0, 118)).shape == (0, 132)


def test_dtype_is_an_argument() -> None:
    counts = random_counts(20, 4, 9, seed=0)
    single = MagpieFeatures(dtype=torch.float32)(counts)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), MAGPIE(counts), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (torch.ones(3, 117), "n x 118"),
        (torch.ones(118), "n x 118"),
        (-torch.ones(1, 118), "negative"),
        (torch.full((1, 118), torch.nan), "finite"),
        (torch.cat([torch.ones(1, 118), torch.zeros(1, 118)]), "row 1"),
    ],
)
def test_bad_counts_are_refused(counts: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MAGPIE(counts)
