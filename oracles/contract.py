"""The contract of an oracle as a test suite: run any implementation, your own too, through it.

    class TestMyOracle(OracleContract):
        def make(self): return MyOracle()
        good = [Composition("NaCl"), Composition("MgO")]     # materials that it answers
        bad = [Composition("HeNe")]                          # materials that it cannot answer

under pytest, or call the methods by hand. Every method raises AssertionError where the contract is broken.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from oracles.evaluation import Evaluation
from oracles.oracle import Oracle, Screening
from oracles.properties import objection

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure


class OracleContract:
    """What every oracle promises; subclasses say how to make one and what to ask it."""

    good: ClassVar[Sequence[Composition | Structure]] = ()
    bad: ClassVar[Sequence[Composition | Structure]] = ()
    tolerance: ClassVar[float] = 1e-4
    """Difference between two answers to the same question that still counts as the same."""

    def make(self) -> Oracle:
        """Return the oracle under test."""
        raise NotImplementedError

    def evaluate(self, materials: Sequence[Composition | Structure]) -> list[Evaluation]:
        """Ask a new oracle."""
        return self.make().evaluate(materials)

    def same(self, one: Evaluation, other: Evaluation) -> bool:
        """Return whether two evaluations say the same, time apart."""
        return (
            one.status == other.status
            and one.values.keys() == other.values.keys()
            and all(
                math.isclose(one.values[name], other.values[name], rel_tol=self.tolerance, abs_tol=self.tolerance)
                for name in one.values
            )
        )

    def test_is_an_oracle(self) -> None:
        """It has `properties`, names without repetition, and `evaluate`."""
        oracle = self.make()
        assert isinstance(oracle, Oracle)
        assert isinstance(oracle.properties, tuple)
        assert oracle.properties
        assert len(set(oracle.properties)) == len(oracle.properties)

    def test_nothing_gives_nothing(self) -> None:
        """No materials, no evaluations."""
        assert self.evaluate([]) == []

    def test_answers_are_physical_numbers_of_its_properties(self) -> None:
        """What is done has values of the declared properties, finite and within bounds, and a time."""
        oracle = self.make()
        for evaluation in oracle.evaluate(self.good):
            assert evaluation.status == "done", evaluation.error
            assert evaluation.values.keys() <= set(oracle.properties)
            assert objection(evaluation.values) is None
            assert evaluation.seconds >= 0

    def test_failures_say_why(self) -> None:
        """A material that cannot be answered is a failure with a reason, and no exception."""
        for evaluation in self.evaluate(self.bad):
            assert evaluation.status == "infeasible"
            assert evaluation.error
            assert not evaluation.values

    def test_a_bad_material_costs_no_other(self) -> None:
        """Among bad materials the good ones have the answers that they have alone, and the order is kept."""
        expected = [self.evaluate([material])[0] for material in self.good]
        mixed: list[Composition | Structure] = []
        for k, material in enumerate(self.good):
            mixed += [self.bad[k % len(self.bad)], material] if self.bad else [material]
        answers = self.evaluate(mixed)
        assert len(answers) == len(mixed)
        among = answers[1::2] if self.bad else answers
        assert all(self.same(a, b) for a, b in zip(expected, among, strict=True))

    def test_the_same_question_has_the_same_answer(self) -> None:
        """Asked twice, one oracle and a new one answer alike, and the order of a batch does not matter."""
        oracle = self.make()
        first, again = oracle.evaluate(self.good), oracle.evaluate(self.good)
        reverse = self.evaluate(list(reversed(self.good)))[::-1]
        assert all(self.same(a, b) for a, b in zip(first, again, strict=True))
        assert all(self.same(a, b) for a, b in zip(first, reverse, strict=True))

    def test_materials_are_left_as_they_were(self) -> None:
        """Evaluating changes no material."""
        before = [material.as_dict() for material in self.good]
        self.evaluate(self.good)
        assert [material.as_dict() for material in self.good] == before

    def test_answers_travel_between_processes(self) -> None:
        """Evaluations can be pickled."""
        for evaluation in self.evaluate([*self.good, *self.bad]):
            assert self.same(pickle.loads(pickle.dumps(evaluation)), evaluation)

    def test_screening_refuses_only_what_fails(self) -> None:
        """Where it screens: what it answers is admitted, and what it does not admit is infeasible."""
        oracle = self.make()
        if not isinstance(oracle, Screening):
            return
        assert oracle.admits([]) == []
        assert all(oracle.admits(self.good))
        for admitted, evaluation in zip(oracle.admits(self.bad), oracle.evaluate(self.bad), strict=True):
            assert admitted or evaluation.status == "infeasible"
