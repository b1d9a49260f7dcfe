"""A PostgreSQL server of one's own: made for a test or a benchmark, crashed at will, and gone afterwards.

    with PostgresCluster() as cluster:
        store = SqlStore(cluster.new_database())
        cluster.kill()
        cluster.restart()

It keeps PostgreSQL's promises (fsync, full pages and synchronous commits are on), and is small in all else.
"""

from __future__ import annotations

import atexit
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import psycopg
from sqlalchemy.engine import URL

OWNER = "gfnmat"
"""The role that owns the databases of `new_database`; it may also create databases."""

STRANGER = "stranger"
"""A role that may log in, and has no rights but those that PostgreSQL gives to everybody."""

_SUPERUSER = "postgres"
_PORTS = range(20_000, 32_000)  # below those that outgoing connections are given, which would be in a restart's way
_STARTING = 30.0
_STOPPING = 30.0
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

_INITIALLY = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
_CONFIGURATION = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 16MB
fsync = on
full_page_writes = on
synchronous_commit = on
autovacuum = off
checkpoint_timeout = 30min
dynamic_shared_memory_type = mmap
jit = off
timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
"""

# Ends the server and removes its folder when the process that holds the other end of the pipe is no more.
_GUARD = """
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
rm -rf "$1"
"""


class PostgresMissingError(RuntimeError):
    """PostgreSQL is not installed here."""


class PostgresError(RuntimeError):
    """The server did not do what was asked of it; the message ends with its log."""


def postgres_binaries() -> Path:
    """The folder of `initdb` and `postgres`: that in PATH, or else the latest under /usr/lib/postgresql.

    Raises:
        PostgresMissingError: there is none.
    """
    if (found := shutil.which("initdb")) is not None and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    installed = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb") if (p.parent / "postgres").exists()]
    if not installed:
        raise PostgresMissingError(
            "PostgreSQL is not installed: there is no initdb in PATH or under /usr/lib/postgresql/*/bin; "
            "on Debian, apt-get install postgresql."
        )
    return max(installed, key=lambda folder: [int(n) for n in folder.parent.name.split(".") if n.isdigit()])


class PostgresCluster:
    """A server with its data in a temporary folder, that listens on a free port of the loopback interface.

    Every role needs its password (SCRAM). The passwords are new for each cluster and hold characters that a URL must
    quote. PostgreSQL refuses to run as root: for root, the server runs as the user `postgres`, or `nobody`. The
    address and the passwords stay the same for the life of the cluster, whatever happens to the server.

    The cluster is removed by `close`, at the latest when the interpreter exits. If this process is killed, a small
    process that waits for that does it. Any number of clusters may run side by side.

    Attributes:
        folder: everything that the cluster keeps: `data`, the sockets, and `log`, what the server says.
        port: its TCP port on 127.0.0.1; 0 before the first start.
        password: of the role `gfnmat`.
        stranger_password: of the role `stranger`.

    Raises:
        PostgresMissingError: PostgreSQL is not installed.
    """

    def __init__(self) -> None:
        self._bin = postgres_binaries()
        self.port = 0
        self.password = f"p@ss:/%{secrets.token_hex(8)}"
        self.stranger_password = f"p@ss:/%{secrets.token_hex(8)}"
        self._superuser_password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._maker = os.getpid()
        self._as_user = _unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="gfnmat-pg-", dir="/tmp"))  # a socket's path must be short
        if self._as_user is not None:
            os.chown(self.folder, self._as_user.pw_uid, self._as_user.pw_gid)
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.close)

    def __enter__(self) -> PostgresCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the server's main process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server, and returns when it answers; the first time, makes the cluster and its roles.

        Starting after `kill` recovers from the crash. No change if it runs.

        Raises:
            PostgresError: it does not start; if this was the first time, the cluster is closed.
        """
        if self.running:
            return
        if self.port:
            self._launch()
            return
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def stop(self, mode: str = "fast") -> None:
        """Stops the server and waits for its end. No change if it does not run.

        Args:
            mode: `smart` waits for the clients to leave, `fast` ends their connections and shuts down in order,
                `immediate` leaves the recovery to the next start.

        Raises:
            PostgresError: it has not ended after 30 seconds.
        """
        if self._process is None or not self.running:
            return
        self._process.send_signal(_SIGNALS[mode])
        try:
            self._process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            raise PostgresError(f"the server did not stop ({mode}) within {_STOPPING:g} s: {self._said()}") from None

    def kill(self) -> None:
        """Ends the server's main process and all its children with SIGKILL, as a crash would, and waits for it.

        What the operating system was handed survives, as it does when a server crashes and its machine does not.
        """
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGSTOP)  # it must not start another child, nor tidy up after the first
        children = psutil.Process(self._process.pid).children(recursive=True)
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.kill()
        self._process.wait()
        deadline = time.monotonic() + _STOPPING
        while any(map(_lives, children)) and time.monotonic() < deadline:
            time.sleep(0.005)

    def restart(self, mode: str = "fast") -> None:
        """Stops the server if it runs, and starts it again at the same address; data and roles are kept.

        Raises:
            PostgresError: it does not stop, or does not start.
        """
        self.stop(mode)
        self.start()

    def url(self, database: str, role: str = OWNER, password: str | None = None) -> str:
        """The URL of a database, for SQLAlchemy with psycopg; `psycopg.connect` wants it without `+psycopg`.

        Args:
            database: its name; it need not exist.
            role: `gfnmat`, `stranger`, or one that does not exist.
            password: another one than the role's own.
        """
        own = {OWNER: self.password, STRANGER: self.stranger_password}
        given = own.get(role) if password is None else password
        return URL.create("postgresql+psycopg", role, given, "127.0.0.1", self.port, database).render_as_string(
            hide_password=False
        )

    def new_database(self) -> str:
        """The URL of an empty database that belongs to the role `gfnmat`; the server must run."""
        self._databases += 1
        name = f"store_{self._databases}"
        self.administer(f"CREATE DATABASE {name} OWNER {OWNER}")
        return self.url(name)

    def administer(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Executes a statement as the superuser, in no transaction; the rows that it gives, if any."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_SUPERUSER,
            password=self._superuser_password,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Ends the server and removes the cluster with all its data. It cannot be started again."""
        if os.getpid() != self._maker:  # a fork that exits
            return
        atexit.unregister(self.close)
        if self.running:
            try:
                self.stop("immediate")
            except PostgresError:
                self.kill()
        self._remove_shared_memory()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._guard.poll() is None:
            self._guard.communicate()

    def _make(self) -> None:
        secret = self.folder / "superuser"
        secret.write_text(self._superuser_password)
        if self._as_user is not None:
            os.chown(secret, self._as_user.pw_uid, self._as_user.pw_gid)
        data = self.folder / "data"
        made = subprocess.run(
            [self._bin / "initdb", "-D", data, "-U", _SUPERUSER, f"--pwfile={secret}", *_INITIALLY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **self._identity(),
        )
        secret.unlink()
        if made.returncode != 0:
            raise PostgresError(f"initdb failed: {made.stdout}{made.stderr}")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{_CONFIGURATION}unix_socket_directories = '{self.folder}'\n")
        self._launch_on_a_free_port()
        self.administer(f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{self.password}'")
        self.administer(f"CREATE ROLE {STRANGER} LOGIN PASSWORD '{self.stranger_password}'")

    def _launch_on_a_free_port(self) -> None:
        for remaining in reversed(range(5)):
            self.port = _free_port()
            try:
                self._launch()
                return
            except PostgresError:  # another process may have taken the port first
                if not remaining or "could not bind" not in self._said():
                    raise

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests
                **self._identity(),
            )
        deadline = time.monotonic() + _STARTING
        while True:
            try:
                self.administer("SELECT 1")
                return
            except psycopg.OperationalError:
                if not self.running:
                    raise PostgresError(f"the server did not start: {self._said()}") from None
                if time.monotonic() > deadline:
                    self.kill()
                    raise PostgresError(f"no answer within {_STARTING:g} s: {self._said()}") from None
                time.sleep(0.02)

    def _identity(self) -> dict[str, Any]:
        """Keywords of `Popen`: as whom, where, and in which language the server's programs run."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        given: dict[str, Any] = {"cwd": self.folder, "env": {**known, "LC_ALL": "C"}}
        if self._as_user is not None:
            given |= {"user": self._as_user.pw_uid, "group": self._as_user.pw_gid, "extra_groups": []}
        return given

    def _said(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"

    def _remove_shared_memory(self) -> None:
        """Removes the segment that a killed server leaves; line 7 of its file of state names it by key and number."""
        state = self.folder / "data" / "postmaster.pid"
        lines = state.read_text().splitlines() if state.exists() else []
        if len(lines) >= 7 and len(words := lines[6].split()) == 2 and shutil.which("ipcrm"):
            subprocess.run(["ipcrm", "-m", words[1]], capture_output=True)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server when this process is root's; None if it need not be another user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.")


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that its new parent has not yet waited for does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _free_port() -> int:
    for port in random.SystemRandom().sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PostgresError("no free port among 100 between 20000 and 32000.")
