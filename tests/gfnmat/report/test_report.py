import pytest
from fake_campaign import CRYSTALS, ONE_OBJECTIVE, FakeCampaign, config, measured

from gfnmat.report.comparison import common_cost, verdicts
from gfnmat.report.failures import reasons
from gfnmat.report.report import collect


def single(name, *rows):
    return FakeCampaign(config(name, ONE_OBJECTIVE), rows)


def verdict(subject, other):
    (sentence,) = verdicts(collect(subject, [other]))
    return sentence


def test_only_feasible_results_at_the_target_count():
    data = collect(FakeCampaign()).subject
    assert data.counting["formula"].tolist() == ["BeO", "LiBO2", "B2O3", "BeB2O4"]
    assert data.front["formula"].tolist() == ["BeO", "LiBO2", "B2O3"]


def test_a_result_without_an_objective_does_not_count():
    data = collect(FakeCampaign(rows=(measured("BeO", 210, None), measured("BN", 100, 2.0)))).subject
    assert data.counting["formula"].tolist() == ["BN"]


def test_a_material_that_was_measured_before_counts_once():
    data = collect(FakeCampaign(rows=CRYSTALS)).subject
    assert data.counting["id"].tolist() == [1, 2]
    assert data.front["id"].tolist() == [1, 2]
    assert data.spent == pytest.approx(4.0)
    assert list(data.structures) == ["BeO-1"]


def test_cost_so_far_counts_cheap_rungs_and_failures_but_nothing_withdrawn():
    data = collect(FakeCampaign()).subject
    expected = [0.1, 1.1, 2.1, 3.1, 4.1, 5.1, 6.1, 7.1, 7.1]
    assert data.measurements["running_cost"].tolist() == pytest.approx(expected)
    assert data.spent == pytest.approx(7.1)


def test_names_are_made_distinct():
    data = collect(FakeCampaign(), [FakeCampaign(), FakeCampaign(config("other"))])
    assert [campaign.label for campaign in data.campaigns] == ["stiff", "stiff (2)", "other"]


def test_campaigns_with_other_objectives_are_refused():
    with pytest.raises(ValueError, match="other has other objectives"):
        collect(FakeCampaign(), [single("other", measured("BN", 1, 1))])


def test_campaigns_without_measurements_are_refused():
    with pytest.raises(ValueError, match="run it first"):
        collect(FakeCampaign(), [FakeCampaign(config("other"), ())])


def test_the_subject_wins():
    sentence = verdict(single("a", measured("BN", 300, 3)), single("b", measured("BeO", 200, 3)))
    assert sentence.startswith("At the same cost of 1, a has a best bulk modulus of 300 GPa and b of 200 GPa:")
    assert "a is better by 100 GPa (50 %)" in sentence


def test_the_other_wins():
    assert "b is better by 100 GPa" in verdict(
        single("a", measured("BeO", 200, 3)), single("b", measured("BN", 300, 3))
    )


def test_a_tie_is_called_one():
    assert "they tie" in verdict(single("a", measured("BN", 300, 3)), single("b", measured("BeO", 300.001, 3)))


def test_what_was_found_at_greater_cost_does_not_help():
    late = single("a", measured("BeO", 200, 3), measured("BN", 400, 3))
    early = single("b", measured("B2O3", 300, 3))
    assert common_cost(collect(late, [early])) == 1.0
    assert "b is better by 100 GPa" in verdict(late, early)


def test_nothing_found_loses():
    nothing = single("b", measured("BN", 300, 3, formation_energy=0.2))
    assert "b has none: a is better" in verdict(single("a", measured("BeO", 200, 3)), nothing)
    assert "neither b nor b (2)" in verdict(nothing, nothing)


def test_several_objectives_are_compared_by_hypervolume():
    better = FakeCampaign(config("a"), (measured("BN", 300, 2), measured("LiBO2", 200, 1)))
    worse = FakeCampaign(config("b"), (measured("BeO", 250, 2.5), measured("B2O3", 100, 3)))
    sentence = verdict(better, worse)
    assert "a reaches a hypervolume of" in sentence
    assert "a is better by" in sentence
    assert "The Pareto set of a has 2 members, that of b 1 member." in sentence
    assert "a is better by" in verdict(worse, better)
    assert "they tie" in verdict(better, better)


def test_failures_that_differ_in_numbers_and_formula_are_one_kind():
    kinds = reasons(collect(FakeCampaign()).subject.measurements)
    assert [(kind.status, kind.count) for kind in kinds] == [("infeasible", 2), ("withdrawn", 1)]
    assert kinds[0].example == "no relaxation of Li3N after 200 steps"
