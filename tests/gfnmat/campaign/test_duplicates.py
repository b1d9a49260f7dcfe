"""Which measurements are of one material."""

import pytest
from pymatgen.core import Lattice, Structure

from gfnmat.campaign.duplicates import first_match
from gfnmat.campaign.goals import Goals
from gfnmat.campaign.history import History
from gfnmat.campaign.records import Answer, Choice, Measurement, Suggestion
from gfnmat.problem import Budget, Fidelity, Objective, Problem

MGO = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CSCL = Structure.from_spacegroup("Pm-3m", Lattice.cubic(2.65), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
GOALS = Goals(
    Problem(
        objectives=(Objective(property="x", goal="maximize"),),
        fidelities=(Fidelity(name="cheap", oracle="pauling", cost=0.1), Fidelity(name="dear", oracle="ionic", cost=1)),
        budget=Budget(cost=10),
    )
)


def history(*answers: tuple[float | None, int | None], rung: int = 1) -> History:
    """Measurements 1, 2, ... with a value (None is infeasible), and what they were found to be duplicates of."""
    measurements = [
        Measurement(
            Suggestion(number, Choice(f"key {number}", "MgO", rung, 1.0, {}, {}, "why"), 0),
            Answer("infeasible" if value is None else "done", {} if value is None else {"x": value}, duplicate_of=link),
        )
        for number, (value, link) in enumerate(answers, start=1)
    ]
    return History(GOALS, [m.suggestion for m in measurements], measurements)


def test_a_structure_is_the_first_that_it_matches_whatever_its_cell() -> None:
    strained = MGO.get_primitive_structure().scale_lattice(MGO.volume / 4 * 1.01)
    assert first_match(strained, {4: MGO, 2: CSCL, 3: MGO}) == 3
    assert first_match(CSCL, {4: MGO}) is None
    assert first_match(MGO, {}) is None


@pytest.mark.parametrize(("factor", "same"), [(0.9, False), (0.97, True), (1.03, True), (1.1, False)])
def test_another_volume_is_another_material(factor: float, same: bool) -> None:
    assert (first_match(MGO.copy().scale_lattice(MGO.volume * factor), {1: MGO}) == 1) is same


def test_a_material_counts_once_by_its_first_measurement() -> None:
    known = history((1.0, None), (3.0, 1), (2.0, None), (4.0, 1), (1.5, 3))
    assert known.duplicates == {2: 1, 4: 1, 5: 3}
    assert [m.suggestion.id for m in known.feasible_at_target()] == [1, 3]
    assert [m.suggestion.id for m in known.best()] == [3]
    assert len(known.at_target()) == len(known.answered) == 5


def test_the_first_is_the_lowest_number_that_is_done_in_whatever_order_answers_came() -> None:
    assert history((1.0, 3), (2.0, None), (3.0, None)).duplicates == {3: 1}
    assert history((None, None), (2.0, 1), (3.0, 1)).duplicates == {3: 2}
    assert history((1.0, None), (2.0, 1), (3.0, 2)).duplicates == {2: 1, 3: 1}


def test_below_the_target_there_are_no_duplicates() -> None:
    assert history((1.0, None), (2.0, 1), rung=0).duplicates == {}
