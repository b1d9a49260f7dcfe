import math

import numpy as np
import pytest
import torch
from scipy import stats

from gfnmat.metrics.bands import bootstrap, median
from gfnmat.metrics.reach import Costs, Estimate, median_cost, speedup

INF = math.inf


def costs(reached, spent=100.0):
    return Costs(torch.tensor(reached, dtype=torch.double), torch.full((len(reached),), spent, dtype=torch.double))


def test_the_interval_of_a_mean_is_scipys():
    values = torch.randn(30, 1, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    band = bootstrap(values)
    expected = stats.bootstrap(
        (values[:, 0].numpy(),), np.mean, method="percentile", n_resamples=20_000, random_state=0
    ).confidence_interval
    assert float(band.centre) == pytest.approx(float(values.mean()))
    assert float(band.low) == pytest.approx(expected.low, abs=0.04)
    assert float(band.high) == pytest.approx(expected.high, abs=0.04)


def test_a_point_that_one_seed_does_not_know_is_unknown():
    values = torch.tensor([[1.0, math.nan], [2.0, 3.0]])
    band = bootstrap(values)
    assert float(band.centre[0]) == 1.5
    assert math.isnan(band.centre[1])
    assert math.isnan(band.low[1])


def test_one_seed_has_no_spread():
    band = bootstrap(torch.tensor([[4.0]]))
    assert (float(band.low), float(band.centre), float(band.high)) == (4, 4, 4)


def test_the_median_bears_infinities():
    assert float(median(torch.tensor([[1.0], [INF], [3.0]]))) == 3
    assert float(median(torch.tensor([[1.0], [3.0]]))) == 2
    assert float(median(torch.tensor([[1.0], [INF]]))) == INF


def test_the_median_cost_counts_runs_that_never_arrive_as_dearer_than_any():
    found = median_cost(costs([10, 20, 30, INF, INF]))
    assert (found.value, found.bound) == (30, "")
    assert found.low >= 10
    assert found.high == INF


def test_a_median_that_is_censored_is_a_bound():
    found = median_cost(costs([10, INF, INF]))
    assert (found.value, found.bound) == (100, ">=")
    assert "≥ 100" in str(found)


def test_the_speedup_is_the_ratio_of_the_medians():
    found = speedup(costs([10, 20, 30]), costs([100, 200, 300], spent=1000))
    assert (found.value, found.bound) == (10, "")
    assert 3 < found.low < 10 < found.high < 31


@pytest.mark.parametrize(
    ("method", "baseline", "expected"),
    [
        ([10, 20, 30], [INF, INF, INF], (5.0, ">=")),  # at least 100 against 20
        ([INF, INF, INF], [10, 20, 30], (0.2, "<=")),  # at most 20 against 100
    ],
)
def test_what_is_censored_gives_a_bound(method, baseline, expected):
    found = speedup(costs(method), costs(baseline))
    assert (found.value, found.bound) == pytest.approx(expected)


def test_two_that_never_arrive_cannot_be_compared():
    found = speedup(costs([INF, INF]), costs([INF, INF]))
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0, INF)
    assert str(found) == "unknown"


def test_the_interval_holds_whatever_the_censored_runs_would_have_cost():
    method, baseline = costs([10, 20, 30, INF]), costs([50, 60, INF, INF])
    known = speedup(method, baseline)
    for further in (101.0, 150.0, 1e6):
        told = speedup(costs([10, 20, 30, further]), costs([50, 60, further, further]))
        assert known.low <= told.low
        assert known.high >= told.high


def test_the_same_seeds_give_the_same_interval():
    assert speedup(costs([10, 20]), costs([30, 40])) == speedup(costs([10, 20]), costs([30, 40]))
    assert isinstance(median_cost(costs([1.0])), Estimate)


def test_seeds_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="one of each a seed"):
        Costs(torch.ones(2), torch.ones(3))
