"""Rebuilding daily summaries: read the records, apply the rules, keep the rows, clear what was stale."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import pandas as pd

from whoop_assets.app_export.gap_filling import ImportedRecords, imported_records
from whoop_assets.db.database import Database
from whoop_assets.records import stale_days
from whoop_assets.records.read_days import MemberDay, read_days
from whoop_assets.summaries import daily_store
from whoop_assets.summaries.daily import daily_rows
from whoop_assets.summaries.exported import ApiRecords, Filling, filling, finish

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
        frames = daily_store.frames(connection, members, first, last)
        read_for = read_days(connection, _days_of(frames))
        latest = daily_store.latest_cycles(connection, members)
        rows = _rows(frames, read_for, latest, imported_records(connection, members, first, last, at))
        result.changed += daily_store.replace(connection, members, first, last, rows, at)
        stale_days.clear(connection, read)
    for row in rows:
        day = cast("date", row["day"])
        result.rows[day] = result.rows.get(day, 0) + 1


def _days_of(frames: Mapping[str, pd.DataFrame]) -> set[MemberDay]:
    """The member-days with any record."""
    return {
        (user_id, day)
        for frame in frames.values()
        for user_id, day in zip(frame["user_id"], frame["day"], strict=True)
    }


def _rows(
    frames: Mapping[str, pd.DataFrame],
    read: Mapping[str, set[MemberDay]],
    latest_cycle: Mapping[int, int],
    imported: ImportedRecords | None,
) -> list[dict[str, object]]:
    """The daily rows: from the API's records, and from an export's where the API was not read."""
    if imported is None:
        rows = _daily_rows(frames, latest_cycle)
        finish(rows, ApiRecords(read=read), Filling())
        return rows
    api = ApiRecords(**{name: _records(frames[name], _CHOSEN_BY[name]) for name in frames}, read=read)
    filled = filling(api, imported.cycles, imported.sleeps, imported.workouts, imported.newest_cycle)
    together = {name: _with(frame, getattr(filled, name)) for name, frame in frames.items()}
    rows = _daily_rows(together, {**latest_cycle, **filled.latest_cycle})
    finish(rows, api, filled, naps_known=imported.naps_known, workouts_known=imported.workouts_known)
    return rows


def _daily_rows(
    frames: Mapping[str, pd.DataFrame], latest_cycle: Mapping[int, int]
) -> list[dict[str, object]]:
    return daily_rows(
        frames["cycles"],
        frames["sleeps"],
        frames["recoveries"],
        frames["workouts"],
        latest_cycle=latest_cycle,
    )


def _with(frame: pd.DataFrame, added: list[dict[str, Any]]) -> pd.DataFrame:
    if not added:
        return frame
    return pd.concat([frame, pd.DataFrame(added, dtype=object)], ignore_index=True)


_CHOSEN_BY = {
    "cycles": ("user_id", "day", "id"),
    "sleeps": ("user_id", "day", "id", "cycle_id", "nap"),
    "recoveries": ("user_id", "day", "sleep_id", "cycle_id", "recovery_score"),
    "workouts": ("user_id", "day"),
}
"""Stream -> the columns by which an export's records are fitted in beside the API's."""


def _records(frame: pd.DataFrame, names: tuple[str, ...]) -> list[dict[str, Any]]:
    columns = [frame[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
