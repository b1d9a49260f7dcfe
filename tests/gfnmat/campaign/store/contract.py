"""What every store promises; any other implementation can be run through `StoreContract`."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from gfnmat.campaign.records import Answer, Choice, Limits, Replicate, RoundRecord, Trust
from gfnmat.campaign.store import Store, StoreError, owner
from gfnmat.campaign.store.ledger import Balance
from tests.gfnmat.campaign.faults.clock import JumpingClock

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

    @pytest.fixture
    def owners(self) -> Iterator[list[str]]:
        both = [owner.take_up(), owner.take_up()]
        yield both
        for one in both:
            owner.retire(one)

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
        clock = JumpingClock()
        monkeypatch.setattr("gfnmat.campaign.store.clock.now", lambda connection: clock.timestamp())
        return clock

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
            store.issue([choice(f"Li{number + 1}O")], LADDER, record, state, number, asked=False)
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

    def test_what_is_claimed_is_leased_to_one_owner_until_the_lease_ends(
        self, store: Store, again: Callable[[], Store], owners: list[str], clock: JumpingClock
    ) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=False)
        mine, other = owners
        assert [s.id for s in store.claim(mine, 1, 1, 60.0)] == [first.id]
        assert [s.id for s in again().claim(other, 1, 8, 60.0)] == [second.id]
        assert again().claim(other, 1, 8, 60.0, but_not=[second.id]) == []
        clock.jump(50)
        store.renew(mine, 60.0)
        again().renew(other, 60.0)
        clock.jump(50)
        assert again().claim(other, 1, 8, 60.0, but_not=[second.id]) == []
        clock.jump(11)
        taken = again().claim(other, 1, 8, 60.0, but_not=[second.id])
        assert [(s.id, s.attempts) for s in taken] == [(first.id, 2)]

    def test_what_was_never_tried_comes_together_and_what_was_comes_alone(
        self, store: Store, owners: list[str]
    ) -> None:
        pairs = [choice(f"Li{n}O") for n in range(2, 7)]
        issued = store.issue(pairs, LADDER, None, None, 0, asked=False)
        mine = owners[0]
        tried = store.claim(mine, 1, 2, 60.0)
        assert [(s.id, s.attempts) for s in tried] == [(s.id, 1) for s in issued[:2]]
        store.release(mine, [s.id for s in tried], counted=True)
        at_work: list[int] = []
        for number in (issued[0].id, issued[1].id):  # in the order in which they were issued, as before
            again = store.claim(mine, 1, 8, 60.0, at_work)
            assert [(s.id, s.attempts) for s in again] == [(number, 2)]
            at_work.append(number)
        assert [s.id for s in store.claim(mine, 1, 8, 60.0, at_work)] == [s.id for s in issued[2:]]
        store.release(mine, [issued[0].id], counted=False)
        at_work = [s.id for s in issued[1:]]
        assert [(s.id, s.attempts) for s in store.claim(mine, 1, 8, 60.0, at_work)] == [(issued[0].id, 2)]

    def test_a_claim_whose_commit_was_not_known_gives_the_same_again(self, store: Store, owners: list[str]) -> None:
        issued = store.issue([choice(), choice("Li2O"), choice("CaO")], LADDER, None, None, 0, asked=False)
        first = store.claim(owners[0], 1, 2, 60.0)
        assert store.claim(owners[0], 1, 2, 60.0) == first, "neither more, nor another attempt"
        assert [s.id for s in store.claim(owners[1], 1, 8, 60.0)] == [issued[2].id]

    def test_only_what_the_loop_issued_and_nobody_told_is_claimed(self, store: Store, owners: list[str]) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        (low,) = store.issue([choice(rung=0)], LADDER, None, None, 0, asked=False)
        (told,) = store.issue([choice("Li2O")], LADDER, None, None, 0, asked=False)
        store.tell({told.id: Answer("done", {"density": 2.0})})
        assert store.claim(owners[0], 1, 8, 60.0) == []
        assert [s.id for s in store.claim(owners[0], 0, 8, 60.0)] == [low.id]

    def test_what_an_owner_held_that_is_gone_is_free_at_once(self, store: Store, owners: list[str]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=False)
        store.claim(owners[0], 1, 1, 1e6)
        assert store.claim(owners[1], 1, 1, 60.0) == []
        owner.retire(owners[0])
        assert [s.id for s in store.claim(owners[1], 1, 1, 60.0)] == [issued.id]

    def test_a_late_answer_of_who_lost_the_lease_is_kept(self, store: Store, owners: list[str]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=False)
        store.claim(owners[0], 1, 1, 60.0)
        owner.retire(owners[0])
        store.claim(owners[1], 1, 1, 60.0)
        answer = Answer("done", {"density": 3.58})
        assert store.tell({issued.id: answer}) == 1
        assert store.tell({issued.id: answer}) == 0
        assert store.claim(owners[1], 1, 1, 60.0) == []

    def test_budget_is_reserved_with_the_issue_and_settled_with_the_answer(self, store: Store) -> None:
        pairs = [choice(f"Li{n}O") for n in range(2, 7)]  # 1.5 each
        issued = store.issue(pairs, LADDER, None, None, 0, asked=True, limits=Limits(cost=6.1))
        assert len(issued) == 4
        assert store.balance() == Balance(6.0, 0.0)
        statuses = ("done", "infeasible", "withdrawn", "retryable")
        for one, status in zip(issued, statuses, strict=True):
            store.tell({one.id: Answer(status, {"density": 1.0} if status == "done" else {})})
        assert store.balance() == Balance(0.0, 3.0)
        store.tell({issued[2].id: Answer("done", {"density": 2.0})})  # late
        assert store.balance() == Balance(0.0, 4.5)
        store.tell({issued[0].id: Answer("withdrawn")}, correct=True)
        assert store.balance() == Balance(0.0, 3.0)
        assert len(store.issue(pairs[4:], LADDER, None, None, 0, asked=True, limits=Limits(cost=6.1))) == 1
        assert store.issue([choice("MgO")], LADDER, None, None, 0, asked=True, limits=Limits(cost=4.6)) == []

    def test_no_round_is_kept_of_which_nothing_may_be_issued(self, store: Store) -> None:
        record = RoundRecord(round=0, seconds=0, pool=1, distinct=1)
        store.issue([choice()], LADDER, record, b"a", 0, asked=False, limits=Limits(rounds=1))
        assert store.issue([choice("Li2O")], LADDER, record, b"b", 1, asked=False, limits=Limits(rounds=1)) == []
        assert store.issue([choice()], LADDER, record, b"b", 1, asked=False) == []
        assert store.count_rounds() == len(store.rounds()) == 1
        assert store.proposer_state() == b"a"

    def test_what_is_new_can_be_read_by_itself(self, store: Store, again: Callable[[], Store]) -> None:
        first, second = store.issue([choice(), choice("Li2O")], LADDER, None, None, 0, asked=True)
        store.tell({second.id: Answer("done", {"density": 1.0})})
        ((place, number, _),) = store.answers()
        assert number == second.id
        store.tell({first.id: Answer("done", {"density": 2.0})})
        store.tell({second.id: Answer("done", {"density": 3.0})}, correct=True)
        told = [(number, answer.values["density"]) for _, number, answer in again().answers(after=place)]
        assert told == [(first.id, 2.0), (second.id, 3.0)]
        assert [s.id for s in again().suggestions(after=first.id)] == [second.id]
        assert [m.suggestion.id for m in store.measurements([second.id])] == [second.id]
        assert store.counts() == {(1, "done"): 2}
        last = store.values(1, ["density", "band_gap"])
        assert last.suggestions.tolist() == [first.id, second.id]
        assert len(set(last.candidates.tolist())) == 2
        assert last.values[:, 0].tolist() == [2.0, 3.0]
        assert np.isnan(last.values[:, 1]).all()
        assert store.values(0, ["density"]).values.shape == (0, 1)

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

    def test_what_a_person_could_not_do_may_be_issued_again(self, store: Store) -> None:
        (asked,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        (own,) = store.issue([choice("Li2O")], LADDER, None, None, 0, asked=False)
        (lab,) = store.issue([choice("CaO")], LADDER, None, None, 0, asked=False, by_hand=[1])
        assert [s.origin for s in store.suggestions()] == ["asked", "loop", "laboratory"]
        store.tell({n.id: Answer("retryable", error="the furnace broke") for n in (asked, own, lab)})
        pairs = [choice(), choice("Li2O"), choice("CaO")]
        again = store.issue(pairs, LADDER, None, None, 0, asked=True)
        assert [s.choice.formula for s in again] == ["MgO", "CaO"]
        assert store.tell({asked.id: Answer("done", {"density": 3.5})}) == 1  # the first one after all

    def test_campaigns_in_one_place_do_not_mix(self, store: Store, reopened: Callable[[], Store]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("done", {"density": 3.5})})
        other = reopened()
        assert other.open("yours", {"seed": 1}, {}) is None
        (theirs,) = other.issue([choice()], LADDER, None, None, 0, asked=True)
        assert theirs.id != issued.id
        assert other.measurements() == []
        assert other.balance() == Balance(1.5, 0.0)
        with pytest.raises(StoreError, match="is of the campaign 'mine'"):
            other.tell({issued.id: Answer("done", {"density": 1.0})})
        assert [s.id for s in store.suggestions()] == [issued.id]

    def test_each_version_of_the_file_is_kept(self, store: Store, reopened: Callable[[], Store]) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        later = reopened()
        assert later.open("mine", {**IDENTITY, "budget": 9}, {"torch": "3"}) == IDENTITY
        assert len(later.files()) == 1, "reading keeps nothing"
        later.tell({issued.id: Answer("done", {"density": 3.5})})
        assert later.files() == [(IDENTITY, {"torch": "2.13"}), ({**IDENTITY, "budget": 9}, {"torch": "3"})]
        assert later.provenance() == {"torch": "2.13"}

    def test_another_campaign_that_was_started_meanwhile_under_the_same_name_is_refused(
        self, store: Store, reopened: Callable[[], Store]
    ) -> None:
        def check(kept: Mapping[str, Any]) -> None:
            raise StoreError(f"there is {kept}")

        late = reopened()
        late.open("mine", {"seed": 7}, {}, check)
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        with pytest.raises(StoreError, match=r"there is .*Li"):
            late.issue([choice("Li2O")], LADDER, None, None, 0, asked=True)
        assert len(store.suggestions()) == 1

    def test_texts_that_databases_refuse_are_kept_readably(self, store: Store) -> None:
        (issued,) = store.issue([replace(choice(), why="a\0b")], LADDER, None, None, 0, asked=True)
        store.tell({issued.id: Answer("infeasible", error="zero \0 and half \ud800", provenance={"a": "\0"})})
        told = store.measurements()[0].answer
        assert told.error == "zero \\0 and half \\ud800"

    def test_the_provenance_is_of_the_start(self, store: Store, again: Callable[[], Store]) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert again().provenance() == {"torch": "2.13"}

    def test_it_says_whose_it_is_once_something_is_kept(self, store: Store, reopened: Callable[[], Store]) -> None:
        assert reopened().open("mine", {"seed": 1}, {}) is None
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert reopened().open("mine", {"seed": 1}, {}) == IDENTITY
        assert reopened().open("yours", {"seed": 1}, {}) is None

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
