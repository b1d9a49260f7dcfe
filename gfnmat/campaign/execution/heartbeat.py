"""Keeps leases alive while the loop is at something else."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Self

from gfnmat.campaign.execution.background import start_beside
from gfnmat.campaign.store import Store, StoreError


class Heartbeat:
    """A context in which the leases of an owner are extended three times in each of their lives.

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
        while not self._end.wait(self._lease / 3):
            with suppress(StoreError):  # the loop meets the same fault, and says so
                self._store.renew(self._who, self._lease)
