"""Rebuilding daily summaries: read the records, apply the rules, keep the rows, clear what was stale."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from whoop_assets.summary.daily import daily_rows
from whoop_assets.warehouse import daily, stale_days
from whoop_assets.warehouse.database import Database

DAYS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many summary rows each day has now, over the members asked for, and how many rows changed."""

    rows: dict[date, int]
    changed: int


def rebuild_days(database: Database, members: Collection[int], first: date, last: date) -> Rebuilt:
    """Rebuild the summaries of these members for the days first..last.

    Reading and writing happen in one transaction that holds the members' locks: were they apart, a slow rebuild
    could put an older row over a newer one and nothing would be stale.
    """
    counts: dict[date, int] = {}
    changed = 0
    start = first
    while start <= last and members:
        end = min(last, start + timedelta(days=DAYS_AT_ONCE - 1))
        with database.write(members) as connection:
            at = database.now(connection)
            read = stale_days.generations(connection, members, start, end)
            frames = daily.frames(connection, members, start, end)
            latest = daily.latest_cycles(connection, members)
            rows = daily_rows(
                frames["cycles"],
                frames["sleeps"],
                frames["recoveries"],
                frames["workouts"],
                latest_cycle=latest,
            )
            changed += daily.replace(connection, members, start, end, rows, at)
            stale_days.clear(connection, read)
        for row in rows:
            day = cast("date", row["day"])
            counts[day] = counts.get(day, 0) + 1
        start = end + timedelta(days=1)
    return Rebuilt(counts, changed)
