"""Rebuild trends and weekly summaries from daily summaries.

One transaction with the members' locks reads the rows, writes the results and clears their stale marks.
Changes during the rebuild stay stale, and a killed process leaves the marks.
"""

from collections.abc import Collection
from datetime import date, timedelta

from whoop_assets.date_ranges import to_date_ranges_of_members
from whoop_assets.db.database import Database
from whoop_assets.records.stale_days import STALE_TRENDS, STALE_WEEKS, StaleDay
from whoop_assets.summaries import trends_store
from whoop_assets.summaries.batches import day_batches, member_batches
from whoop_assets.summaries.tables import trends, weekly_summary
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.windows import BACK_DAYS, REACH_DAYS

REACH = timedelta(days=REACH_DAYS)


def rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the members' trends of first..last.

    Also rebuilds those of later days that have a stale one of these days in their windows.

    A stale mark before `first` stays: the rebuild of its own day clears it.

    Returns:
        The number of rows that changed.
    """
    return sum(_rebuild_trends(database, batch, first, last) for batch in member_batches(members))


def _rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    # Imported here, because most processes never need pandas, which takes a third of a second to load.
    from whoop_assets.summaries.trends.rows import trend_rows

    changed = 0
    with database.write(members) as connection:
        at = database.now(connection)
        read = STALE_TRENDS.generations(connection, members, first, last)
        # Trends depend on summaries only, so a rebuilt trend makes no further row stale.
        reached = max((entry.day + timedelta(days=REACH_DAYS) for entry in read), default=last)
        latest = trends_store.latest_day(connection, members)
        end = last if latest is None else max(first, min(max(last, reached), latest))
        for start, stop in day_batches(first, end):
            daily = trends_store.daily_rows(
                connection, members, start - timedelta(days=BACK_DAYS), stop, DAILY_READ
            )
            rows = trend_rows(daily, start, stop)
            changed += trends_store.replace_rows(connection, trends.c.day, members, start, stop, rows, at)
        STALE_TRENDS.clear(connection, read)
    return changed


def rebuild_stale_trends(database: Database, stale: Collection[StaleDay]) -> int:
    """Rebuild the trends of the stale days and of the days that depend on them.

    Returns the number of changed rows.
    """
    # Days closer than the longest window are one range, because their rebuilds would overlap.
    spans = to_date_ranges_of_members(((entry.user_id, entry.day) for entry in stale), max_gap=REACH)
    return sum(rebuild_trends(database, users, start, stop) for users, start, stop in spans)


def rebuild_weeks(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the members' weekly summaries from one Monday to another; return the number of changed rows."""
    # Imported here for the same reason as above.
    from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS, weekly_rows

    changed = 0
    for batch in member_batches(members):
        with database.write(batch) as connection:
            at = database.now(connection)
            read = STALE_WEEKS.generations(connection, batch, first, last)
            daily = trends_store.daily_rows(
                connection, batch, first, last + timedelta(days=6), DAILY_READ_BY_WEEKS
            )
            changed += trends_store.replace_rows(
                connection, weekly_summary.c.week_start, batch, first, last, weekly_rows(daily), at
            )
            STALE_WEEKS.clear(connection, read)
    return changed
