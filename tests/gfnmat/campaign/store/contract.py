"""What every store promises; any other implementation can be run through `StoreContract`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pymatgen.core import Lattice, Structure

from gfnmat.campaign.records import Answer, Choice, Replicate, RoundRecord, Trust
from gfnmat.campaign.store import Store, StoreError

LADDER = ["cheap", "dear"]
IDENTITY = {"seed": 0, "space": {"elements": ["Li", "O"]}}
MGO = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def choice(formula: str = "MgO", rung: int = 1) -> Choice:
    return Choice(formula, formula, rung, cost=1.5, means={"density": 3.5}, sds={"density": 0.2}, why="it looks light")


def crystal(key: str, structure: Structure | None = MGO) -> Choice:
    return replace(choice(), key=key, space_group="Fm-3m", structure=structure)


class StoreContract:
    """Subclass it with a fixture `reopened`: each call opens the same place anew."""

    @pytest.fixture
    def store(self, reopened: Callable[[], Store]) -> Store:
        opened = reopened()
        opened.open("mine", IDENTITY, {"torch": "2.13"})
        return opened

    @pytest.fixture
    def again(self, reopened: Callable[[], Store]) -> Callable[[], Store]:
        def open_again() -> Store:
            opened = reopened()
            opened.open("mine", IDENTITY, {"torch": "a later one"})
            return opened

        return open_again

    def test_a_new_store_is_empty(self, store: Store) -> None:
        assert store.suggestions() == []
        assert store.measurements() == []
        assert store.rounds() == []
        assert store.structures() == {}
        assert store.proposed_structures() == {}
        assert store.proposer_state() is None

    def test_what_was_issued_is_there_for_the_next_process(self, store: Store, again: Callable[[], Store]) -> None:
        trust = (Trust("x", "real", 9, 0.2, 0.1, 0.9, None), Trust("y", "real", 9, 2.0, 1.0, 0.8, 0.7))
        record = RoundRecord(round=0, seconds=1.0, pool=10, distinct=0.5, loss=0.1, log_z=2.0, trust=trust)
        issued = store.issue([choice(), choice("Li2O", 0)], LADDER, record, b"weights", 0, asked=False)
        assert [s.id for s in issued] == sorted({s.id for s in issued})
        assert [s.choice for s in issued] == [choice(), choice("Li2O", 0)]
        assert again().suggestions() == issued
        assert again().rounds() == [record]
        assert again().proposer_state() == b"weights"

    def test_the_proposer_stands_as_after_the_last_round(self, store: Store) -> None:
        for number, state in enumerate([b"first", b"second", b"third"]):
            record = RoundRecord(round=number, seconds=0, pool=1, distinct=1)
            store.issue([choice()], LADDER, record, state, number, asked=False)
        assert store.proposer_state() == b"third"
        assert [record.round for record in store.rounds()] == [0, 1, 2]

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

    def test_attempts_are_counted(self, store: Store) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=False)
        store.count_attempt([first.id])
        store.count_attempt([first.id, second.id])
        assert [s.attempts for s in store.suggestions()] == [2, 1]

    def test_the_provenance_is_of_the_start(self, store: Store, again: Callable[[], Store]) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert again().provenance() == {"torch": "2.13"}

    def test_it_says_whose_it_is_once_something_is_kept(self, store: Store, reopened: Callable[[], Store]) -> None:
        assert reopened().open("yours", {"seed": 1}, {}) is None
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert reopened().open("yours", {"seed": 1}, {}) == ("mine", IDENTITY)

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
        with pytest.raises(StoreError, match="contradicts"):
            store.tell({issued.id: Answer("done", {"density": 3.58})})

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

    def test_a_pair_is_issued_once_unless_it_was_withdrawn(self, store: Store, again: Callable[[], Store]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert again().issue([choice()], LADDER, None, None, 0, asked=True) == []
        assert len(again().issue([choice(rung=0)], LADDER, None, None, 0, asked=True)) == 1
        store.tell({issued.id: Answer("withdrawn")})
        assert len(store.issue([choice()], LADDER, None, None, 0, asked=True)) == 1

    def test_each_replicate_of_a_pair_is_issued_once(self, store: Store, again: Callable[[], Store]) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        second = replace(choice(), replicate=1)
        (issued,) = store.issue([second], LADDER, None, None, 0, asked=False)
        assert issued.choice == second
        assert again().issue([choice(), second], LADDER, None, None, 0, asked=False) == []
        store.tell({issued.id: Answer("withdrawn")})
        assert [s.choice for s in again().issue([choice(), second], LADDER, None, None, 0, asked=False)] == [second]

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

    def test_two_that_start_at_once_share_one_store(self, store: Store, again: Callable[[], Store]) -> None:
        other = again()  # opened before anything was kept
        record = RoundRecord(round=0, seconds=0, pool=1, distinct=1)
        store.issue([choice()], LADDER, record, b"a", 0, asked=False)
        other.issue([choice("Li2O")], LADDER, record, b"b", 0, asked=False)
        assert [r.round for r in store.rounds()] == [0, 1]
        assert [s.choice.formula for s in other.suggestions()] == ["MgO", "Li2O"]

    def test_crystals_of_one_formula_are_told_apart_by_their_keys(
        self, store: Store, again: Callable[[], Store]
    ) -> None:
        pair = [crystal("MgO|225|one"), crystal("MgO|225|other")]
        issued = store.issue(pair, LADDER, None, None, 0, asked=True)
        assert [s.choice for s in issued] == [replace(one, structure=None) for one in pair]
        assert again().suggestions() == issued
        assert store.issue(pair, LADDER, None, None, 0, asked=True) == []

    def test_a_structure_is_kept_as_it_was_proposed_and_as_it_was_judged(
        self, store: Store, again: Callable[[], Store]
    ) -> None:
        first, second, third = store.issue(
            [crystal("MgO|225|one"), crystal("MgO|225|other"), choice()], LADDER, None, None, 0, asked=True
        )
        relaxed = MGO.copy().scale_lattice(70.0)
        store.tell({first.id: Answer("done", {"density": 3.8}, structure=relaxed)})
        store.tell({second.id: Answer("done", {"density": 3.8}, structure=relaxed, duplicate_of=first.id)})
        store.tell({third.id: Answer("done", {"density": 3.8})})
        assert again().proposed_structures() == {first.id: MGO, second.id: MGO}
        assert again().structures() == {first.id: relaxed, second.id: relaxed}
        assert again().structures([second.id, third.id]) == {second.id: relaxed}
        assert again().structures([]) == {}
        assert [m.answer.duplicate_of for m in again().measurements()] == [None, first.id, None]

    @pytest.mark.slow
    def test_many_threads_issue_each_pair_once_and_keep_every_answer(
        self, store: Store, again: Callable[[], Store]
    ) -> None:
        formulas = [f"Li{n}O" for n in range(2, 42)]
        store.issue([choice()], LADDER, None, None, 0, asked=True)

        def work(_: int) -> None:
            mine = again()
            for formula in formulas:
                for issued in mine.issue([choice(formula)], LADDER, None, None, 0, asked=True):
                    mine.tell({issued.id: Answer("done", {"density": 1.0})})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        issued = [s.choice.formula for s in store.suggestions()]
        assert sorted(issued) == sorted(["MgO", *formulas])
        assert len(store.measurements()) == len(formulas)
