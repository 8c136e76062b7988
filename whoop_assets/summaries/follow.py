"""Rebuilding what follows from daily summaries: trends, and weekly summaries.

Like the summaries themselves: reading, writing and clearing the ledger happen in one transaction that holds the
members' locks, so what changes meanwhile stays stale, and a process that is killed leaves the work visible.
"""

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from whoop_assets.date_ranges import to_date_ranges_of_members
from whoop_assets.db.database import Database
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS, StaleDay
from whoop_assets.summaries import trends_store
from whoop_assets.summaries.trends import BACK_DAYS, DAILY_READ, REACH_DAYS, trend_rows
from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS, weekly_rows

REACH = timedelta(days=REACH_DAYS)
DAYS_AT_ONCE, MEMBERS_AT_ONCE = 400, 25
"""At most so much is held in memory, and of so many members are the locks."""


def rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the trends of these members for first..last, and for the days after them that changes in there reach.

    Returns how many rows changed. A change before `first` stays in the ledger, even where it reaches into these days:
    it is cleared with the day on which it happened, when all that it reaches is built.
    """
    return sum(_rebuild_trends(database, some, first, last) for some in _lots(members))


def _rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    changed = 0
    with database.write(members) as connection:
        at = database.now(connection)
        read = STALE_TRENDS.generations(connection, members, first, last)
        # Trends are made of summaries alone, so what a change reaches reaches no further.
        reached = max((entry.day + timedelta(days=REACH_DAYS) for entry in read), default=last)
        latest = trends_store.latest_day(connection, members)
        end = last if latest is None else max(first, min(max(last, reached), latest))
        for start, stop in _spans(first, end):
            daily = trends_store.daily_rows(
                connection, members, start - timedelta(days=BACK_DAYS), stop, DAILY_READ
            )
            rows = trend_rows(daily, start, stop)
            changed += trends_store.replace_trends(connection, members, start, stop, rows, at)
        STALE_TRENDS.clear(connection, read)
    return changed


def rebuild_behind(database: Database, behind: Collection[StaleDay]) -> int:
    """Rebuild the trends of these days and of those that they reach, and no others; returns how many rows changed."""
    # Changes closer than a window's reach are one span: what the first reaches, the second does.
    spans = to_date_ranges_of_members(((entry.user_id, entry.day) for entry in behind), max_gap=REACH)
    return sum(rebuild_trends(database, users, start, stop) for users, start, stop in spans)


def rebuild_weeks(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the weekly summaries of these members, from one Monday to another; returns how many rows changed."""
    changed = 0
    for some in _lots(members):
        with database.write(some) as connection:
            at = database.now(connection)
            read = STALE_WEEKS.generations(connection, some, first, last)
            daily = trends_store.daily_rows(
                connection, some, first, last + timedelta(days=6), DAILY_READ_BY_WEEKS
            )
            changed += trends_store.replace_weeks(connection, some, first, last, weekly_rows(daily), at)
            STALE_WEEKS.clear(connection, read)
    return changed


def _lots(members: Collection[int]) -> Iterator[list[int]]:
    everybody = sorted(members)
    for place in range(0, len(everybody), MEMBERS_AT_ONCE):
        yield everybody[place : place + MEMBERS_AT_ONCE]


def _spans(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        stop = min(last, first + timedelta(days=DAYS_AT_ONCE - 1))
        yield first, stop
        first = stop + timedelta(days=1)
