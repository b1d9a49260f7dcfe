"""What every test shares."""

import os
from collections.abc import Iterator

import pytest
import torch

from tests.servers.postgresql import PostgresCluster, PostgresMissingError

# A contract's assertions are explained like those of a test, though its file is none.
pytest.register_assert_rewrite("tests.gfnmat.campaign.store.contract")

# Two cores are shared by the tests' own processes; more threads than cores make small networks ten times slower.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """A PostgreSQL server that the session's tests share; take a `new_database` of it, and leave it running."""
    try:
        cluster = PostgresCluster()
    except PostgresMissingError as missing:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"CI tests the store on PostgreSQL: {missing}")
        pytest.skip(str(missing))
    with cluster:
        yield cluster
