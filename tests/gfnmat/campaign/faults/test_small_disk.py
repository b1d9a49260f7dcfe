"""Disks that are full, by what SQLite says of them."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.gfnmat.campaign.faults.driver import run_driver
from tests.gfnmat.campaign.faults.small_disk import fill, limited_files, limited_to, small_tmpfs

WRITER = """
import sqlite3, sys
from tests.gfnmat.campaign.faults.small_disk import limit_files
connection = sqlite3.connect(sys.argv[1])
connection.execute("CREATE TABLE IF NOT EXISTS blobs (blob)")
connection.commit()
try:
    for n in range(400):
        connection.execute("INSERT INTO blobs VALUES (randomblob(10000))")
        connection.commit()
except sqlite3.OperationalError as error:
    print(error)
    connection.rollback()
    limit_files(None)
    connection.execute("INSERT INTO blobs VALUES (randomblob(100000))")
    connection.commit()
    print("then freed")
"""


def blobs(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return int(number)


def test_files_of_a_driver_end_at_the_limit_until_it_is_lifted(tmp_path: Path) -> None:
    file = tmp_path / "campaign.db"
    result = run_driver(WRITER, file, prelude=limited_to(256))
    assert result.stdout.splitlines() == ["disk I/O error", "then freed"]
    assert 10 < blobs(file) < 30


def test_files_of_this_process_end_at_the_limit_within_it(tmp_path: Path) -> None:
    with limited_files(8), pytest.raises(OSError, match="File too large"):
        (tmp_path / "big").write_bytes(bytes(10_000))
    (tmp_path / "big").write_bytes(bytes(10_000))


def test_a_small_file_system_is_full_until_something_is_removed(tmpfs_folder: Path) -> None:
    file = tmpfs_folder / "campaign.db"
    assert run_driver(WRITER, file, check=False).stdout.splitlines()[0] == "database or disk is full"
    kept = blobs(file)
    assert 50 < kept < 400
    file.unlink()
    ballast = fill(tmpfs_folder, leave=200)
    assert run_driver(WRITER, file, check=False).stdout.splitlines()[0] == "database or disk is full"
    assert blobs(file) < 20
    ballast.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO blobs VALUES (randomblob(1000000))")
        connection.commit()


def test_a_small_file_system_is_gone_afterwards_even_if_a_file_is_open(tmp_path: Path, tmpfs_folder: Path) -> None:
    folder = tmp_path / "another"
    folder.mkdir()
    with ExitStack() as open_until_the_end:
        with small_tmpfs(folder, 1024):
            assert folder.is_mount()
            open_until_the_end.enter_context((folder / "open").open("wb"))
        assert not folder.is_mount()
    assert tmpfs_folder.is_mount()
