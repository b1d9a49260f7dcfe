"""Campaigns that replay a table: its formulas are the space, and its columns the answers."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.config import ConfigError

ROWS = pd.DataFrame(
    [
        (f"{metal}{m}{anion}{a}", 10.0 * m - a + len(metal), "seen")
        for metal in ("Li", "Na", "K", "Mg", "Ti", "Al")
        for anion in ("O", "F", "S")
        for m, a in ((1, 1), (1, 2), (2, 3))
    ],
    columns=["name", "hardness", "note"],
)
FILE = """\
space: {kind: table, path: data/known.csv, key: name}
objectives: [{property: hardness, goal: maximize}]
fidelities: [{name: dft, oracle: table, path: data/known.csv, key: name, columns: [hardness], cost: 1}]
proposer: {pool: 60, trajectories: 256}
acquisition: {batch_size: 8}
budget: {cost: 32}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    ROWS.to_csv(tmp_path / "data/known.csv", index=False)
    path = tmp_path / "replay.yaml"
    path.write_text(FILE)
    return path


def content(**changes: Any) -> dict[str, Any]:
    return {
        "space": {"kind": "table", "frame": ROWS, "key": "name"},
        "objectives": [{"property": "hardness", "goal": "maximize"}],
        "fidelities": [
            {"name": "dft", "oracle": "table", "frame": ROWS, "key": "name", "columns": ["hardness"], "cost": 1}
        ],
        "proposer": {"pool": 60, "trajectories": 256},
        "acquisition": {"batch_size": 8},
        "budget": {"cost": 32},
        **changes,
    }


def test_a_file_beside_the_campaign_is_replayed(file: Path, tmp_path: Path) -> None:
    campaign = Campaign.open(file, store=f"sqlite:///{tmp_path / 'a.db'}")
    campaign.run()
    told = campaign.measurements()
    assert len(told) == 32
    assert told["formula"].is_unique
    assert (told["status"] == "done").all()
    known = {campaign.space.encode([name]).keys[0]: value for name, value in zip(ROWS.name, ROWS.hardness, strict=True)}
    assert [known[formula] for formula in told["formula"]] == told["hardness"].tolist()
    assert campaign.status().best == {"hardness": ROWS.hardness.max()}
    again = Campaign.open(file, store=f"sqlite:///{tmp_path / 'a.db'}")
    assert again.status().spent == 32


def test_a_data_frame_is_as_good_as_a_file(file: Path, tmp_path: Path) -> None:
    runs = [
        Campaign.open(source, store=f"sqlite:///{tmp_path / name}")
        for source, name in ((file, "file.db"), (content(), "frame.db"))
    ]
    for run in runs:
        run.run()
    assert runs[0].measurements()["formula"].tolist() == runs[1].measurements()["formula"].tolist()


def test_a_pool_is_the_whole_table_unless_a_file_is_named(tmp_path: Path) -> None:
    changes = {"proposer": {"kind": "pool"}, "surrogate": {"kind": "none"}, "budget": {"cost": 100}}
    campaign = Campaign.open(content(**changes), store=f"sqlite:///{tmp_path / 'pool.db'}")
    campaign.run()
    assert sorted(campaign.measurements()["formula"]) == sorted(campaign.space.enumerate().formulas)


def test_a_table_that_is_not_there_is_named(file: Path) -> None:
    file.write_text(FILE.replace("path: data/known.csv", "path: data/unknown.csv", 1))
    with pytest.raises(ConfigError, match=r"replay\.yaml: space: table: no file .*data/unknown\.csv"):
        Campaign.open(file)


def test_a_column_that_is_not_there_is_named(file: Path) -> None:
    file.write_text(FILE.replace("key: name", "key: formula", 1))
    with pytest.raises(ConfigError, match=r"space: the table .* has no column 'formula'; it has: name, hardness"):
        Campaign.open(file)
