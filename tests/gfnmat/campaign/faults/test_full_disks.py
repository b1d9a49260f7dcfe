"""A disk that fills up: a sentence, nothing half-written, and the same command goes on once there is space."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gfnmat import Campaign
from gfnmat.campaign.records import Answer, Choice, RoundRecord
from gfnmat.campaign.store import StoreError
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.promises import Fact, facts_of, lasting, require_whole
from tests.gfnmat.campaign.faults.small_disk import fill, limited_files

Full = Callable[[], AbstractContextManager[None]]


def opened(file: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{file}")
    store.open("mine", {"seed": 1}, {})
    return store


def choices(start: int, n: int) -> list[Choice]:
    return [Choice(f"K{k}", f"K{k}", 0, 1.0, {}, {}, why="w" * 500) for k in range(start, start + n)]


def plan(store: SqlStore, number: int, state: bytes) -> int:
    """Issues a round of 40 suggestions; how many were issued."""
    record = RoundRecord(round=number, seconds=0, pool=1, distinct=1)
    return len(store.issue(choices(40 * number, 40), ["real"], record, state, number, asked=False))


@pytest.fixture(params=["limited", "tmpfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Full]:
    """A folder, and a context within which what is written there soon finds no space."""
    if request.param == "limited":
        return tmp_path, lambda: limited_files(100)
    folder: Path = request.getfixturevalue("tmpfs_folder")

    @contextmanager
    def full() -> Iterator[None]:
        ballast = fill(folder, leave=30)
        try:
            yield
        finally:
            ballast.unlink()

    return folder, full


def test_what_finds_no_space_is_not_kept_and_the_same_goes_on_later(disk: tuple[Path, Full]) -> None:
    folder, full = disk
    store = opened(folder / "campaign.db")
    assert plan(store, 0, b"first") == 40
    (first, *others) = store.suggestions()
    store.tell({first.id: Answer("done", {"x": 1.0})})
    answers = {s.id: Answer("infeasible", error="e" * 2000) for s in others}
    calls: list[Callable[[], object]] = [
        lambda: plan(store, 1, b"second"),
        lambda: store.tell(answers),
        lambda: store.add(
            [(one, Answer("done", {"x": 2.0}, provenance={"a": "b" * 900})) for one in choices(900, 50)], ["real"]
        ),
    ]
    for call in calls:
        kept = [facts_of(require_whole(store.url))]

        def repeat(call: Callable[[], object] = call, kept: list[set[Fact]] = kept) -> None:
            for n in range(50):  # what the log has room for is kept
                call()
                kept.append(facts_of(require_whole(store.url)))
                store.tell({first.id: Answer("done", {"x": len(kept) + n / 100})}, correct=True)
                kept.append(facts_of(require_whole(store.url)))

        with full():
            with pytest.raises(StoreError, match=r"(disk is full|the disk reports an error).*\.$"):
                repeat()
            assert len(store.suggestions()) >= 40, "it can be read"
        assert facts_of(require_whole(store.url)) == kept[-1]
        call()
        assert lasting(facts_of(require_whole(store.url))) >= lasting(kept[-1])
    assert opened(folder / "campaign.db").proposer_state() == b"second"
    assert len(store.measurements()) == 90


def test_a_checkpoint_that_finds_no_space_takes_its_round_with_it(disk: tuple[Path, Full]) -> None:
    folder, full = disk
    store = opened(folder / "campaign.db")
    plan(store, 0, b"first")
    before = facts_of(require_whole(store.url))
    with full(), pytest.raises(StoreError, match=r"cannot be written: .*; nothing of this was kept\.$"):
        plan(store, 1, b"x" * 200_000)
    assert facts_of(require_whole(store.url)) == before
    assert len(list((folder / "campaign.db.checkpoints").iterdir())) == 1, "no part of it is left"
    assert store.proposer_state() == b"first"
    assert plan(store, 1, b"x" * 200_000) == 40
    assert opened(folder / "campaign.db").proposer_state() == b"x" * 200_000


def test_a_campaign_that_cannot_even_start_starts_later(disk: tuple[Path, Full]) -> None:
    folder, full = disk
    with full(), pytest.raises(StoreError, match="disk"):
        opened(folder / "campaign.db").issue(choices(0, 300), ["real"], None, None, 0, asked=True)
    store = SqlStore(f"sqlite:///{folder / 'campaign.db'}")
    assert store.open("mine", {"seed": 1}, {}) in (None, {"seed": 1})
    assert store.suggestions() == []
    assert len(store.issue(choices(0, 300), ["real"], None, None, 0, asked=True)) == 300
    require_whole(store.url)


@pytest.mark.slow
def test_a_run_on_a_disk_that_fills_up_goes_on_where_it_stood(
    tmpfs_folder: Path, content: dict[str, Any], tmp_path: Path
) -> None:
    small = {**content, "proposer": {"pool": 50, "trajectories": 64}, "budget": {"cost": 12, "rounds": 3}}
    whole = Campaign.open(small, store=f"sqlite:///{tmp_path / 'whole.db'}")
    whole.run()
    url = f"sqlite:///{tmpfs_folder / 'campaign.db'}"
    failed = 0
    for room in (8, 60, 150, 300, 500):
        ballast = fill(tmpfs_folder, leave=room)
        try:
            Campaign.open(small, store=url).run()
        except StoreError as error:
            failed += "full" in str(error) or "space" in str(error) or "disk" in str(error)
        ballast.unlink()
        require_whole(url)
    assert failed >= 2
    resumed = Campaign.open(small, store=url)
    resumed.run()
    columns = ["seconds"]
    pd.testing.assert_frame_equal(
        resumed.measurements().drop(columns=columns), whole.measurements().drop(columns=columns)
    )
    pd.testing.assert_frame_equal(resumed.rounds().drop(columns=columns), whole.rounds().drop(columns=columns))
