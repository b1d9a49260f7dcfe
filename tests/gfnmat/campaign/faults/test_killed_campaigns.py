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
        drawn = rng.randrange(2, life.commits)
        first_or_last: tuple[int, When] = (life.commits, "before") if engine else (1, "after")
        times: list[tuple[int, When] | None] = [first_or_last, (drawn, "after"), None]
        for n, at in enumerate(times):
            url = postgres.new_database() if engine else f"sqlite:///{tmp_path / f'killed-{n}.db'}"
            lives.append(Life(url, at, rng.uniform(0, life.seconds) if at is None else None))
    pairs = live(source, [life for one in lives for life in (one, Life(one.url))], tmp_path)
    deaths, resumed = pairs[::2], pairs[1::2]
    for life, death, second in zip(lives, deaths, resumed, strict=True):
        assert death.killed or life.kill_at is None
        told = max([0, *(int(line) for line in death.said if line.isdigit())])
        assert int(second.said[0]) >= told, f"{life}: what was told is gone"
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
