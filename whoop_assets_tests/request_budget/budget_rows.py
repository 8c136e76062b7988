"""Stated limits, grants in the database, and other helpers of the tests of the request budget."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from whoop_assets.request_budget import tables
from whoop_assets.request_budget.budget import DAY_SECONDS

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stated:
    """The limits of a response."""

    limits: tuple[tuple[int, int], ...] = ((100, 60), (10_000, DAY_SECONDS))
    nearest: int = 100
    remaining: int = 50
    reset_seconds: float = 10.0


def granted(database):
    with database.read() as connection:
        c = tables.request_grants.c
        return list(connection.scalars(select(c.granted_at).order_by(c.granted_at)))


def assert_never_more_than(limit, window, times):
    for first, excess in zip(times, times[limit:], strict=False):
        assert excess - first >= window


class WouldWait(Exception):
    """A clock raises it instead of waiting."""
