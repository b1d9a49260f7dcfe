"""Scores against numerical integration, scipy, and what is known of normal distributions."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm, spearmanr

from surrogates import MultiFidelityGP, assess, crps_gaussian, diagnose


@pytest.mark.parametrize(("mean", "sd", "value"), [(0.0, 1.0, 0.3), (2.0, 0.5, -1.0), (-1.0, 3.0, 8.0)])
def test_crps_is_the_integral(mean: float, sd: float, value: float) -> None:
    below, _ = quad(lambda y: norm.cdf(y, mean, sd) ** 2, -40, value)
    above, _ = quad(lambda y: (1 - norm.cdf(y, mean, sd)) ** 2, value, 40)
    score = crps_gaussian(*(torch.tensor(number, dtype=torch.float64) for number in (mean, sd, value)))
    assert score.item() == pytest.approx(below + above, abs=1e-6)


def test_crps_of_a_certain_prediction_is_the_absolute_error() -> None:
    score = crps_gaussian(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([3.5]))
    assert score.item() == pytest.approx(2.5)


def test_assess() -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(20_000, generator=generator, dtype=torch.float64)
    sd = torch.full_like(mean, 0.5)
    values = mean + sd * torch.randn(20_000, generator=generator, dtype=torch.float64)
    judged = assess(mean, sd, values)
    assert judged.n == 20_000
    assert judged.coverage_90 == pytest.approx(0.9, abs=0.01)
    assert judged.mae == pytest.approx(0.5 * math.sqrt(2 / math.pi), rel=0.02)
    assert judged.crps == pytest.approx(0.5 / math.sqrt(math.pi), rel=0.02)
    assert judged.spearman == pytest.approx(spearmanr(mean, values)[0])


def test_spearman_with_ties_is_scipys() -> None:
    mean = torch.tensor([1.0, 2, 2, 3, 3, 3, 4])
    values = torch.tensor([2.0, 1, 1, 5, 4, 4, 4])
    assert assess(mean, torch.ones(7), values).spearman == pytest.approx(spearmanr(mean, values)[0])


def test_spearman_of_constants_is_nan() -> None:
    assert math.isnan(assess(torch.ones(4), torch.ones(4), torch.arange(4.0)).spearman)
    assert math.isnan(assess(torch.ones(1), torch.ones(1), torch.ones(1)).spearman)


@pytest.mark.parametrize("shapes", [((0,), (0,), (0,)), ((3,), (3,), (2,)), ((3, 1), (3, 1), (3, 1))])
def test_assess_refuses_what_cannot_be_compared(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="one length"):
        assess(*(torch.ones(shape) for shape in shapes))


def test_diagnose_judges_each_property_at_each_rung_measured() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 3, generator=generator, dtype=torch.float64)
    values = torch.stack([features.sum(dim=1), features[:, 0], torch.full((40,), np.nan)], dim=1)
    rungs = torch.arange(40) % 2
    values[rungs == 0, 1] = torch.nan
    surrogate = MultiFidelityGP(3, 3)
    surrogate.fit(features, rungs, values)
    judged = diagnose(surrogate)
    assert set(judged) == {(0, 0), (0, 1), (1, 1)}
    assert judged[0, 0].n == judged[1, 1].n == 20
    assert judged[0, 1].spearman > 0.9
    assert 0 < judged[0, 1].crps < 0.1
    assert judged[0, 1].coverage_90 > 0.7


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, surrogates; print([m for m in ('torch', 'botorch', 'pymatgen', 'matminer') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_features_need_neither_pymatgen_nor_matminer() -> None:
    code = (
        "import sys, torch; from surrogates import MagpieFeatures; MagpieFeatures()(torch.eye(118));"
        "print([m for m in ('botorch', 'pymatgen', 'matminer') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
