"""Two that run one campaign at once: nothing is issued or evaluated twice, and the budget is one."""

from collections import Counter
from pathlib import Path

import pytest

from gfnmat import Campaign
from tests.gfnmat.campaign.faults.cheap_campaign import content_in, program
from tests.gfnmat.campaign.faults.driver import run_driver
from tests.gfnmat.campaign.faults.promises import require_whole
from tests.servers.postgresql import PostgresCluster

TOGETHER = """
import signal, time
for n in range(1, len(sys.argv), 2):
    url, os.environ["ASKED"] = sys.argv[n : n + 2]
    children = []
    for _ in range(2):
        if (child := os.fork()) == 0:
            try:
                work(url, lambda line: None)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
"""


@pytest.mark.slow
def test_two_processes_share_the_work_of_a_campaign(tmp_path: Path, postgres: PostgresCluster) -> None:
    random = {"proposer": {"kind": "random"}, "acquisition": {"kind": "random", "batch_size": 4}}
    one_by_one = {"executors": {"real": {"kind": "inline", "batch": 1}}}
    content = content_in(tmp_path, budget={"cost": 16}, execution=one_by_one, **random)
    source = program(content, tmp_path) + TOGETHER
    urls = [f"sqlite:///{tmp_path / 'campaign.db'}", postgres.new_database()]
    notes = [tmp_path / "asked of sqlite", tmp_path / "asked of postgresql"]
    arguments = [str(one) for pair in zip(urls, notes, strict=True) for one in pair]
    result = run_driver(source, *arguments)
    assert result.stdout.splitlines() == ["[0, 0]", "[0, 0]"], result.stderr
    for url, note in zip(urls, notes, strict=True):
        tables = require_whole(url)
        asked = note.read_text().splitlines()
        assert max(Counter(asked).values()) == 1, "evaluated by both"
        campaign = Campaign.open(content, store=url)
        measured = campaign.measurements()
        assert sorted(asked) == sorted(measured.fidelity + " " + measured.formula)
        assert measured.cost.sum() <= 16 + 1e-9
        assert campaign.status().spent == pytest.approx(measured.cost.sum())
        assert campaign.status().finished
        assert {row["attempts"] for row in tables["suggestions"]} == {1}
