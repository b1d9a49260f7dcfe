"""What a test may take from a program, where this machine allows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gfnmat.campaign.faults.small_disk import NoMountError, small_tmpfs
from tests.gfnmat.campaign.faults.unprivileged import NoPrivilegesToDropError, without_privileges
from tests.servers.postgresql import PostgresCluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'campaign.db'}"
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    return cluster.new_database()


@pytest.fixture
def own_postgres(postgres: PostgresCluster) -> Iterator[PostgresCluster]:
    """A server that the test may crash, as it may not the session's."""
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture
def tmpfs_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own of 2 MiB; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        with small_tmpfs(folder, kibibytes=2048) as mounted:
            yield mounted
    except NoMountError as impossible:
        pytest.skip(str(impossible))


@pytest.fixture
def unprivileged() -> list[str]:
    """The prefix of a driver to which read-only is read-only; skips where root cannot give up its rights."""
    try:
        return without_privileges()
    except NoPrivilegesToDropError as impossible:
        pytest.skip(str(impossible))
