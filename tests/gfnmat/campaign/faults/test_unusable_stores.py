"""Places where nothing can be kept: one sentence says why, and shows no password."""

import builtins
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gfnmat.campaign.records import Choice
from gfnmat.campaign.store import StoreError, UnreachableError
from gfnmat.campaign.store.sql_store import SqlStore
from tests.gfnmat.campaign.faults.driver import STORE_ALONE, run_driver
from tests.servers.postgresql import STRANGER, PostgresCluster


def use(url: str) -> SqlStore:
    """Opens a store and issues something in it."""
    store = SqlStore(url)
    store.open("mine", {}, {})
    store.issue([Choice("MgO", "MgO", 0, 1.0, {}, {}, why="")], ["real"], None, None, 0, asked=True)
    return store


def require_sentence(error: StoreError, *secrets: str) -> None:
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    assert not any(secret in str(error) for secret in secrets)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "no database URL"),
        ("campaign.db", "no database URL"),
        ("nothing://me:hidden@host/db", "no database URL"),
        ("postgresql://me:hidden@host:port/db", "no database URL"),
        ("postgresql://me:hid:den@host:12x/db", "no database URL"),
        ("postgresql://me:hidden@[::1/db", "no database URL"),
        ("mysql://me:hidden@host/db", "SQLite or PostgreSQL, not in mysql"),
        ("mysql+pymysql://me:hidden@host/db", "SQLite or PostgreSQL, not in mysql"),
        ("mssql://me:hidden@host/db", "SQLite or PostgreSQL, not in mssql"),
        ("postgresql+pg8000://me:hidden@host/db", "driver is not installed"),
        ("postgresql://me:hidden@127.0.0.1:1/db", "nothing listens at that host and port"),
        ("postgresql://me@127.0.0.1:1/db?password=hidden", "nothing listens at that host and port"),
        ("postgresql://me:hidden@no-such-host.invalid/db", "there is no such host"),
        ("postgresql://me:hidden@127.0.0.1:99999/db", "invalid port"),
        ("postgresql://me:hidden@127.0.0.1:1/db?sslmode=perhaps", "sslmode"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence) as refused:
        use(url)
    require_sentence(refused.value, "hidden", "hid:den")


def test_a_server_that_knows_neither_user_nor_database_refuses(postgres: PostgresCluster) -> None:
    cases = [
        (postgres.url("postgres", password="guessed-in-vain"), "refuses the password"),
        (postgres.url("postgres", role="nobody", password="guessed-in-vain"), "refuses the password"),
        (postgres.url("no_such_database"), "does not have what the URL names"),
        (postgres.url("postgres", role=STRANGER), "does not let this user do what a store needs"),
    ]
    for url, sentence in cases:
        with pytest.raises(StoreError, match=sentence) as refused:
            use(url)
        require_sentence(refused.value, "guessed", postgres.password, postgres.stranger_password)


def test_a_stranger_may_not_read_a_store(postgres: PostgresCluster) -> None:
    url = postgres.new_database()
    use(url)
    strange = postgres.url(url.rpartition("/")[2], role=STRANGER)
    with pytest.raises(StoreError, match="does not let this user") as refused:
        SqlStore(strange).open("mine", {}, {})
    require_sentence(refused.value, postgres.stranger_password)


def test_a_server_that_is_not_there_is_said_to_be_unreachable_at_once() -> None:
    with pytest.raises(UnreachableError):
        use("postgresql://me:hidden@127.0.0.1:1/db")


@pytest.mark.parametrize("failure", [ModuleNotFoundError("No module", name="psycopg"), ImportError("no pq wrapper")])
def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, failure: ImportError) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **given: Any) -> Any:
        if name.split(".")[0] == "psycopg":
            raise failure
        return real(name, *args, **given)

    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"needs: pip install 'gfnmat\[postgresql\]'") as refused:
        SqlStore("postgresql://me:hidden@host/db")
    require_sentence(refused.value, "hidden")


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "cifs", "fuse.sshfs"])
def test_a_file_on_a_network_file_system_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("gfnmat.campaign.store.database.file_system", lambda path: kind)
    with pytest.raises(StoreError, match=f"lies on a network file system \\({kind}\\)") as refused:
        use(f"sqlite:///{tmp_path / 'folder' / 'campaign.db'}")
    require_sentence(refused.value)
    assert list(tmp_path.iterdir()) == []


USE = """
import sys
from gfnmat.campaign.records import Choice
from gfnmat.campaign.store import StoreError
from gfnmat.campaign.store.sql_store import SqlStore
for work in (lambda: print(len(store.suggestions())),
             lambda: store.issue([Choice("Li2O", "Li2O", 0, 1.0, {}, {}, "")], ["real"], None, None, 0, asked=True)):
    try:
        store = SqlStore(sys.argv[1])
        store.open("mine", {}, {})
        work()
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("lock", "unlock", "sentences"),
    [
        (lambda file: file.parent.chmod(0o555), lambda file: file.parent.chmod(0o755), ["cannot be", "cannot be"]),
        (lambda file: file.chmod(0o444), lambda file: file.chmod(0o644), ["1", "cannot be written: .* read-only"]),
        (lambda file: file.chmod(0o000), lambda file: file.chmod(0o644), ["cannot be opened", "cannot be opened"]),
        (lambda file: file.parent.chmod(0o000), lambda file: file.parent.chmod(0o755), ["cannot be opened"] * 2),
    ],
    ids=["read-only folder", "read-only file", "unreadable file", "closed folder"],
)
def test_what_may_not_be_written_or_read_is_said(
    tmp_path: Path,
    unprivileged: list[str],
    lock: Callable[[Path], None],
    unlock: Callable[[Path], None],
    sentences: list[str],
) -> None:
    file = tmp_path / "folder" / "campaign.db"
    store = use(f"sqlite:///{file}")
    store._database.engine.dispose()
    lock(file)
    try:
        result = run_driver(USE, f"sqlite:///{file}", prelude=STORE_ALONE, prefix=unprivileged)
    finally:
        unlock(file)
    lines = result.stdout.splitlines()
    for line, sentence in zip(lines, sentences, strict=True):
        assert re.search(sentence, line), line
    assert len(use(f"sqlite:///{file}").suggestions()) == 1


@pytest.mark.slow
def test_the_command_line_says_it_in_one_sentence_and_exits_with_2(
    content: dict[str, Any], tmp_path: Path, postgres: PostgresCluster
) -> None:
    (tmp_path / "notes.db").write_text("these are my notes\n" * 50)
    wrong = postgres.url("postgres", password="guessed-in-vain")
    program = """
import sys
from typer.testing import CliRunner
from gfnmat.cli import app
for url in sys.argv[2:]:
    result = CliRunner().invoke(app, ["status", sys.argv[1], "--store", url])
    print(result.exit_code, result.output.strip().replace(chr(10), "|"))
"""
    file = tmp_path / "campaign.yaml"
    YAML().dump(json.loads(json.dumps(content)), file)
    result = run_driver(program, file, f"sqlite:///{tmp_path / 'notes.db'}", wrong, "mysql://me:hidden@host/db")
    lines = result.stdout.splitlines()
    for line, sentence in zip(lines, ["is not a store", "refuses the password", "not in mysql"], strict=True):
        assert line.startswith("2 error: ")
        assert sentence in line
        assert "|" not in line
        assert "Traceback" not in line
        assert "hidden" not in line
        assert "guessed" not in line
