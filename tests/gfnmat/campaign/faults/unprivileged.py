"""A process that may no more than its files allow.

Root writes in folders that are read-only, so that a test of them would test nothing where tests run as root. A driver
with the prefix `without_privileges()` keeps its user but has none of root's capabilities, for good: to it, the
permission bits of its own files and folders count, as they do for any user. It is no other user on purpose: the
interpreter may lie in root's home, which `nobody` may not enter, and pytest's folders are the user's alone.

    folder.chmod(0o555)
    run_driver(program, folder / "campaign.db", prefix=without_privileges(), check=False)

For a file of somebody else's, `chown` it to another user, and leave others the rights that are to be tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache


class NoPrivilegesToDropError(RuntimeError):
    """Root's capabilities cannot be given up here; the message says why."""


def without_privileges() -> list[str]:
    """The prefix of a driver that is bound by permissions; empty where the tests run as a usual user.

    Raises:
        NoPrivilegesToDropError: the tests run as root, in a place that has no `setpriv` or does not let it work.
    """
    if os.geteuid() != 0:
        return []
    if (problem := _problem()) is not None:
        raise NoPrivilegesToDropError(f"permissions cannot be tested as root here: {problem}")
    return list(_COMMAND)


_COMMAND = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


@cache
def _problem() -> str | None:
    if shutil.which("setpriv") is None:
        return "there is no setpriv (util-linux)."
    tried = subprocess.run([*_COMMAND, "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else tried.stderr.strip()
