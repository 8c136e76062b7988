"""Rebuild daily summaries: read the records, compute the rows, store them and clear their stale marks."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from whoop_assets.app_export.gap_filling import ImportedRecords, imported_records
from whoop_assets.db.database import Database
from whoop_assets.records.read_days import MemberDay, read_days
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.summaries import daily_store
from whoop_assets.summaries.batches import day_batches, member_batches
from whoop_assets.summaries.daily import daily_rows
from whoop_assets.summaries.daily.exported import AddedRecords, ApiRecords, fill_gaps, finish

MAX_BRIDGED_GAP = timedelta(days=14)
"""Days that are at most this far apart are rebuilt in one transaction, with the days between them."""

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Stream -> rows of its records."""


def rebuild_days(database: Database, members: Collection[int], first: date, last: date) -> int:
    """Rebuild the members' summaries of the days first..last.

    One transaction with the members' locks reads the records and writes the rows. Otherwise a slow rebuild
    could overwrite a newer row with an older one, and no stale mark would remain.

    Returns:
        The number of rows that changed.
    """
    return sum(
        _rebuild(database, batch, start, end)
        for batch in member_batches(members)
        for start, end in day_batches(first, last)
    )


def _rebuild(database: Database, members: Collection[int], first: date, last: date) -> int:
    with database.write(members) as connection:
        at = database.now(connection)
        read = STALE_DAYS.generations(connection, members, first, last)
        records = daily_store.records(connection, members, first, last)
        read_for = read_days(connection, _days_of(records))
        latest = daily_store.latest_cycles(connection, members)
        rows = _rows(records, read_for, latest, imported_records(connection, members, first, last, at))
        changed = daily_store.replace(connection, members, first, last, rows, at)
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
        rows = daily_rows(**records, latest_cycle=latest_cycle)
        finish(rows, ApiRecords(read=read), AddedRecords())
        return rows
    api = ApiRecords(**records, read=read)
    filled = fill_gaps(api, imported.cycles, imported.sleeps, imported.workouts, imported.newest_cycle)
    combined = {stream: [*rows, *getattr(filled, stream)] for stream, rows in records.items()}
    rows = daily_rows(**combined, latest_cycle={**latest_cycle, **filled.latest_cycle})
    finish(rows, api, filled, naps_known=imported.naps_known, workouts_known=imported.workouts_known)
    return rows
