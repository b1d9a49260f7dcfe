"""Files that are no store, or were one: a sentence says so, and nothing is written."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, text

from gfnmat.campaign.records import Answer, Choice, RoundRecord
from gfnmat.campaign.store import StoreError
from gfnmat.campaign.store.checkpoints import folder_beside
from gfnmat.campaign.store.opening import upgrade
from gfnmat.campaign.store.sql_store import SqlStore
from tests.servers.postgresql import PostgresCluster


def opened(url: object) -> SqlStore:
    store = SqlStore(str(url) if "://" in str(url) else f"sqlite:///{url}")
    store.open("mine", {"seed": 1}, {})
    return store


def fill(store: SqlStore, rounds: int = 4) -> None:
    """Issues and tells some rounds, with checkpoints."""
    for number in range(rounds):
        record = RoundRecord(round=number, seconds=0, pool=1, distinct=1)
        chosen = [Choice(f"Li{n}O{number + 1}", "LiO", 0, 1.0, {"x": 1.0}, {}, why="w" * 200) for n in range(1, 12)]
        issued = store.issue(chosen, ["real"], record, b"state %d" % number * 100, number, asked=False)
        store.tell({s.id: Answer("done", {"x": 1.0}, provenance={"version": "v" * 100}) for s in issued})


def read_all(store: SqlStore) -> None:
    store.suggestions(), store.answers(), store.measurements(), store.rounds(), store.files(), store.counts()
    (
        store.balance(),
        store.values(0, ["density"]),
        store.proposer_state(),
        store.provenance(),
        store.proposed_structures(),
    )


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """The file of a store that no one uses, with all that it holds in it."""
    file = tmp_path / "campaign.db"
    store = opened(file)
    fill(store)
    store._database.engine.dispose()
    assert not file.with_name("campaign.db-wal").exists()
    return file


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
        connection.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
        connection.commit()


def start_of_a_store(path: Path) -> None:
    foreign(path)
    path.write_bytes(path.read_bytes()[:2048])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path.write_text("these are my notes\n" * 500), "is not a store: the file is no SQLite database"),
        (lambda path: path.write_text("x"), "is not a store: the file is no SQLite database"),
        (lambda path: path.mkdir(), "is a folder; give the path of a file"),
        (foreign, "is not a store: it holds bookmarks of another program"),
        (start_of_a_store, "is damaged: its file ends too early"),
    ],
    ids=["text", "a letter", "folder", "foreign", "stub"],
)
def test_what_is_no_store_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "campaign.db"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=sentence):
        opened(path)
    with pytest.raises(StoreError, match=sentence):
        upgrade(f"sqlite:///{path}")
    store = SqlStore(f"sqlite:///{path}")
    with pytest.raises(StoreError, match=sentence):
        store.suggestions()
    assert contents(tmp_path) == before


def test_an_empty_file_becomes_a_store_with_the_first_thing_kept(tmp_path: Path) -> None:
    path = tmp_path / "campaign.db"
    path.touch()
    store = opened(path)
    assert store.suggestions() == []
    assert contents(tmp_path) == {str(path): b""}
    fill(store, 1)
    assert len(opened(path).measurements()) == 11


def test_reading_a_store_writes_nothing(closed: Path) -> None:
    before = contents(closed.parent)
    store = opened(closed)
    read_all(store)
    store._database.engine.dispose()
    assert contents(closed.parent) == before


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_store_that_was_cut_short_is_said_to_be_damaged(closed: Path, share: float) -> None:
    whole = closed.read_bytes()
    closed.write_bytes(whole[: int(len(whole) * share)])
    before = closed.read_bytes()
    with pytest.raises(StoreError, match="is damaged"):
        fill(opened(closed), 6)
    assert closed.read_bytes() == before


def test_a_store_whose_bytes_were_overwritten_answers_or_says_that_it_is_damaged(closed: Path, tmp_path: Path) -> None:
    """SQLite has no checksums: some damage stays unseen. What is seen is said in a sentence."""
    whole, refused = closed.read_bytes(), list[str]()
    for seed in range(40):
        rng, bad = Random(seed), bytearray(whole)
        at, length = rng.randrange(100, len(whole)), rng.choice([1, 30, 500, 5000])
        bad[at : at + length] = (
            rng.randbytes(len(bad[at : at + length])) if seed % 2 else bytes(len(bad[at : at + length]))
        )
        folder = tmp_path / f"bad {seed}"
        shutil.copytree(folder_beside(closed), folder / "campaign.db.checkpoints")
        (folder / "campaign.db").write_bytes(bad)
        try:
            store = opened(folder / "campaign.db")
            read_all(store)
            fill(store, 6)
        except StoreError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert max(map(len, refused)) < 500, "each is a sentence"


def test_a_missing_checkpoint_is_asked_for(closed: Path) -> None:
    shutil.rmtree(folder_beside(closed))
    store = opened(closed)
    with pytest.raises(StoreError, match="bring that folder along with the database's file"):
        store.proposer_state()
    assert len(store.measurements()) == 44
    assert not folder_beside(closed).exists()


@pytest.mark.parametrize("damage", [lambda kept: kept[:-1], lambda kept: b"", lambda kept: b"?" + kept[1:]])
def test_a_damaged_checkpoint_is_refused(closed: Path, damage: Callable[[bytes], bytes]) -> None:
    for path in folder_beside(closed).iterdir():
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match="is damaged: it is not what was kept; restore it from a copy"):
        opened(closed).proposer_state()


def test_a_damaged_checkpoint_does_not_stand_in_for_a_new_one(closed: Path) -> None:
    state = opened(closed).proposer_state()
    for path in folder_beside(closed).iterdir():
        path.write_bytes(b"?")
    store = opened(closed)
    chosen = [Choice("MgO", "MgO", 0, 1.0, {}, {}, why="")]
    store.issue(chosen, ["real"], RoundRecord(round=4, seconds=0, pool=1, distinct=1), state, 4, asked=False)
    assert store.proposer_state() == state


def test_a_damaged_checkpoint_in_a_table_is_refused(postgres: PostgresCluster) -> None:
    url = postgres.new_database()
    fill(opened(url))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE checkpoints SET content = 'other'"))
    with pytest.raises(StoreError, match="is missing or damaged; restore the table from a copy"):
        opened(url).proposer_state()
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM checkpoints"))
    with pytest.raises(StoreError, match="is missing or damaged; restore the table from a copy"):
        opened(url).proposer_state()
    engine.dispose()


def test_a_database_of_another_program_on_a_server_may_be_shared(postgres: PostgresCluster) -> None:
    url = postgres.new_database()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bookmarks (url text)"))
    fill(opened(url), 1)
    assert len(opened(url).measurements()) == 11
    engine.dispose()
