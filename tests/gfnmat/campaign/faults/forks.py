"""Many short lives from one start: an interpreter that has imported all it needs forks a process for each.

A program's source defines `work(url, say)`, which does everything and says a line after each thing that returned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gfnmat.campaign.faults.driver import DriverError, When, run_driver

_LIVES = """
import json as _json, os as _os, sys as _sys, time as _time, traceback as _traceback

def _live(life):
    if life["kill_at"] is not None:
        killer.kill_at_commit(*life["kill_at"])
    if life["kill_after"] is not None:
        import signal, threading
        threading.Timer(life["kill_after"], _os.kill, (_os.getpid(), signal.SIGKILL)).start()
    said = _os.open(life["said"], _os.O_WRONLY | _os.O_CREAT | _os.O_APPEND, 0o644)
    started, due = _time.monotonic(), killer._commits.due
    work(life["url"], lambda line: _os.write(said, f"{line}\\n".encode()))
    _os.write(said, f"{_time.monotonic() - started} {killer._commits.due - due}\\n".encode())

for _life in _json.loads(_sys.argv[1]):
    _child = _os.fork()
    if _child == 0:
        try:
            _live(_life)
        except BaseException:
            _traceback.print_exc()
            _os._exit(1)
        _os._exit(0)
    print(_os.waitstatus_to_exitcode(_os.waitpid(_child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Life:
    """A process to be.

    Attributes:
        url: the database it works on.
        kill_at: `(n, when)` as in `killer.kill_at_commit`; None lets it live.
        kill_after: seconds after which it is killed, at a commit or not.
    """

    url: str
    kill_at: tuple[int, When] | None = None
    kill_after: float | None = None


@dataclass(frozen=True)
class Lived:
    """How it went.

    Attributes:
        killed: whether it was killed; otherwise it ended well.
        said: the lines it said.
        seconds: how long it worked; 0 if it was killed.
        commits: how many commits were due; 0 if it was killed.
    """

    killed: bool
    said: list[str]
    seconds: float
    commits: int


def live(program: str, lives: Sequence[Life], folder: Path, prelude: str = "", timeout: float = 300) -> list[Lived]:
    """Lets processes live one after another.

    Args:
        program: defines `work`.
        lives: what each is to do.
        folder: for what they say.
        prelude: runs before the program, as in `Driver`.
        timeout: for all of them.

    Raises:
        DriverError: one ended otherwise than well or by SIGKILL.
    """
    number = len(list(folder.glob("said-*")))
    files = [folder / f"said-{number + n}" for n in range(len(lives))]
    orders = [
        {"url": one.url, "kill_at": one.kill_at, "kill_after": one.kill_after, "said": str(file)}
        for one, file in zip(lives, files, strict=True)
    ]
    for file in files:
        file.touch()
    result = run_driver(program + _LIVES, json.dumps(orders), prelude=prelude, timeout=timeout)
    codes = [int(code) for code in result.stdout.split()]
    if set(codes) - {0, -9}:
        raise DriverError(f"lives ended with {codes}: {result.stderr}")
    return [_lived(code == -9, file.read_text().splitlines()) for code, file in zip(codes, files, strict=True)]


def _lived(killed: bool, lines: list[str]) -> Lived:
    if killed:
        return Lived(True, lines, 0.0, 0)
    seconds, commits = lines[-1].split()
    return Lived(False, lines[:-1], float(seconds), int(commits))
