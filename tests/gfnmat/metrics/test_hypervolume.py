import math

import pytest
import torch

from gfnmat.metrics.hypervolume import hypervolume


def test_of_one_point_is_the_box():
    assert hypervolume(torch.tensor([[3.0, 5.0]]), (1, 2)) == pytest.approx(2 * 3)
    assert hypervolume(torch.tensor([[3.0, 5.0, 2.0]]), (1, 2, 0)) == pytest.approx(2 * 3 * 2)


def test_of_a_staircase_is_the_sum_of_its_steps():
    n = 10
    front = torch.tensor([[x, n - x] for x in range(1, n)], dtype=torch.double)
    assert hypervolume(front, (0, 0)) == pytest.approx(sum(n - x for x in range(1, n)))


def test_of_a_fine_quarter_circle_is_its_area():
    angle = torch.linspace(0, math.pi / 2, 4001, dtype=torch.double)
    assert hypervolume(torch.stack([angle.sin(), angle.cos()], 1), (0, 0)) == pytest.approx(math.pi / 4, abs=1e-3)


def test_what_is_dominated_or_below_the_reference_adds_nothing():
    front = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    others = torch.tensor([[1.0, 1.0], [5.0, -1.0]])
    assert hypervolume(torch.cat([front, others]), (0, 0)) == hypervolume(front, (0, 0)) == pytest.approx(3)


def test_of_nothing_is_nothing():
    assert hypervolume(torch.empty(0, 2), (0, 0)) == 0


def test_three_objectives_by_inclusion_and_exclusion():
    a, b = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([1.0, 4.0, 3.0])
    expected = a.prod() + b.prod() - torch.minimum(a, b).prod()
    assert hypervolume(torch.stack([a, b]), (0, 0, 0)) == pytest.approx(float(expected))
