"""The default store keeps the contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.store.contract import StoreContract


class TestSqlite(StoreContract):
    """The default store."""

    @pytest.fixture
    def reopened(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: SqlStore(f"sqlite:///{tmp_path / 'folder' / 'campaign.db'}")

    def test_a_password_is_never_shown(self) -> None:
        with pytest.raises(StoreError) as refused:
            SqlStore("nothing://me:secret@host/db")
        assert "secret" not in str(refused.value)
