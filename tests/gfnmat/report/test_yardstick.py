import math

import pytest
import torch
from fake_campaign import ONE_OBJECTIVE, config

from gfnmat.metrics.hypervolume import MARGIN
from gfnmat.report.yardstick import Yardstick

TWO = config().problem
ONE = config(objectives=ONE_OBJECTIVE).problem


def brute_force(points, reference, ideal, cells=400):
    """The share of a fine grid of the box that some point dominates."""
    low, high = torch.tensor(reference), torch.tensor(ideal)
    centres = (torch.arange(cells, dtype=torch.double) + 0.5) / cells
    x, y = torch.meshgrid(centres, centres, indexing="ij")
    shares = (points - low) / (high - low)
    dominated = torch.zeros(cells, cells, dtype=torch.bool)
    for a, b in shares:
        dominated |= (x <= a) & (y <= b)
    return float(dominated.double().mean())


@pytest.mark.parametrize("seed", range(5))
def test_hypervolume_is_what_a_grid_counts(seed):
    points = torch.rand(12, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double) * torch.tensor(
        [300, 5]
    )
    yardstick = Yardstick.over(TWO, [points])
    expected = brute_force(points, yardstick.reference, yardstick.ideal)
    assert yardstick.worth(points) == pytest.approx(expected, abs=0.01)


def test_the_box_spans_the_fronts_of_all_sets():
    a = torch.tensor([[10.0, -1.0], [20.0, -2.0], [1.0, -50.0]], dtype=torch.double)  # the last one is dominated
    b = torch.tensor([[5.0, -0.5]], dtype=torch.double)
    yardstick = Yardstick.over(TWO, [a, b])
    assert yardstick.ideal == pytest.approx((20.0, -0.5))
    assert yardstick.reference == pytest.approx((5 - MARGIN * 15, -2 - MARGIN * 1.5))


def test_one_point_in_the_box_has_the_closed_form():
    a = torch.tensor([[10.0, -1.0]], dtype=torch.double)
    b = torch.tensor([[20.0, -2.0]], dtype=torch.double)
    yardstick = Yardstick.over(TWO, [a, b])
    assert yardstick.worth(a) == pytest.approx((MARGIN / (1 + MARGIN)) * 1.0)
    assert yardstick.worth(torch.cat([a, b])) == pytest.approx(1 - 1 / (1 + MARGIN) ** 2)


def test_degenerate_sets_have_a_finite_worth():
    point = torch.tensor([[10.0, -1.0]], dtype=torch.double)
    assert Yardstick.over(TWO, [point]).worth(point) == pytest.approx(1.0)
    assert Yardstick.over(TWO, [point[:0]]).worth(point[:0]) == 0.0


def test_with_one_objective_the_worth_is_the_best():
    points = torch.tensor([[3.0], [7.0], [5.0]], dtype=torch.double)
    yardstick = Yardstick.over(ONE, [points])
    assert yardstick.worth(points) == 7.0
    assert math.isnan(yardstick.worth(points[:0]))
    assert yardstick.name == "best bulk modulus"


def test_a_minimised_objective_is_shown_in_its_own_sign():
    problem = config(objectives=[{"property": "density", "goal": "minimize"}]).problem
    yardstick = Yardstick.over(problem, [torch.tensor([[-2.0]], dtype=torch.double)])
    assert yardstick.shown(-2.0) == 2.0


def test_progress_rises_only_where_something_better_is_found():
    points = torch.tensor([[3.0], [2.0], [7.0], [7.0]], dtype=torch.double)
    yardstick = Yardstick.over(ONE, [points])
    assert yardstick.progress([1, 2, 3, 4], points) == [(1, 3.0), (3, 7.0)]


def test_progress_ends_at_the_worth_of_all():
    points = torch.rand(30, 2, generator=torch.Generator().manual_seed(7), dtype=torch.double)
    yardstick = Yardstick.over(TWO, [points])
    steps = yardstick.progress(range(1, 31), points)
    assert steps[0] == (0.0, 0.0)
    assert [value for _, value in steps] == sorted(value for _, value in steps)
    assert steps[-1][1] == pytest.approx(yardstick.worth(points))
