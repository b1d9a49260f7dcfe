"""The campaign file: what is wrong, where, and what is allowed."""

from pathlib import Path

import pytest

from gfnmat.campaign_file import load
from gfnmat.config import CampaignConfig, ConfigError

GOOD = """\
name: good
space:
  elements: [Li, O]
objectives:
  - {property: density, goal: minimize}
fidelities:
  - {name: only, oracle: pauling, cost: 1}
budget: {cost: 10}
"""


def test_defaults_fill_what_is_not_said(tmp_path: Path) -> None:
    config = load(_written(tmp_path, GOOD))
    assert config.space.n_elements == (2, 3)
    assert config.acquisition.batch_size == 8
    assert config.store_url == "sqlite:///runs/good/campaign.db"
    assert config.folder == tmp_path


def test_the_name_of_the_file_is_the_name_of_the_campaign(tmp_path: Path) -> None:
    assert load(_written(tmp_path, GOOD.replace("name: good\n", ""))).name == "campaign"


def test_a_mapping_is_as_good_as_a_file() -> None:
    content = {
        "space": {"elements": ["Li", "O"]},
        "objectives": [{"property": "density", "goal": "minimize"}],
        "fidelities": [{"name": "only", "oracle": "pauling", "cost": 1}],
        "budget": {"cost": 10},
    }
    assert load(content).problem.target.name == "only"


@pytest.mark.parametrize(
    ("old", "new", "reasons"),
    [
        ("elements:", "element:", ["line 3", "space.element is not a key", "did you mean elements"]),
        ("goal: minimize", "goal: minimise", ["line 5", "'minimise'", "minimize, maximize, target", "did you mean"]),
        ("cost: 1}", "cost: -1}", ["line 7", "cost is -1", "greater than 0"]),
        ("cost: 1}", "cost: nan}", ["line 7", "cost is 'nan'"]),
        ("cost: 10", "cost: 0.5", ["does not pay for the cheapest evaluation, only at 1"]),
        ("budget: {cost: 10}", "", ["budget is required and missing"]),
        ("budget:", "buget:", ["line 8", "buget is not a key", "did you mean budget"]),
        ("elements: [Li, O]", "elements: []", ["line 2", "elements is required and missing", "`fix`"]),
        ("elements: [Li, O]", "n_atoms: [1, two]", ["line 3", "n_atoms"]),
        ("elements: [Li, O]", "n_elements: [2, 2]", ["line 2", "elements is required and missing", "`fix`"]),
        ("elements: [Li, O]", "kind: cristal", ["line 3", "'cristal'", "crystal, table", "did you mean crystal"]),
        ("elements: [Li, O]", "kind: crystal", ["line 2", "elements is required and missing", "or one formula"]),
        ("space:", "space:\n  formula: TiO2", ["line 3", "formula is not a key here", "goes with kind: crystal"]),
        (
            "space:",
            "space:\n  kind: crystal\n  space_group: [136]",
            ["line 4", "space.space_group is not a key here", "did you mean space_groups"],
        ),
        ("space:", "space:\n  kind: crystal\n  chemistry: iconic", ["line 4", "ionic, any", "did you mean ionic"]),
        ("elements: [Li, O]", "kind: table", ["line 2", "path is required"]),
        ("elements: [Li, O]", "kind: tabel", ["line 3", "'tabel'", "did you mean table"]),
        ("elements: [Li, O]", "path: known.csv", ["line 3", "path is not a key here", "goes with kind: table"]),
        ("space:", "space:\n  kind: table\n  path: known.csv", ["line 5", "elements is not a key", "path, frame, key"]),
        ("budget:", "proposer: {kind: evolutionry}\nbudget:", ["line 8", "'evolutionry'", "did you mean evolutionary"]),
        ("budget:", "proposer: {kind: random, path: a.csv}\nbudget:", ["line 8", "path goes with kind: pool"]),
        (
            "budget:",
            "proposer: {reward: expected_improvement, optimism: 2}\nbudget:",
            ["line 8", "optimism goes with reward: upper_confidence_bound"],
        ),
        ("budget:", "proposer: {population: 9}\nbudget:", ["population goes with kind: evolutionary", "gflownet"]),
        ("budget:", "proposer: {kind: evolutionary, mutation: 2}\nbudget:", ["line 8", "mutation is 2"]),
        (
            "budget:",
            "surrogate: {kind: non}\nbudget:",
            ["line 8", "auto, multi_fidelity_gp, variational_gp, deep_kernel, none", "did you mean none"],
        ),
        ("goal: minimize", "goal: target", ["a window goes with the goal target"]),
        ("name: good", "name: [good", ["this is not YAML"]),
        ("name: good", "name: ../good", ["line 1", "name is '../good'"]),
        ("pauling, cost: 1}", "pauling, cost: 1}\n  - {name: only, oracle: pauling, cost: 2}", ["only named twice"]),
        ("pauling, cost: 1}", "pauling, cost: 1}\n  - {name: b, oracle: pauling, cost: 0.5}", ["cheapest first"]),
    ],
)
def test_a_fault_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, reasons: list[str]
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as refused:
        load(_written(tmp_path, GOOD.replace(old, new, 1)))
    for reason in ["campaign.yaml", *reasons]:
        assert reason in str(refused.value)


def test_a_space_of_crystals_takes_what_describes_crystals(tmp_path: Path) -> None:
    words = "kind: crystal\n  space_groups: [136, Fm-3m]\n  point_groups: [222, m-3m]\n  crystal_systems: [cubic]\n  "
    config = load(_written(tmp_path, GOOD.replace("elements:", words + "elements:")))
    assert config.space.settings == {
        "elements": ("Li", "O"), "n_elements": (2, 3), "n_atoms": (2, 12), "chemistry": "ionic", "require": (),
        "forbid": (), "consensus": 3, "commonality": "low", "space_groups": (136, "Fm-3m"),
        "crystal_systems": ("cubic",), "point_groups": ("222", "m-3m"), "centrings": (),
    }  # fmt: skip


def test_a_table_takes_the_place_of_all_that_builds(tmp_path: Path) -> None:
    config = load(_written(tmp_path, GOOD.replace("elements: [Li, O]", "{kind: table, path: known.csv}")))
    assert config.space.settings == {"path": "known.csv", "key": "formula", "require": (), "forbid": ()}
    assert CampaignConfig.model_validate(config.kept).identity == config.identity


def test_one_formula_takes_the_place_of_elements(tmp_path: Path) -> None:
    config = load(_written(tmp_path, GOOD.replace("elements: [Li, O]", "{kind: crystal, formula: TiO2}")))
    assert config.space.settings["formula"] == "TiO2"
    assert CampaignConfig.model_validate(config.kept).identity == config.identity


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(_written(tmp_path, GOOD.replace("elements", "element").replace("minimize", "small")))
    assert len(str(refused.value).splitlines()) >= 2


def test_a_missing_file_and_a_file_without_a_campaign_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigError, match="holds no campaign"):
        load(_written(tmp_path, "- 1\n- 2\n"))


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_text(text)
    return path


def test_an_acquisition_that_asks_a_surrogate_needs_one(tmp_path: Path) -> None:
    text = GOOD + "surrogate: {kind: none}\nacquisition: {kind: "
    assert load(_written(tmp_path, text + "random}\n")).surrogate.kind == "none"
    with pytest.raises(ConfigError, match=r"improvement asks a surrogate.*choose random, or auto"):
        load(_written(tmp_path, text + "improvement}\n"))
