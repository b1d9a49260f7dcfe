"""Stores of earlier and later versions: upgraded by a command, or refused with what to do; nothing is half done."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from gfnmat.campaign.records import Answer
from gfnmat.campaign.store import StoreError, owner
from gfnmat.campaign.store.database import Database
from gfnmat.campaign.store.ledger import Balance
from gfnmat.campaign.store.opening import VERSION_TABLE, alembic_config, create_tables, upgrade
from gfnmat.campaign.store.schema import REVISION, metadata
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.store.opened import IDENTITY, LADDER, choice
from tests.servers.postgresql import PostgresCluster

SCHEMA_4 = Path(__file__).with_name("schema_4.sql").read_text()
"""What gfnmat of schema 4 wrote: nine suggestions of two rounds and of a person, a replicate, and what came back."""


@pytest.fixture
def old(tmp_path: Path) -> Callable[[int], str]:
    """Makes a store of an earlier schema; gives its URL."""

    def make(version: int) -> str:
        path = tmp_path / "old.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(SCHEMA_4)
            if version < 4:
                connection.execute("ALTER TABLE measurements DROP COLUMN provenance")
            if version < 3:
                connection.execute("DELETE FROM measurements WHERE suggestion_id IN (11, 12)")
                connection.execute("DELETE FROM suggestions WHERE replicate > 0")
                connection.execute("ALTER TABLE suggestions DROP COLUMN replicate")
            connection.execute(f"UPDATE campaign SET schema_version = {version}")
            connection.commit()
        return f"sqlite:///{path}"

    return make


def opened(url: str) -> SqlStore:
    store = SqlStore(url)
    store.open("mine", IDENTITY, {"torch": "a later one"})
    return store


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_store_of_an_earlier_schema_is_refused_with_the_command_that_upgrades_it(
    old: Callable[[int], str], version: int
) -> None:
    url = old(version)
    with pytest.raises(
        StoreError, match=f"has schema 000{version}, and this gfnmat reads {REVISION}; .*gfnmat upgrade {url}"
    ):
        opened(url)
    assert upgrade(url) == (f"000{version}", REVISION)
    assert upgrade(url) == (REVISION, REVISION)
    store = opened(url)
    assert store.open("mine", IDENTITY, {}) == IDENTITY
    told = {m.suggestion.id: m.answer for m in store.measurements()}
    assert told[1].values == {"density": 3.58}
    assert told[2] == Answer("infeasible", error="it melts", provenance=told[2].provenance)
    assert told[4].values == {"density": 5.7}, "the correction counts"


def test_what_an_upgraded_store_holds_is_what_it_held(old: Callable[[int], str], tmp_path: Path) -> None:
    url = old(4)
    upgrade(url)
    store = opened(url)
    issued = {s.id: s for s in store.suggestions()}
    told = {m.suggestion.id: m.answer for m in store.measurements()}
    assert len(issued) == 11
    assert {s.origin for s in issued.values()} == {"loop", "asked"}
    assert [s.attempts for s in issued.values()][:3] == [1, 1, 0]
    assert issued[1].choice.means == {"density": 3.5}
    assert told[1].provenance == {"oracle": "chgnet"}
    assert told[1].errors == {"density": 0.01}
    assert len(store.answers()) == len(told) + 2, "what was superseded is kept"
    assert {number: len(structure) for number, structure in store.structures().items()} == {1: 2}
    assert set(store.proposed_structures()) == {1, 11}
    assert [(r.round, r.pool, r.trust[0].property) for r in store.rounds()] == [(0, 10, "x"), (1, 10, "x")]
    assert store.proposer_state() == b"second"
    assert (tmp_path / "old.db.checkpoints").is_dir()
    costs = {"done": 1.5, "infeasible": 1.5, "retryable": 0.0, "withdrawn": 0.0}
    spent = sum(costs[answer.status] for answer in told.values())
    assert store.balance() == Balance(1.5 * (len(issued) - len(told)), spent)
    assert store.provenance()["torch"] == "2.13"
    assert [s.choice.replicate for s in issued.values() if s.choice.key == "MgO|225|one"] == [0, 1]
    # what is live stays so, and what is not may be issued again: a person could not do LiF
    names = ["Li2O", "CaO", "BaO", "NaCl", "KCl", "NaF", "LiF"]
    again = store.issue([choice(name) for name in names], LADDER, None, None, 2, asked=True)
    assert [s.choice.formula for s in again] == ["Li2O", "LiF"], "Li2O was issued at the other rung"
    assert min(s.id for s in again) > max(issued)
    free = owner.take_up()
    assert [s.id for s in store.claim(free, 1, 8, 60.0)] == [5, 7]
    owner.retire(free)


@pytest.mark.parametrize(("version", "reason"), [(1, "too old to be upgraded"), (9999, "a newer version wrote it")])
def test_a_store_that_cannot_be_upgraded_is_refused(old: Callable[[int], str], version: int, reason: str) -> None:
    url = old(version)
    for attempt in (opened, upgrade):
        with pytest.raises(StoreError, match=f"has schema {version:04d}, and this gfnmat reads {REVISION}: .*{reason}"):
            attempt(url)


def test_a_newer_schema_than_this_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    opened(url).issue([choice()], LADDER, None, None, 0, asked=True)
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        connection.execute("UPDATE gfnmat_schema SET version_num = '0042'")
        connection.commit()
    with pytest.raises(StoreError, match=r"has schema 0042, .* a newer version wrote it; update gfnmat"):
        opened(url)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE measurements SET seconds = 'soon' WHERE suggestion_id = 1",
        "DELETE FROM suggestions WHERE id = 2",  # of which there is a measurement
    ],
)
def test_an_upgrade_that_fails_changes_nothing(old: Callable[[int], str], tmp_path: Path, damage: str) -> None:
    url = old(4)
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute(damage)
        connection.commit()
    before = _tables(url)
    with pytest.raises(StoreError, match=r"cannot be upgraded, and was left as it is: .*(FOREIGN KEY|soon)"):
        upgrade(url)
    assert _tables(url) == before


@pytest.mark.parametrize("tables", [["alembic_version"], ["campaigns", "alembic_version"]])
def test_a_database_of_another_program_is_shared_or_left_alone(postgres: PostgresCluster, tables: list[str]) -> None:
    url = postgres.new_database()
    with create_engine(url).begin() as connection:
        for table in tables:
            connection.execute(text(f"CREATE TABLE {table} (version_num VARCHAR(32))"))
    store = opened(url)
    if "campaigns" in tables:
        with pytest.raises(StoreError, match="holds campaigns of another program"):
            store.issue([choice()], LADDER, None, None, 0, asked=True)
        assert sorted(_tables(url)) == sorted(tables), "nothing was made"
    else:
        assert len(store.issue([choice()], LADDER, None, None, 0, asked=True)) == 1
        assert opened(url).count_rounds() == 0


def test_what_is_no_store_is_not_upgraded(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        upgrade(f"sqlite:///{tmp_path / 'none.db'}")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
        connection.commit()
    for attempt in (upgrade, opened):
        with pytest.raises(StoreError, match="is not a store: it holds recipes of another program"):
            attempt(f"sqlite:///{tmp_path / 'other.db'}")


def test_the_tables_are_those_that_the_migrations_make(old: Callable[[int], str], tmp_path: Path) -> None:
    url, new = old(4), f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    create_tables(Database(new))
    for made in (url, new):
        with create_engine(made).connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "version_table": VERSION_TABLE}
            )
            assert compare_metadata(context, metadata) == []
            assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == REVISION
    assert _triggers(url) == _triggers(new)


def _tables(url: str) -> dict[str, int]:
    with create_engine(url).connect() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in inspect(connection).get_table_names()
        }


def _triggers(url: str) -> set[tuple[str, str]]:
    with create_engine(url).connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        return {(name, sql) for name, sql in rows}
