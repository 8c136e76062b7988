"""Rebuilding daily summaries: read the records, apply the rules, keep the rows, clear what was stale."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from whoop_assets.summary.daily import daily_rows
from whoop_assets.summary.exported import exported_rows
from whoop_assets.warehouse import daily, filling, stale_days
from whoop_assets.warehouse.database import Database

DAYS_AT_ONCE, MEMBERS_AT_ONCE = 400, 25
"""At most so much is held in memory (about 3 kB a row), and of so many members are the locks."""

BUILT_ALONG = timedelta(days=14)
"""A call costs as much as a month of a member's days: days that are no further apart than this are built in one, with what
lies between them."""


@dataclass(slots=True)
class Rebuilt:
    """How many summary rows each day has now, over the members asked for, and how many rows changed."""

    rows: dict[date, int]
    changed: int


def rebuild_days(database: Database, members: Collection[int], first: date, last: date) -> Rebuilt:
    """Rebuild the summaries of these members for the days first..last.

    Reading and writing happen in one transaction that holds the members' locks: were they apart, a slow rebuild
    could put an older row over a newer one and nothing would be stale.
    """
    result = Rebuilt({}, 0)
    everybody = sorted(members)
    for place in range(0, len(everybody), MEMBERS_AT_ONCE):
        some = everybody[place : place + MEMBERS_AT_ONCE]
        start = first
        while start <= last:
            end = min(last, start + timedelta(days=DAYS_AT_ONCE - 1))
            _rebuild(database, some, start, end, result)
            start = end + timedelta(days=1)
    return result


def _rebuild(database: Database, members: Collection[int], first: date, last: date, result: Rebuilt) -> None:
    with database.write(members) as connection:
        at = database.now(connection)
        read = stale_days.generations(connection, members, first, last)
        frames = daily.frames(connection, members, first, last)
        latest = daily.latest_cycles(connection, members)
        rows = daily_rows(
            frames["cycles"], frames["sleeps"], frames["recoveries"], frames["workouts"], latest_cycle=latest
        )
        theirs = {(cast("int", row["user_id"]), cast("date", row["day"])) for row in rows}
        lacking = filling.lacking(connection, members, first, last, theirs, at)
        if lacking is not None:
            rows += exported_rows(
                lacking.cycles,
                lacking.sleeps,
                lacking.workouts,
                newest_cycle=lacking.newest_cycle,
                naps_known=lacking.naps_known,
                workouts_known=lacking.workouts_known,
            )
        result.changed += daily.replace(connection, members, first, last, rows, at)
        stale_days.clear(connection, read)
    for row in rows:
        day = cast("date", row["day"])
        result.rows[day] = result.rows.get(day, 0) + 1
