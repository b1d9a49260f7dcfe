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
from oracles.oracle import Inspecting, Oracle, Screening
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
            undeclared = evaluation.values.keys() - set(oracle.properties)
            assert not undeclared, f"not among its properties: {', '.join(sorted(undeclared))}"
            assert objection(evaluation.values) is None
            assert evaluation.seconds >= 0

    def test_answers_say_what_they_were_computed_by(self) -> None:
        """Every answer, done or not, has a provenance of names and texts, and asking again gives the same."""
        oracle = self.make()
        found = oracle.evaluate([*self.good, *self.bad])
        for evaluation in found:
            assert evaluation.provenance, f"{evaluation.status} without provenance"
            assert all(isinstance(text, str) for item in evaluation.provenance.items() for text in item)
        done = [evaluation.provenance for evaluation in found if evaluation.status == "done"]
        again = [evaluation.provenance for evaluation in oracle.evaluate(self.good)]
        assert done == again

    def test_failures_say_why(self) -> None:
        """A material that cannot be answered is a failure with a reason, and no exception."""
        for evaluation in self.evaluate(self.bad):
            assert evaluation.status == "infeasible", evaluation.error
            assert evaluation.error
            assert not evaluation.values

    def test_a_bad_material_costs_no_other(self) -> None:
        """Among bad materials the good ones have the answers that they have alone, and the order is kept."""
        expected = [self.evaluate([material])[0] for material in self.good]
        among = self._among_bad()
        others = sum(not self.same(a, b) for a, b in zip(expected, among, strict=True))
        assert not others, f"{others} of {len(expected)} answers are others than alone"

    def test_a_bad_material_takes_no_other_along(self) -> None:
        """Among bad materials the good ones are answered, whatever the answer."""
        lost = [evaluation.error for evaluation in self._among_bad() if evaluation.status != "done"]
        assert not lost, f"{len(lost)} of {len(self.good)} are not answered, the first with: {lost[0]}"

    def _among_bad(self) -> list[Evaluation]:
        """Return the answers to the good materials where each follows a bad one."""
        mixed: list[Composition | Structure] = []
        for k, material in enumerate(self.good):
            mixed += [self.bad[k % len(self.bad)], material] if self.bad else [material]
        answers = self.evaluate(mixed)
        assert len(answers) == len(mixed), f"{len(mixed)} materials and {len(answers)} answers"
        return answers[1::2] if self.bad else answers

    def test_the_same_question_has_the_same_answer(self) -> None:
        """Asked twice, one oracle and a new one answer alike."""
        oracle = self.make()
        first = oracle.evaluate(self.good)
        for again in (oracle.evaluate(self.good), self.evaluate(self.good)):
            others = sum(not self.same(a, b) for a, b in zip(first, again, strict=True))
            assert not others, f"{others} of {len(first)} answers are others the second time"

    def test_the_order_of_a_batch_does_not_matter(self) -> None:
        """The same materials in reverse order have the same answers."""
        forward, reverse = self.evaluate(self.good), self.evaluate(list(reversed(self.good)))[::-1]
        others = sum(not self.same(a, b) for a, b in zip(forward, reverse, strict=True))
        assert not others, f"{others} of {len(forward)} answers are others in reverse order"

    def test_what_is_not_accepted_is_infeasible(self) -> None:
        """A crystal that the oracle refuses as it is has no answer."""
        from pymatgen.core import Structure

        oracle = self.make()
        if not isinstance(oracle, Inspecting):
            return
        crystals = [material for material in [*self.good, *self.bad] if isinstance(material, Structure)]
        for accepted, evaluation in zip(oracle.accepts(crystals), self.evaluate(crystals), strict=True):
            assert accepted or evaluation.status == "infeasible", "a crystal that is not accepted is answered"

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
