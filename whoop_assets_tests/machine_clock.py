"""The machine's clock, for tests whose code has no other: a day or an hour that turns in the middle is none of their subjects."""

import time
from datetime import UTC, datetime, timedelta

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def keep_off_the_turn(of: timedelta, *, by: timedelta) -> None:
    """Go on at once, or after the turn of the UTC day or hour if that is nearer than `by`."""
    now = datetime.now(UTC)
    left = of - (now - now.replace(hour=0, minute=0, second=0, microsecond=0)) % of
    if left < by:
        time.sleep(left.total_seconds() + 0.1)
