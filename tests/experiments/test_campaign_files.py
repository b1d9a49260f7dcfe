"""The campaign files that come along can be read, and describe what can be run."""

from pathlib import Path

import pytest

from gfnmat.campaign.execution.executors import Executors
from gfnmat.campaign_file import load

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
FILES = sorted([*EXPERIMENTS.glob("*.yaml"), *EXPERIMENTS.glob("executors/*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_campaign_file_is_valid_and_so_are_its_executors(path: Path) -> None:
    config = load(path)
    with Executors(config, here=lambda rung, materials: []) as executors:
        assert all(executors.workers(rung) >= 1 for rung in range(len(config.fidelities)))


def test_the_cluster_s_file_asks_for_what_it_says() -> None:
    dft = load(EXPERIMENTS / "executors" / "slurm.yaml").execution.executor("dft")
    assert dft.at_once == 32  # type: ignore[union-attr]
