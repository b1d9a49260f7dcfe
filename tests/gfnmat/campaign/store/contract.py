"""What every store promises; any other implementation can be run through `StoreContract`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from gfnmat.campaign.records import Answer
from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign.store.ledger import Balance
from tests.gfnmat.campaign.store.issuing_contract import IssuingContract
from tests.gfnmat.campaign.store.opened import IDENTITY, LADDER, MGO, choice, crystal
from tests.gfnmat.campaign.store.telling_contract import TellingContract


class StoreContract(IssuingContract, TellingContract):
    """Subclass it with a fixture `reopened`: each call opens the same place anew."""

    def test_a_new_store_is_empty(self, store: Store) -> None:
        assert store.suggestions() == []
        assert store.measurements() == []
        assert store.rounds() == []
        assert store.structures() == {}
        assert store.proposed_structures() == {}
        assert store.proposer_state() is None

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

    def test_the_provenance_is_of_the_start(self, store: Store, again: Callable[[], Store]) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert again().provenance() == {"torch": "2.13"}

    def test_it_says_whose_it_is_once_something_is_kept(self, store: Store, reopened: Callable[[], Store]) -> None:
        assert reopened().open("mine", {"seed": 1}, {}) is None
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert reopened().open("mine", {"seed": 1}, {}) == IDENTITY
        assert reopened().open("yours", {"seed": 1}, {}) is None

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
