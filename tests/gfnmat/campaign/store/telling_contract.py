"""What every store promises of what it is told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gfnmat.campaign.records import Answer, Replicate
from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign.store.ledger import Balance
from tests.gfnmat.campaign.store.opened import LADDER, MGO, OpenedStore, choice, crystal


class TellingContract(OpenedStore):
    """Answers, corrections, replicates, and what nobody asked for."""

    def test_what_was_told_is_there_for_the_next_process(self, store: Store, again: Callable[[], Store]) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=True)
        done = Answer("done", {"density": 3.58}, {"density": 0.01}, structure=MGO, seconds=2.5)
        failed = Answer("infeasible", error="it melts")
        assert store.tell({second.id: failed, first.id: done}) == 2
        kept = again().measurements()
        assert [m.suggestion for m in kept] == [first, second]
        assert [m.answer for m in kept] == [replace(done, structure=None), failed]
        assert again().structures() == {first.id: MGO}

    def test_telling_the_same_again_changes_nothing(self, store: Store) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        answer = Answer("done", {"density": 3.58}, seconds=2.5)
        assert store.tell({issued.id: answer}) == 1
        assert store.tell({issued.id: replace(answer, seconds=9.0)}) == 0
        assert [m.answer for m in store.measurements()] == [answer]

    @pytest.mark.parametrize("other", [Answer("done", {"density": 3.6}), Answer("infeasible", error="no")])
    def test_a_different_answer_is_a_conflict_and_nothing_of_the_batch_is_kept(
        self, store: Store, other: Answer
    ) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=True)
        store.tell({first.id: Answer("done", {"density": 3.58})})
        with pytest.raises(StoreError, match="has been told already"):
            store.tell({second.id: Answer("done", {"density": 2.0}), first.id: other})
        assert [m.suggestion.id for m in store.measurements()] == [first.id]

    def test_an_unknown_number_is_refused(self, store: Store) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        with pytest.raises(StoreError, match="never suggested"):
            store.tell({12345: Answer("done", {"density": 1.0})})

    def test_answers_that_nobody_asked_for_are_issued_with_themselves(
        self, store: Store, again: Callable[[], Store]
    ) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        found = [(replace(choice("CaO"), cost=0.0), Answer("done", {"density": 3.3})), (choice(), Answer("infeasible"))]
        assert store.add(found, LADDER) == 2
        assert again().add(found, LADDER) == 0
        kept = again().measurements()
        assert [(m.suggestion.choice.formula, m.answer.status) for m in kept] == [
            ("MgO", "infeasible"),
            ("CaO", "done"),
        ]
        assert [m.suggestion.origin for m in kept] == ["asked", "imported"]
        assert store.balance() == Balance(0.0, 1.5)
        contradicting = [(choice("BaO"), Answer("done", {"density": 5.0})), (choice("CaO"), Answer("infeasible"))]
        with pytest.raises(StoreError, match="contradicts"):
            store.add(contradicting, LADDER)
        assert len(store.suggestions()) == 2
        assert issued.id == kept[0].suggestion.id

    def test_texts_that_databases_refuse_are_kept_readably(self, store: Store) -> None:
        (issued,) = store.issue([replace(choice(), why="a\0b")], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("infeasible", error="zero \0 and half \ud800", provenance={"a": "\0"})})
        told = store.measurements()[0].answer
        assert told.error == "zero \\0 and half \\ud800"

    @pytest.mark.parametrize("first", [Answer("withdrawn"), Answer("retryable", error="power cut")])
    def test_a_late_answer_supersedes_that_there_was_none(self, store: Store, first: Answer) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: first})
        done = Answer("done", {"density": 3.58}, structure=MGO)
        assert store.tell({issued.id: done}) == 1
        assert [m.answer for m in store.measurements()] == [replace(done, structure=None)]
        assert store.structures() == {issued.id: MGO}

    def test_further_properties_complete_an_answer(self, store: Store) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("done", {"density": 3.58})})
        assert store.tell({issued.id: Answer("done", {"density": 3.58, "bulk_modulus": 160.0})}) == 1
        assert store.measurements()[0].answer.values == {"density": 3.58, "bulk_modulus": 160.0}
        assert store.tell({issued.id: Answer("done", {"density": 3.58})}) == 0, "a part of it is nothing new"
        with pytest.raises(StoreError, match="contradicts"):
            store.tell({issued.id: Answer("done", {"density": 3.6})})

    def test_further_properties_told_by_themselves_join_those_that_were_told(self, store: Store) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("done", {"density": 3.58}, {"density": 0.1}, provenance={"measured_by": "Ada"})})
        assert store.tell({issued.id: Answer("done", {"bulk_modulus": 160.0}, provenance={"note": "hot"})}) == 1
        kept = store.measurements()[0].answer
        assert kept.values == {"density": 3.58, "bulk_modulus": 160.0}
        assert kept.errors == {"density": 0.1}
        assert kept.provenance == {"measured_by": "Ada", "note": "hot"}
        assert store.tell({issued.id: Answer("done", {"bulk_modulus": 150.0})}, correct=True) == 1
        assert store.measurements()[0].answer.values == {"density": 3.58, "bulk_modulus": 150.0}, "and no other one"
        assert len(store.answers()) == 3

    def test_standard_errors_reasons_and_notes_can_be_corrected(self, store: Store) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=True)
        store.tell({first.id: Answer("done", {"density": 3.58}, {"density": 9.0})})
        store.tell({second.id: Answer("infeasible", error="it melts")})
        better = {
            first.id: Answer("done", {"density": 3.58}),
            second.id: Answer("infeasible", error="it burns", provenance={"note": "in air"}),
        }
        assert store.tell(better, correct=True) == 2
        assert store.tell(better, correct=True) == 0
        kept = [m.answer for m in store.measurements()]
        assert kept[0].errors == {}
        assert (kept[1].error, kept[1].provenance) == ("it burns", {"note": "in air"})

    def test_what_completes_an_answer_leaves_its_structure(self, store: Store) -> None:
        first, second = store.issue([crystal("MgO|1"), crystal("MgO|2")], LADDER, None, None, 0, asked=True)
        store.tell({first.id: Answer("done", {"density": 3.58}, structure=MGO)})
        store.tell({second.id: Answer("done", {"density": 3.58}, structure=MGO, duplicate_of=first.id)})
        more = Answer("done", {"density": 3.58, "bulk_modulus": 160.0})
        assert store.tell({second.id: more}) == 1
        assert store.structures() == {first.id: MGO, second.id: MGO}
        assert store.measurements()[1].answer == replace(more, duplicate_of=first.id)
        store.tell({second.id: Answer("done", {"density": 3.0})}, correct=True)
        assert store.structures() == {first.id: MGO}
        assert store.measurements()[1].answer.duplicate_of is None

    def test_a_correction_supersedes(self, store: Store, again: Callable[[], Store]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("done", {"density": 35.8})})
        assert store.tell({issued.id: Answer("done", {"density": 3.58})}, correct=True) == 1
        assert [m.answer.values for m in again().measurements()] == [{"density": 3.58}]

    def test_a_replicate_that_was_not_issued_is_issued_with_its_answer(
        self, store: Store, again: Callable[[], Store]
    ) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=False)
        first, other = Answer("done", {"density": 3.58}), Answer("done", {"density": 3.2}, {"density": 0.1})
        assert store.tell({issued.id: first, Replicate(issued.id, 1): other}) == 2
        kept = again().measurements()
        assert [m.answer for m in kept] == [first, other]
        assert [m.suggestion.choice.replicate for m in kept] == [0, 1]
        assert kept[1].suggestion.choice.cost == issued.choice.cost
        assert kept[1].suggestion.asked
        assert store.tell({Replicate(issued.id, 1): other, Replicate(kept[1].suggestion.id, 0): first}) == 0
        assert len(store.suggestions()) == 2

    def test_a_correction_of_a_replicate_is_no_other_replicate(self, store: Store) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        told = {issued.id: Answer("done", {"density": 3.5}), Replicate(issued.id, 1): Answer("done", {"density": 9.0})}
        store.tell(told)
        contradicting = {Replicate(issued.id, 1): Answer("done", {"density": 3.6})}
        with pytest.raises(StoreError, match="contradicts it, and nothing was written"):
            store.tell({**contradicting, Replicate(issued.id, 2): Answer("done", {"density": 3.7})})
        assert len(store.suggestions()) == 2
        assert store.tell(contradicting, correct=True) == 1
        assert [m.answer.values["density"] for m in store.measurements()] == [3.5, 3.6]

    def test_a_replicate_of_what_was_never_suggested_is_refused(self, store: Store) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        with pytest.raises(StoreError, match="never suggested"):
            store.tell({Replicate(12345, 1): Answer("done", {"density": 1.0})})

    def test_standard_errors_complete_an_answer(self, store: Store) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("done", {"density": 3.58})})
        assert store.tell({issued.id: Answer("done", {"density": 3.58}, {"density": 0.1})}) == 1
        assert store.tell({issued.id: Answer("done", {"density": 3.58})}) == 0
        assert store.measurements()[0].answer.errors == {"density": 0.1}
