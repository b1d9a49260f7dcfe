"""Keeps leases alive while the loop is at something else."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Self

from gfnmat.campaign.execution.background import start_beside
from gfnmat.campaign.store import Store, StoreError

LONGEST = 30.0  # seconds: others may be run with a shorter lease, and cut longer ones for the sake of clocks set back


class Heartbeat:
    """A context in which the leases of an owner are extended three times in each of their lives, and every half minute.

    Args:
        store: where they are.
        who: the owner.
        lease: seconds for which they hold.
    """

    def __init__(self, store: Store, who: str, lease: float) -> None:
        self._store = store
        self._who = who
        self._lease = lease
        self._end = threading.Event()

    def __enter__(self) -> Self:
        start_beside(self._beat, "gfnmat heartbeat")
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()

    def _beat(self) -> None:
        while not self._end.wait(min(self._lease / 3, LONGEST)):
            with suppress(StoreError):  # the loop meets the same fault, and says so
                self._store.renew(self._who, self._lease)
