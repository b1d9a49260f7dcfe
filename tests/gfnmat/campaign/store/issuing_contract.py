"""What every store promises of what it issues and leases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gfnmat.campaign.records import Answer, Limits, RoundRecord, Trust
from gfnmat.campaign.store import Store, owner
from gfnmat.campaign.store.ledger import Balance
from tests.gfnmat.campaign.faults.clock import JumpingClock
from tests.gfnmat.campaign.store.opened import LADDER, OpenedStore, choice, crystal


class IssuingContract(OpenedStore):
    """Issues, budget, rounds and leases."""

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
