import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gfnmat.metrics.curves import (
    Curve,
    best_so_far,
    diversity,
    fraction_of_hits,
    hypervolume_found,
    top_k_mean,
)
from gfnmat.metrics.evaluations import Evaluations
from gfnmat.metrics.hypervolume import hypervolume


def evaluations(paid, utilities, counts=None, names=None):
    utilities = torch.tensor(utilities, dtype=torch.double).reshape(len(paid), -1)
    counts = torch.ones(len(paid), dtype=torch.bool) if counts is None else torch.tensor(counts)
    names = tuple(names or (f"m{place}" for place in range(len(paid))))
    return Evaluations(torch.tensor(paid, dtype=torch.double), utilities, counts, names)


ONE = evaluations(
    paid=[0.1, 1, 1, 0.5, 1, 1],
    utilities=[9, 2, 1, 9, 5, 3],
    counts=[False, True, True, False, True, True],  # two cheap or failed ones, which were paid for
    names=["A", "B", "C", "D", "E", "F"],
)


def test_what_does_not_count_is_paid_for_all_the_same():
    curve = best_so_far(ONE)
    assert curve.costs.tolist() == pytest.approx([1.1, 2.1, 3.6, 4.6])
    assert curve.values.tolist() == [2, 2, 5, 5]
    assert ONE.spent == pytest.approx(4.6)


def test_a_curve_keeps_its_value_until_the_next_step():
    curve = best_so_far(ONE)
    found = curve.at(torch.tensor([0.0, 1.0, 1.1, 3.5, 3.6, 100.0], dtype=torch.double))
    assert math.isnan(found[0])
    assert math.isnan(found[1])
    assert found[2:].tolist() == [2, 2, 5, 5]


def test_the_mean_of_the_best_two_by_hand():
    values = top_k_mean(ONE, 2).values
    assert math.isnan(values[0])
    assert values[1:].tolist() == [1.5, 3.5, 4.0]


def test_hits_by_hand():
    curve = fraction_of_hits(ONE, {"A", "C", "E", "X"})  # A was only seen at a cheap rung
    assert curve.values.tolist() == [0, 0.25, 0.5, 0.5]
    assert curve.cost_to_reach(0.5) == pytest.approx(3.6)
    assert curve.cost_to_reach(0.75) == math.inf
    assert curve.cost_to_reach(0.0) == 0.0


def test_a_hit_that_is_measured_twice_counts_once():
    twice = evaluations([1, 1, 1], [1, 1, 1], names=["A", "A", "B"])
    assert fraction_of_hits(twice, {"A", "B"}).values.tolist() == [0.5, 0.5, 1]


def test_no_hits_to_find_are_refused():
    with pytest.raises(ValueError, match="hits is empty"):
        fraction_of_hits(ONE, set())


def test_diversity_of_the_best_two_by_hand():
    fractions = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    three = evaluations([1, 1, 1], [1, 2, 3])
    values = diversity(three, 2, fractions).values
    assert math.isnan(values[0])
    assert values[1:].tolist() == pytest.approx([0.5, 1.0])  # Li and LiO share half their atoms, LiO and N none


def test_diversity_with_several_objectives_is_that_of_the_pareto_set():
    fractions = torch.eye(3)
    points = evaluations([1, 1, 1], [[1, 2], [2, 1], [3, 3]])
    values = diversity(points, 10, fractions).values
    assert values[1] == 1.0
    assert math.isnan(values[2])  # one material beats both


def test_hypervolume_grows_by_the_rectangles_that_are_added():
    points = evaluations([1, 1, 1, 1], [[2, 1], [1, 2], [0.5, 0.5], [2, 2]])
    assert hypervolume_found(points, (0, 0)).values.tolist() == pytest.approx([2, 3, 3, 4])


def test_best_and_hypervolume_are_for_one_and_for_several():
    with pytest.raises(ValueError, match="2 objectives"):
        best_so_far(evaluations([1], [[1, 2]]))
    with pytest.raises(ValueError, match="reference point"):
        hypervolume_found(evaluations([1], [[1, 2]]), (0,))


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="n x objectives"):
        Evaluations(torch.ones(2), torch.ones(3, 1), torch.ones(2, dtype=torch.bool), ("A", "B"))
    with pytest.raises(ValueError, match="not negative"):
        evaluations([-1.0], [1])


point = st.tuples(st.floats(-5, 5), st.floats(-5, 5))
runs = st.lists(st.tuples(st.floats(0.01, 3), point, st.booleans()), min_size=1, max_size=25)


@given(runs)
def test_every_curve_of_what_was_found_rises(run):
    paid, points, counts = (list(part) for part in zip(*run, strict=True))
    of_both = evaluations(paid, points, counts)
    of_first = evaluations(paid, [x for x, _ in points], counts)
    hits = set(of_both.names[::2])
    for curve in (
        best_so_far(of_first),
        fraction_of_hits(of_both, hits),
        hypervolume_found(of_both, (-5, -5)),
    ):
        assert bool((torch.diff(curve.values) >= -1e-9).all())
        assert bool((torch.diff(curve.costs) > 0).all())
        assert len(curve.values) == sum(counts)
    means = top_k_mean(of_first, 3).values
    assert bool((torch.diff(means[~means.isnan()]) >= -1e-9).all())


@given(runs)
def test_the_hypervolume_at_the_end_is_that_of_all(run):
    paid, points, counts = (list(part) for part in zip(*run, strict=True))
    found = evaluations(paid, points, counts)
    everything = found.utilities[found.counts]
    assert hypervolume_found(found, (-5, -5)).final == pytest.approx(hypervolume(everything, (-5, -5)))


def test_an_empty_curve_is_its_start():
    curve = Curve(torch.empty(0, dtype=torch.double), torch.empty(0, dtype=torch.double), 0.0)
    assert curve.at(torch.tensor([0.0, 5.0])).tolist() == [0, 0]
    assert curve.final == 0
    assert curve.cost_to_reach(0.5) == math.inf
