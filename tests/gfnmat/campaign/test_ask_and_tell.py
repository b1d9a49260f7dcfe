"""Suggestions for a person, and what a person tells."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.campaign.shortage import FewerSuggestionsWarning
from gfnmat.campaign.store import StoreError

Opener = Callable[..., Campaign]


def test_ask_and_tell(open_campaign: Opener) -> None:
    campaign = open_campaign()
    first = campaign.ask(4, fidelity="real")
    assert list(first.columns[:5]) == ["id", "formula", "fidelity", "replicate", "cost"]
    assert len(first) == 4
    assert set(first.fidelity) == {"real"}
    assert first.bulk_modulus_mean.isna().all()
    results = pd.DataFrame(
        {
            "id": first.id,
            "formula": first.formula,
            "bulk_modulus": [100.0, 150.0, None, 120.0],
            "density": [3.0, 4.0, None, 3.5],
            "status": ["done", "done", "infeasible", None],
        }
    )
    half = results[:2].assign(bulk_modulus=[100.0, None], density=[3.0, None], status=None)
    assert campaign.tell(half) == 1
    assert campaign.tell(results) == 3
    assert campaign.tell(results) == 0
    assert list(campaign.measurements().status) == ["done", "done", "infeasible", "done"]

    second = campaign.ask(3)
    assert second.bulk_modulus_mean.notna().all()
    assert (second.bulk_modulus_sd > 0).all()
    assert second.why.str.contains("expected improvement|to learn how far").all()
    assert not set(map(tuple, second[["formula", "fidelity"]].values)) & set(
        map(tuple, first[["formula", "fidelity"]].values)
    )
    assert campaign.status().outstanding == 3
    assert campaign.tell([{"id": int(second.id[0]), "status": "withdrawn"}]) == 1
    assert campaign.status().spent == pytest.approx(first.cost.sum() + second.cost[1:].sum())


def test_what_is_awaited_is_not_asked_for_again(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 100})
    asked = pd.concat([campaign.ask(5, fidelity="real") for _ in range(3)])
    assert not asked.formula.duplicated().any()


def test_the_loop_leaves_to_a_person_what_a_person_asked_for(open_campaign: Opener) -> None:
    campaign = open_campaign()
    asked = campaign.ask(2, fidelity="real")
    campaign.run()
    assert not set(asked.id) & set(campaign.measurements().id)
    assert campaign.status().outstanding == 2


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no row"),
        ([{"formula": "MgO", "density": 3.6}], "no column 'id'"),
        ([{"id": 1, "colour": 3.6}], "no column of a property"),
        ([{"id": 1, "bulk_modulus": 90, "densty": 3.6}], "did you mean density"),
        ([{"id": 99, "density": 3.6}], "id 99 was never suggested"),
        ([{"id": 1, "density": 3.6}, {"id": 1, "density": 3.7}], "stands twice"),
        ([{"id": 1, "density": "heavy"}], "not a number"),
        ([{"id": 1, "density": -3.0}], "allowed is"),
        ([{"id": 1, "density": float("inf")}], "allowed is"),
        ([{"id": 1, "density": 3.6, "status": "fine"}], "allowed are done"),
        ([{"id": 1, "density": None}], "no row of the results holds a value"),
        ([{"id": 1, "density": None, "status": "done"}], "has no value"),
        ([{"id": 1, "density": 3.6}, {"id": 2.5, "density": 3.6}], "not a whole number"),
    ],
)
def test_results_that_cannot_be_kept_are_refused_whole(
    open_campaign: Opener, rows: list[dict[str, Any]], reason: str
) -> None:
    campaign = open_campaign()
    campaign.ask(2, fidelity="real")
    with pytest.raises(ValueError, match=reason):
        campaign.tell(rows)
    assert campaign.measurements().empty


def test_a_contradicting_result_is_a_conflict(open_campaign: Opener) -> None:
    campaign = open_campaign()
    number = int(campaign.ask(2, fidelity="real").id[0])
    campaign.tell([{"id": number, "density": 3.0}])
    with pytest.raises(StoreError, match="has been told already"):
        campaign.tell([{"id": number + 1, "density": 4.0}, {"id": number, "density": 3.1}])
    assert list(campaign.measurements().id) == [number]


def test_a_person_who_is_faster_than_the_loop_is_heard(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 20, "rounds": 1})
    oracle = campaign._ladder._oracles[1]
    slow, told = oracle.function, []

    def overtaken(materials: list[Any]) -> list[Any]:
        if not told:
            waiting = campaign.outstanding().query("fidelity == 'real'")
            told.append(int(waiting.id.iloc[0]))
            campaign.tell([{"id": told[0], "bulk_modulus": 1.0, "density": 1.0}])
        return slow(materials)

    oracle.function = overtaken
    campaign.run()
    measured = campaign.measurements().set_index("id")
    assert measured.bulk_modulus[told[0]] == 1.0
    assert campaign.status().outstanding == 0


def test_asks_use_up_no_rounds_and_the_loop_says_why_it_ends(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 20, "rounds": 2})
    for _ in range(3):
        campaign.ask(1)
    assert len(campaign.outstanding()) == 3
    assert campaign.run() == "all 2 rounds are done"
    assert len(campaign.rounds()) == 2
    assert "left of the budget" in open_campaign("other.db", budget={"cost": 8}).run()
    tiny = open_campaign("tiny.db", space={"elements": ["Li", "O"], "n_elements": [2, 2], "n_atoms": [2, 3]})
    assert "no candidate is left" in tiny.run()


def test_an_unknown_fidelity_names_those_there_are(open_campaign: Opener) -> None:
    with pytest.raises(ValueError, match="allowed are hint, real"):
        open_campaign().ask(1, fidelity="rael")


def test_an_ask_without_any_knowledge_gives_no_more_than_was_asked_for(open_campaign: Opener) -> None:
    first = open_campaign().ask(3)
    assert len(first) == 3
    assert set(first.fidelity) == {"real"}


def test_fewer_suggestions_than_asked_for_come_with_the_reason(open_campaign: Opener) -> None:
    campaign = open_campaign(budget={"cost": 3.5})
    with pytest.warns(FewerSuggestionsWarning, match=r"3 suggestions instead of 5: 3 of the budget of 3.5 is spent or"):
        found = campaign.ask(5, fidelity="real")
    assert len(found) == 3
    assert "raise budget: cost" in found.attrs["why_fewer"]
    tiny = {"elements": ["Li", "O"], "n_elements": [2, 2], "n_atoms": [2, 4]}
    with pytest.warns(FewerSuggestionsWarning, match="all else that was proposed was suggested before"):
        found = open_campaign("tiny.db", space=tiny).ask(50, fidelity="hint")
    assert 0 < len(found) < 50
    assert "why_fewer" not in open_campaign("plenty.db").ask(2).attrs


def test_what_is_awaited_is_listed_by_batch_and_fidelity(open_campaign: Opener) -> None:
    campaign = open_campaign()
    first, second = campaign.ask(2, fidelity="real"), campaign.ask(3, fidelity="hint")
    assert set(first.batch) != set(second.batch)
    assert list(campaign.outstanding(batch=int(first.batch[0])).id) == list(first.id)
    assert list(campaign.outstanding(fidelity="hint").id) == list(second.id)
    assert len(campaign.outstanding()) == 5
    with pytest.raises(ValueError, match="allowed are hint, real"):
        campaign.outstanding(fidelity="lab")


def test_two_people_who_ask_at_once_are_suggested_different_things(open_campaign: Opener) -> None:
    mine, other = open_campaign(), open_campaign()
    planner = mine._planner
    told = []

    class Overtaken:
        """Plans as before, and meanwhile another process asks for what this one is about to."""

        def plan(self, *arguments: Any, **settings: Any) -> Any:
            plan = planner.plan(*arguments, **settings)
            if not told:
                told.append(other.ask(4, fidelity="real"))
            return plan

    mine._planner = Overtaken()  # type: ignore[assignment]
    found = mine.ask(4, fidelity="real")
    assert len(found) == 4
    assert not set(found.formula) & set(told[0].formula)


def test_results_of_another_campaign_are_refused_by_name(open_campaign: Opener) -> None:
    other = open_campaign(name="other")
    number = int(other.ask(1, fidelity="real").id[0])
    mine = open_campaign()
    mine.ask(1, fidelity="real")
    with pytest.raises(ValueError, match=f"id {number} is of the campaign 'other'; tell it there"):
        mine.tell([{"id": number, "density": 3.0}])
    with pytest.raises(ValueError, match="id 99 was never suggested"):
        mine.tell([{"id": 99, "density": 3.0}])


def test_results_that_nobody_asked_for_are_learned_from_and_cost_nothing(open_campaign: Opener) -> None:
    campaign = open_campaign()
    awaited = campaign.ask(1, fidelity="real")
    known = pd.DataFrame(
        {
            "formula": ["MgO", "Li2O", awaited.formula[0], "MgO"],
            "bulk_modulus": [160.0, 80.0, 120.0, 150.0],
            "density": [3.6, 2.0, 3.0, 3.5],
            "note": ["", "old furnace", "", ""],
        }
    )
    done = campaign.import_results(known, source="handbook")
    assert (done.new, done.left_out) == (4, ())
    assert campaign.import_results(known, source="handbook").new == 0
    measured = campaign.measurements()
    assert sorted(measured.query("formula == 'MgO'").replicate) == [0, 1]
    assert measured.provenance.str.contains("source=handbook").all()
    assert campaign.status().spent == pytest.approx(1.0), "what was awaited is settled, the rest was paid elsewhere"
    assert campaign.outstanding().empty
    second = campaign.ask(2)
    assert second.bulk_modulus_mean.notna().all(), "what was imported is learned from"
    with pytest.raises(ValueError, match="NaCl"):
        campaign.import_results([{"formula": "NaCl", "density": 2.2}])
    left = campaign.import_results([{"formula": "NaCl", "density": 2.2}], skip_outside=True)
    assert left.new == 0
    assert "NaCl" in left.left_out[0]
    with pytest.raises(StoreError, match="contradicts"):
        campaign.import_results([{"formula": "Li2O", "density": 9.0}])
    assert campaign.import_results([{"formula": "Li2O", "density": 2.1}], correct=True).new == 1


def test_what_a_person_could_not_do_costs_nothing_and_is_suggested_again(open_campaign: Opener) -> None:
    tiny = {"elements": ["Li", "O"], "n_elements": [2, 2], "n_atoms": [2, 3]}
    campaign = open_campaign(space=tiny)
    first = campaign.ask(1, fidelity="real")
    campaign.tell([{"id": int(first.id[0]), "status": "retryable", "error": "the furnace broke"}])
    assert campaign.status().spent == 0
    again = campaign.ask(1, fidelity="real")
    assert list(again.formula) == list(first.formula)
    assert list(again.id) != list(first.id)
