"""Permissions that count, whoever runs the tests."""

from pathlib import Path

from tests.gfnmat.campaign.faults.driver import STORE_ALONE, run_driver

WRITER = """
import sys
from pathlib import Path
for name in sys.argv[1:]:
    try:
        with Path(name).open("a") as file:
            file.write("written")
        print("written")
    except PermissionError:
        print("refused")
"""


def test_read_only_is_read_only(tmp_path: Path, unprivileged: list[str]) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    folder.chmod(0o555)
    file.chmod(0o444)
    try:
        result = run_driver(WRITER, folder / "new", file, tmp_path / "usual", prefix=unprivileged)
    finally:
        folder.chmod(0o755)
    assert result.stdout.split() == ["refused", "refused", "written"]
    assert file.read_text() == ""


def test_what_may_not_be_read_is_not(tmp_path: Path, unprivileged: list[str]) -> None:
    (tmp_path / "secret").touch(mode=0o000)
    program = f"open({str(tmp_path / 'secret')!r})"
    assert "PermissionError" in run_driver(program, prefix=unprivileged, check=False).stderr


def test_gfnmat_is_there(unprivileged: list[str]) -> None:
    result = run_driver(
        "import gfnmat.campaign.store.sql_store; print('there')", prelude=STORE_ALONE, prefix=unprivileged
    )
    assert result.stdout.split() == ["there"]
