"""The default store keeps the contract."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gfnmat.campaign.records import Answer, Replicate
from gfnmat.campaign.sql_store import SqlStore
from gfnmat.campaign.store import Store, StoreError
from tests.gfnmat.campaign.store.contract import IDENTITY, LADDER, StoreContract, choice


class TestSqlite(StoreContract):
    """The default store."""

    @pytest.fixture
    def reopened(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: SqlStore(f"sqlite:///{tmp_path / 'folder' / 'campaign.db'}")

    @pytest.mark.parametrize("version", [1, 99])
    def test_a_store_of_another_schema_is_refused(self, store: Store, tmp_path: Path, version: int) -> None:
        store.issue([choice()], LADDER, None, None, 0, asked=True)
        with closing(sqlite3.connect(tmp_path / "folder" / "campaign.db")) as connection:
            connection.execute(f"UPDATE campaign SET schema_version = {version}")
            connection.commit()
        with pytest.raises(StoreError, match=f"has schema {version} and this gfnmat reads 4"):
            SqlStore(f"sqlite:///{tmp_path / 'folder' / 'campaign.db'}").open("mine", IDENTITY, {})

    def test_a_store_of_an_earlier_schema_becomes_one_of_this(
        self, store: Store, again: Callable[[], Store], tmp_path: Path
    ) -> None:
        (issued,) = store.issue([choice()], LADDER, None, None, 0, asked=True)
        answer = Answer("done", {"density": 3.58})
        store.tell({issued.id: answer})
        with closing(sqlite3.connect(tmp_path / "folder" / "campaign.db")) as connection:
            connection.execute("ALTER TABLE suggestions DROP COLUMN replicate")
            connection.execute("ALTER TABLE measurements DROP COLUMN provenance")
            connection.execute("UPDATE campaign SET schema_version = 2")
            connection.commit()
        opened = again()
        assert [(m.suggestion, m.answer) for m in opened.measurements()] == [(issued, answer)]
        assert opened.tell({Replicate(issued.id, 1): answer}) == 1
        assert [s.choice.replicate for s in again().suggestions()] == [0, 1]
        signed = Answer("infeasible", error="no", provenance={"oracle": "chgnet", "chgnet": "0.4.2"})
        (other,) = again().issue([choice("CaO")], LADDER, None, None, 0, asked=True)
        again().tell({other.id: signed})
        assert again().measurements()[-1].answer == signed

    def test_a_password_is_never_shown(self) -> None:
        with pytest.raises(StoreError) as refused:
            SqlStore("nothing://me:secret@host/db")
        assert "secret" not in str(refused.value)
