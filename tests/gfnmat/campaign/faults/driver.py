"""Programs that a test runs in a process of their own, so that they may be killed or deprived of something.

A program is Python source, as for `python -c`. It imports gfnmat and `tests` from this checkout, and finds its
arguments in `sys.argv[1:]`. Compose what it must endure from the other modules of this folder:

    run_driver(program, url, kill_at=(3, "before"))                      # dies as its third commit is due
    run_driver(program, url, prelude=limited_to(64), check=False)        # files end at 64 KiB
    run_driver(program, url, prefix=without_privileges(), check=False)   # read-only is read-only, for root too
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CHECKOUT = Path(__file__).parents[4]

STORE_ALONE = f"""
import sys, types
for package in ("gfnmat", "gfnmat.campaign"):
    sys.modules[package] = types.ModuleType(package)
    sys.modules[package].__path__ = [{str(CHECKOUT)!r} + "/" + package.replace(".", "/")]
"""
"""A prelude for drivers of the store: packages import their modules, but not torch and all that a campaign needs.

A driver then starts in half a second instead of five. It imports modules by their full names, such as
`gfnmat.campaign.store.sql_store`; what the packages themselves export (`from gfnmat import Campaign`) is not there.
"""

When = Literal["before", "after"]
"""Whether the process dies with the COMMIT unsent, or with the COMMIT done and no one told."""


class DriverError(AssertionError):
    """A driver ended as it was not meant to; the message has its output."""


@dataclass(frozen=True)
class DriverResult:
    """How a driver ended.

    Attributes:
        returncode: its exit status; -9 if SIGKILL ended it.
        commits: how many transactions that wrote were committed by it (see `killer`).
        stdout: what it printed.
        stderr: and its complaints.
    """

    returncode: int
    commits: int
    stdout: str
    stderr: str

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.returncode == -signal.SIGKILL


class Driver:
    """A program that runs; `with` ends it, if it still lives, and removes what it printed.

    Its output goes to files, so that a driver never waits for someone to read it. It leads a process group: `kill`
    ends it and the processes that it started.

    Args:
        program: Python source.
        arguments: its `sys.argv[1:]`, as strings.
        kill_at: `(n, "before")` or `(n, "after")`: SIGKILL at its n-th commit, counted from 1; see `killer`.
        prelude: Python source that runs first, before the program imports anything.
        prefix: a command that runs Python, such as `without_privileges()`.
        environment: variables to add to this process's.
    """

    def __init__(
        self,
        program: str,
        *arguments: object,
        kill_at: tuple[int, When] | None = None,
        prelude: str = "",
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gfnmat-driver-"))
        self._commits = self._folder / "commits"
        self._commits.touch()
        counted = "from tests.gfnmat.campaign.faults import killer\n"
        counted += f"killer.count_commits({str(self._commits)!r})\n"
        if kill_at is not None:
            counted += f"killer.kill_at_commit({kill_at[0]}, {kill_at[1]!r})\n"
        with self._file("stdout").open("wb") as out, self._file("stderr").open("wb") as complaints:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-c", counted + prelude + "\n" + program, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=complaints,
                start_new_session=True,
                env=_environment(environment or {}),
            )

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def printed(self) -> str:
        """What it has printed so far; a program prints with `flush=True` to be heard at once."""
        return self._file("stdout").read_text()

    def wait_for(self, line: str, timeout: float = 60) -> bool:
        """Waits until it has printed this line; whether it has, False if it ended without.

        Raises:
            DriverError: neither happened within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            ended = not self.running
            if line in self.printed().splitlines():
                return True
            if ended:
                return False
            if time.monotonic() > deadline:
                raise DriverError(f"the driver did not print {line!r} within {timeout:g} s: {self._output()}")
            time.sleep(0.01)

    def kill(self) -> bool:
        """Ends it and the processes that it started with SIGKILL, and waits for it; whether that ended it."""
        alive = self.running
        with suppress(ProcessLookupError):  # it and they have ended
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait() == -signal.SIGKILL and alive

    def wait(self, timeout: float = 120, check: bool = True) -> DriverResult:
        """Waits for its end.

        Args:
            timeout: in seconds; then it is killed.
            check: accept no end but exit status 0 and SIGKILL.

        Raises:
            DriverError: it did not end in time, or ended as `check` does not accept.
        """
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise DriverError(f"the driver did not end within {timeout:g} s: {self._output()}") from None
        commits = self._commits.stat().st_size
        result = DriverResult(self.process.returncode, commits, self.printed(), self._file("stderr").read_text())
        if check and not (result.returncode == 0 or result.killed):
            raise DriverError(f"the driver ended with status {result.returncode}: {self._output()}")
        return result

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _output(self) -> str:
        return f"\n{self.printed()}\n{self._file('stderr').read_text()}"


def run_driver(
    program: str,
    *arguments: object,
    kill_at: tuple[int, When] | None = None,
    prelude: str = "",
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = 120,
    check: bool = True,
) -> DriverResult:
    """Runs a program to its end, as `Driver` and `Driver.wait` say.

    With `kill_at`, look at `killed`: a program with fewer commits ends by itself. To meet every boundary, run it once
    without `kill_at` and take `range(1, result.commits + 1)`.

    Raises:
        DriverError: it did not end in time, or (`check`) with a status other than 0 or SIGKILL.
    """
    with Driver(
        program, *arguments, kill_at=kill_at, prelude=prelude, prefix=prefix, environment=environment
    ) as driver:
        return driver.wait(timeout, check)


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return {**os.environ, **own, **added}
