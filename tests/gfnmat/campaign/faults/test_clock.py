"""Time that stands until it is moved."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.gfnmat.campaign.faults.clock import JumpingClock


def test_it_stands_and_jumps_both_ways() -> None:
    clock = JumpingClock()
    first = clock()
    assert clock() == clock.now == first
    assert clock.jump(90.5) == first + timedelta(seconds=90.5)
    assert clock.timestamp() == pytest.approx(first.timestamp() + 90.5)
    clock.jump(-3600)
    assert clock() < first


def test_it_tells_utc() -> None:
    clock = JumpingClock(datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))))
    assert clock() == datetime(2029, 12, 31, 23, tzinfo=UTC)
    assert clock.iso() == "2029-12-31T23:00:00+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        JumpingClock(datetime(2030, 1, 1))
