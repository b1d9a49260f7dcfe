"""What a test may take from a program, where this machine allows it."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

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
def new_database(database: str, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of one more empty database: of a file, or of a schema, which is made sooner than a database."""
    numbers = count()

    def make() -> str:
        name = f"further_{next(numbers)}"
        if database.startswith("sqlite"):
            (tmp_path / name).mkdir()
            return f"sqlite:///{tmp_path / name / 'campaign.db'}"
        with create_engine(database, poolclass=NullPool).begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        here = make_url(database).update_query_dict({"options": f"-csearch_path={name}"})
        return here.render_as_string(hide_password=False)

    return make


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
