"""A whole campaign that is killed, at commits and at any time, and resumed: it ends as one that never was."""

from pathlib import Path
from random import Random

import pandas as pd
import pytest

from gfnmat import Campaign
from tests.gfnmat.campaign.faults.cheap_campaign import content_in, program
from tests.gfnmat.campaign.faults.driver import When
from tests.gfnmat.campaign.faults.forks import Life, live
from tests.gfnmat.campaign.faults.promises import require_whole
from tests.servers.postgresql import PostgresCluster


def measured(campaign: Campaign) -> pd.DataFrame:
    """Every measurement; the numbers of a transaction that was rolled back are not used again on PostgreSQL."""
    return campaign.measurements().drop(columns=["id", "seconds"])


@pytest.mark.slow
def test_a_campaign_that_was_killed_ends_as_one_that_was_not(tmp_path: Path, postgres: PostgresCluster) -> None:
    rng = Random(20)
    content = content_in(tmp_path)
    source = program(content, tmp_path)
    databases = [f"sqlite:///{tmp_path / 'whole.db'}", postgres.new_database()]
    whole = live(source, [Life(url) for url in databases], tmp_path)
    assert whole[0].said == whole[1].said
    lives: list[Life] = []
    for engine, life in enumerate(whole):
        last = life.commits
        times: list[tuple[int, When]] = [(1, "after"), (last, "before"), (last, "after")]
        times += [(n, when) for n in rng.sample(range(2, last), 2) for when in ("before", "after")]
        for n, at in enumerate([*times, None, None]):
            url = postgres.new_database() if engine else f"sqlite:///{tmp_path / f'killed-{n}.db'}"
            lives.append(Life(url, at, rng.uniform(0, life.seconds) if at is None else None))
    deaths = live(source, lives, tmp_path)
    for life, death in zip(lives, deaths, strict=True):
        assert death.killed or life.kill_at is None
        told = max([0, *(int(line) for line in death.said if line.isdigit())])
        assert len(require_whole(life.url)["measurements"]) >= told, f"{life}: what was told is gone"
    resumed = live(source, [Life(life.url) for life in lives], tmp_path)
    expected = Campaign.open(content, store=databases[0])
    for life, second in zip(lives, resumed, strict=True):
        assert not second.killed
        require_whole(life.url)
        campaign = Campaign.open(content, store=life.url)
        pd.testing.assert_frame_equal(measured(campaign), measured(expected), obj=f"measurements after {life}")
        pd.testing.assert_frame_equal(
            campaign.rounds().drop(columns="seconds"), expected.rounds().drop(columns="seconds"), obj=f"rounds {life}"
        )
        assert campaign.status().spent == pytest.approx(measured(campaign).cost.sum())
        assert campaign.status().outstanding == 0
