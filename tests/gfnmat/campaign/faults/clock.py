"""Time that a test moves.

clock = JumpingClock()
monkeypatch.setattr("gfnmat.campaign.<module>.<function>", clock)    # where the function returns a datetime
monkeypatch.setattr("gfnmat.campaign.<module>.<function>", clock.timestamp)    # seconds since 1970
monkeypatch.setattr("gfnmat.campaign.<module>.<function>", clock.iso)    # a text, as `schema.now` gave
clock.jump(3600)
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_START = datetime(2031, 3, 4, 5, 6, 7, tzinfo=UTC)


class JumpingClock:
    """A clock that stands still until it jumps, forwards or back; calling it tells the time, in UTC.

    Args:
        start: what it shows first, with a time zone; by default a moment that no real clock shows.

    Attributes:
        now: what it shows, in UTC.
    """

    def __init__(self, start: datetime = _START) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start is {start}, which has no time zone.")
        self.now = start.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now

    def jump(self, seconds: float) -> datetime:
        """Moves the clock by so many seconds, which may be negative or a fraction; what it shows then."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def timestamp(self) -> float:
        """The time as seconds since 1970, for code that asks `time.time`."""
        return self.now.timestamp()

    def iso(self) -> str:
        """The time in ISO 8601, to the second."""
        return self.now.isoformat(timespec="seconds")
