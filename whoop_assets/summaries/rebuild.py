"""Rebuild daily summaries from records, and trends and weekly summaries from daily summaries.

One transaction with the members' locks reads the rows, writes the results and clears their stale marks.
Changes during the rebuild stay stale, and a killed process leaves the marks. Members and days are rebuilt in
batches, so that a rebuild holds few rows in memory and few members' locks.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta

from whoop_assets.app_export.gap_filling import ImportedRecords, imported_records
from whoop_assets.date_ranges import to_date_ranges_of_members
from whoop_assets.db.database import Database
from whoop_assets.records.read_days import MemberDay, read_days
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS, StaleDay
from whoop_assets.summaries import store
from whoop_assets.summaries.daily.exported import AddedRecords, ApiRecords, fill_gaps, finish
from whoop_assets.summaries.daily.rows import Records, daily_rows
from whoop_assets.summaries.tables import trends, weekly_summary
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.windows import BACK_DAYS, REACH_DAYS

MAX_BRIDGED_GAP = timedelta(days=14)
"""Days that are at most this far apart are rebuilt in one transaction, with the days between them."""

MAX_BATCH_DAYS, MAX_BATCH_MEMBERS = 400, 25
REACH = timedelta(days=REACH_DAYS)


def rebuild_days(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the members' summaries of the days first..last.

    Without the locks, a slow rebuild could overwrite a newer row with an older one, and no stale mark would
    remain.

    Returns:
        The number of rows that changed.
    """
    return sum(
        _rebuild_days(database, batch, start, end)
        for batch in _member_batches(members)
        for start, end in _day_batches(first, last)
    )


def _rebuild_days(database: Database, members: Collection[int], first: date, last: date) -> int:
    with database.write(members) as connection:
        at = database.now(connection)
        read = STALE_DAYS.generations(connection, members, first, last)
        records = store.records(connection, members, first, last)
        read_for = read_days(connection, _days_of(records))
        latest = store.latest_cycles(connection, members)
        rows = _rows(records, read_for, latest, imported_records(connection, members, first, last, at))
        changed = store.replace_daily_rows(connection, members, first, last, rows, at)
        STALE_DAYS.clear(connection, read)
    return changed


def _days_of(records: Records) -> set[MemberDay]:
    """Return the member-days with any record."""
    return {(row["user_id"], row["day"]) for rows in records.values() for row in rows}


def _rows(
    records: Records,
    read: Mapping[str, set[MemberDay]],
    latest_cycle: Mapping[int, int],
    imported: ImportedRecords | None,
) -> list[dict[str, object]]:
    """Compute the daily rows from the API's records, and from an export's where the API was not read."""
    if imported is None:
        rows = daily_rows(records, latest_cycle)
        finish(rows, ApiRecords(read=read), AddedRecords())
        return rows
    api = ApiRecords(records, read)
    filled = fill_gaps(api, imported.cycles, imported.sleeps, imported.workouts, imported.newest_cycle)
    combined = {stream: [*rows, *filled.records[stream]] for stream, rows in records.items()}
    rows = daily_rows(combined, {**latest_cycle, **filled.latest_cycle})
    finish(rows, api, filled, naps_known=imported.naps_known, workouts_known=imported.workouts_known)
    return rows


def rebuild_stale_days(database: Database, stale: Collection[StaleDay]) -> int:
    """Rebuild the summaries of the stale days, and of the days between two of them if they are few.

    Returns the number of changed rows.
    """
    spans = to_date_ranges_of_members(
        ((entry.user_id, entry.day) for entry in stale), max_gap=MAX_BRIDGED_GAP
    )
    return sum(rebuild_days(database, users, start, stop) for users, start, stop in spans)


def rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the members' trends of first..last.

    Also rebuilds those of later days that have a stale one of these days in their windows.

    A stale mark before `first` stays: the rebuild of its own day clears it.

    Returns:
        The number of rows that changed.
    """
    return sum(_rebuild_trends(database, batch, first, last) for batch in _member_batches(members))


def _rebuild_trends(database: Database, members: Collection[int], first: date, last: date) -> int:
    # Imported here, because most processes never need pandas, which takes a third of a second to load.
    from whoop_assets.summaries.trends.rows import trend_rows

    changed = 0
    with database.write(members) as connection:
        at = database.now(connection)
        read = STALE_TRENDS.generations(connection, members, first, last)
        # Trends depend on summaries only, so a rebuilt trend makes no further row stale.
        reached = max((entry.day + timedelta(days=REACH_DAYS) for entry in read), default=last)
        latest = store.latest_day(connection, members)
        end = last if latest is None else max(first, min(max(last, reached), latest))
        for start, stop in _day_batches(first, end):
            daily = store.daily_rows(connection, members, start - timedelta(days=BACK_DAYS), stop, DAILY_READ)
            rows = trend_rows(daily, start, stop)
            changed += store.replace_rows(connection, trends.c.day, members, start, stop, rows, at)
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
    # Imported here for the same reason.
    from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS, weekly_rows

    changed = 0
    for batch in _member_batches(members):
        with database.write(batch) as connection:
            at = database.now(connection)
            read = STALE_WEEKS.generations(connection, batch, first, last)
            daily = store.daily_rows(connection, batch, first, last + timedelta(days=6), DAILY_READ_BY_WEEKS)
            changed += store.replace_rows(
                connection, weekly_summary.c.week_start, batch, first, last, weekly_rows(daily), at
            )
            STALE_WEEKS.clear(connection, read)
    return changed


def rebuild_stale_trends_and_weeks(database: Database, user_id: int) -> None:
    """Rebuild all stale trends and weekly summaries of the member."""
    with database.read() as connection:
        behind, weeks = (
            ledger.generations(connection, [user_id], date.min, date.max)
            for ledger in (STALE_TRENDS, STALE_WEEKS)
        )
    rebuild_stale_trends(database, behind)
    if weeks:
        mondays = [entry.day for entry in weeks]
        rebuild_weeks(database, [user_id], min(mondays), max(mondays))


def _member_batches(members: Collection[int]) -> Iterator[list[int]]:
    """Return the members in batches, sorted by id."""
    ordered = sorted(members)
    for start in range(0, len(ordered), MAX_BATCH_MEMBERS):
        yield ordered[start : start + MAX_BATCH_MEMBERS]


def _day_batches(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Return the first and last day of each batch of the days first..last."""
    while first <= last:
        end = min(last, first + timedelta(days=MAX_BATCH_DAYS - 1))
        yield first, end
        first = end + timedelta(days=1)
