"""The store on PostgreSQL keeps the contract."""

from collections.abc import Callable

import pytest

from gfnmat.campaign.store import Store, StoreError
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.store.contract import StoreContract
from tests.servers.postgresql import PostgresCluster


class TestPostgresql(StoreContract):
    """The store of a team."""

    @pytest.fixture
    def reopened(self, postgres: PostgresCluster) -> Callable[[], Store]:
        url = postgres.new_database()
        return lambda: SqlStore(url)

    def test_the_password_is_never_shown(self, postgres: PostgresCluster) -> None:
        store = SqlStore(postgres.url("no_such_database"))
        with pytest.raises(StoreError) as refused:
            store.open("mine", {}, {})
        for shown in (str(refused.value), store.url):
            assert postgres.password not in shown
