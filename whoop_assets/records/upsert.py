"""Upserts of records: an older response never overwrites a newer one.

Each function works in the caller's transaction. It also keeps versions, reassigns days and marks days stale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Column, Connection, Table, bindparam, delete, or_, select, update

from whoop_assets.db.statements import batched, insert_or_ignore, insert_rows, update_rows
from whoop_assets.records import coverage, day_assignment
from whoop_assets.records.coverage import Span
from whoop_assets.records.day_assignment import AffectedRecords
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import RECORD_TABLES, cycles, record_versions, recoveries
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import Calendar

_COMPARED = (
    *("user_id", "day", "start_time", "end_time", "timezone_offset"),
    *("updated_at", "content_hash", "synced_at", "deleted_at"),
)


@dataclass(slots=True)
class StoreStats:
    """Numbers of records by outcome, and the days that changed.

    Attributes:
        confirmed: Records with the same content as stored.
        superseded: Responses older than the stored content.
        outdated: Keys of superseded records that no later request has confirmed.
    """

    created: int = 0
    changed: int = 0
    confirmed: int = 0
    superseded: int = 0
    deleted: int = 0
    quarantined: int = 0
    days: set[date] = field(default_factory=set)
    outdated: set[Any] = field(default_factory=set)


def store(
    connection: Connection, user_id: int, stream: str, records: Iterable[ParsedRecord], at: datetime
) -> StoreStats:
    """Store parsed records of one stream. `at` is the time by the database's clock."""
    stats = StoreStats()
    ordered = sorted(records, key=lambda record: record.order)
    newest = {record.key: record for record in ordered}
    if not newest:
        return stats
    stored = _stored_rows(connection, stream, list(newest))
    to_write: list[ParsedRecord] = []
    confirmed: dict[datetime, list[Any]] = {}
    for key, record in newest.items():
        row = stored.get(key)
        outcome = _compare(record, row)
        if outcome == "write":
            to_write.append(record)
        elif outcome == "confirm":
            confirmed.setdefault(record.requested_at, []).append(key)
            stats.confirmed += 1
        else:
            stats.superseded += 1
            if row is None or row.synced_at < record.requested_at:
                stats.outdated.add(key)
    _add_versions(connection, user_id, stream, ordered, stored)
    _confirm(connection, stream, confirmed)
    if to_write:
        _write(connection, user_id, stream, to_write, stored, at, stats)
    return stats


def delete_confirmed(
    connection: Connection, user_id: int, stream: str, absences: dict[Any, datetime], at: datetime
) -> StoreStats:
    """Mark records as deleted after a 404 at their own URL. A sleep's recovery is deleted with it.

    A record that another process confirmed after the request stays.

    Args:
        absences: Key -> send time of the request that returned 404.
        at: The time by the database's clock.
    """
    stats = StoreStats()
    table, key_column = _table_and_key(stream)
    gone = [
        row
        for key, row in _stored_rows(connection, stream, list(absences)).items()
        if row.user_id == user_id and row.deleted_at is None and row.synced_at <= absences[key]
    ]
    if not gone:
        return stats
    latest = latest_cycle(connection, user_id) if stream == "cycles" else None
    changes = [{key_column.name: row.key, "deleted_at": absences[row.key], "changed_at": at} for row in gone]
    update_rows(connection, table, changes)
    stats.deleted = len(gone)
    stats.days |= {row.day for row in gone}
    if stream == "sleeps":
        sleep_ids = [row.key for row in gone]
        with_recovery = _stored_rows(connection, "recoveries", sleep_ids)
        nested = delete_confirmed(
            connection, user_id, "recoveries", {key: absences[key] for key in with_recovery}, at
        )
        stats.deleted += nested.deleted
        stats.days |= nested.days
    if stream == "cycles":
        stats.days |= _reassign_after_cycles(connection, user_id, gone, [], latest, at)
    STALE_DAYS.mark(connection, user_id, stats.days, at)
    return stats


def keys_within(connection: Connection, user_id: int, stream: str, span: Span) -> set[Any]:
    """Return the keys of the member's existing records that start within the span."""
    table, key_column = _table_and_key(stream)
    query = select(key_column).where(
        table.c.user_id == user_id,
        table.c.deleted_at.is_(None),
        table.c.start_time >= span.start,
        table.c.start_time < span.end,
    )
    return set(connection.scalars(query))


def keys_of_days_outside(
    connection: Connection, user_id: int, stream: str, first: date, last: date, span: Span
) -> set[Any]:
    """Return the keys of existing records of the days first..last that start outside the span."""
    table, key_column = _table_and_key(stream)
    query = select(key_column).where(
        table.c.user_id == user_id,
        table.c.deleted_at.is_(None),
        table.c.day.between(first, last),
        or_(table.c.start_time < span.start, table.c.start_time >= span.end),
    )
    return set(connection.scalars(query))


def cycle_of_recovery(connection: Connection, sleep_ids: Sequence[str]) -> dict[str, int]:
    """Return the cycle id of each stored recovery, by its sleep's id."""
    found: dict[str, int] = {}
    for batch in batched(sleep_ids):
        query = select(recoveries.c.sleep_id, recoveries.c.cycle_id).where(recoveries.c.sleep_id.in_(batch))
        found |= dict(connection.execute(query).all())
    return found


def _table_and_key(stream: str) -> tuple[Table, Column[Any]]:
    table = RECORD_TABLES[stream]
    return table, table.c[STREAMS[stream].key]


def _stored_rows(connection: Connection, stream: str, keys: Sequence[Any]) -> dict[Any, Any]:
    """Return key -> stored row, deleted or not. The row has the key as `key`."""
    table, key_column = _table_and_key(stream)
    query = select(key_column.label("key"), *(table.c[name] for name in _COMPARED))
    return {
        row.key: row
        for batch in batched(keys)
        for row in connection.execute(query.where(key_column.in_(batch)))
    }


def _add_versions(
    connection: Connection,
    user_id: int,
    stream: str,
    records: Iterable[ParsedRecord],
    stored: Mapping[Any, Any],
) -> None:
    """Keep each new content of a record, with the endpoint that returned it.

    Of the contents of an open cycle only the last is kept.

    Args:
        records: Parsed records of one stream, oldest first.
        stored: Key -> stored row.
    """
    rows: list[dict[str, Any]] = []
    open_keys: list[dict[str, str]] = []
    for record in records:
        row = stored.get(record.key)
        fields = record.fields
        if row is not None and row.content_hash == fields["content_hash"]:
            continue
        is_open = stream == "cycles" and fields["end_time"] is None
        if is_open:
            if row is not None and record.order < (row.updated_at, row.synced_at):
                continue
            open_keys.append({"key": str(record.key)})
            rows = [kept for kept in rows if not (kept["open"] and kept["record_key"] == str(record.key))]
        rows.append(
            {
                "stream": stream,
                "record_key": str(record.key),
                "content_hash": fields["content_hash"],
                "user_id": user_id,
                "payload": fields["payload"],
                "endpoint": record.endpoint,
                "updated_at": fields["updated_at"],
                "requested_at": record.requested_at,
                "open": is_open,
            }
        )
    if open_keys:
        connection.execute(
            delete(record_versions).where(
                record_versions.c.stream == stream,
                record_versions.c.record_key == bindparam("key"),
                record_versions.c.open.is_(True),
            ),
            open_keys,
        )
    insert_or_ignore(connection, record_versions, rows)


def _compare(record: ParsedRecord, row: Any | None) -> Literal["write", "confirm", "superseded"]:
    """Return whether the record is newer than the stored row, the same, or older."""
    if row is None:
        return "write"
    if row.deleted_at is not None:
        return "write" if record.requested_at > row.deleted_at else "superseded"
    if record.fields["content_hash"] == row.content_hash:
        return "confirm"
    return "write" if record.order >= (row.updated_at, row.synced_at) else "superseded"


def _confirm(connection: Connection, stream: str, confirmed: dict[datetime, list[Any]]) -> None:
    table, key_column = _table_and_key(stream)
    for requested_at, keys in confirmed.items():
        for batch in batched(keys):
            connection.execute(
                update(table)
                .where(key_column.in_(batch), table.c.synced_at < requested_at)
                .values(synced_at=requested_at)
            )


def _write(
    connection: Connection,
    user_id: int,
    stream: str,
    records: list[ParsedRecord],
    stored: dict[Any, Any],
    at: datetime,
    stats: StoreStats,
) -> None:
    table = RECORD_TABLES[stream]
    is_cycles = stream == "cycles"
    # A cycle's day follows from the cycle itself.
    days = Calendar(()) if is_cycles else day_assignment.calendar(connection, user_id)
    latest = latest_cycle(connection, user_id) if is_cycles else None
    sleep_ids = [record.key for record in records] if stream == "recoveries" else []
    sleeps_by_id = day_assignment.sleep_times(connection, sleep_ids)
    new_rows, changed_rows = [], []
    moments: list[datetime] = []
    for record in records:
        row = stored.get(record.key)
        assigned = day_assignment.assigned_columns(STREAMS[stream], record.fields, days, sleeps_by_id)
        values = record.fields | assigned
        values |= {"user_id": user_id, "changed_at": at, "synced_at": record.requested_at, "deleted_at": None}
        stats.days.add(values["day"])
        if row is None:
            new_rows.append(values | {"first_seen_at": at})
            continue
        stats.days.add(row.day)
        start = values["start_time"]
        if row.deleted_at is not None or row.start_time != start:
            moments += [moment for moment in (row.start_time, start) if moment is not None]
        changed_rows.append(values)
    insert_rows(connection, table, new_rows)
    update_rows(connection, table, changed_rows)
    coverage.forget_counts(connection, user_id, stream, moments)
    stats.created, stats.changed = len(new_rows), len(changed_rows)
    if is_cycles:
        moved = [record for record in records if _moved(record, stored.get(record.key))]
        before = [stored[record.key] for record in moved if record.key in stored]
        stats.days |= _reassign_after_cycles(connection, user_id, before, moved, latest, at)
    elif stream == "sleeps":
        affected = AffectedRecords(sleep_ids=frozenset(record.key for record in records))
        stats.days |= day_assignment.reassign_days(connection, user_id, affected, days, at)
    STALE_DAYS.mark(connection, user_id, stats.days, at)


def _moved(cycle: ParsedRecord, row: Any | None) -> bool:
    """Return whether the cycle is new, or has other times or another offset than the stored row."""
    return (
        row is None
        or row.deleted_at is not None
        or any(
            cycle.fields[name] != getattr(row, name) for name in ("start_time", "end_time", "timezone_offset")
        )
    )


def _reassign_after_cycles(
    connection: Connection,
    user_id: int,
    before: Sequence[Any],
    after: Sequence[ParsedRecord],
    latest_before: tuple[int, date] | None,
    at: datetime,
) -> set[date]:
    """Reassign records after cycles changed. Returns the days that changed.

    Args:
        before: Stored rows of the changed cycles, as they were.
        after: The cycles as they are now.
        latest_before: Id and day of the member's latest cycle before the change.
    """
    if not before and not after:
        return set()
    changed_days: set[date] = set()
    if day_assignment.has_dependent_records(connection, user_id):
        days = day_assignment.calendar(connection, user_id)
        spans = [(row.start_time, row.end_time) for row in before]
        spans += [(cycle.fields["start_time"], cycle.fields["end_time"]) for cycle in after]
        ids = [row.key for row in before] + [cycle.key for cycle in after]
        affected = day_assignment.affected_by_cycles(spans, ids, days)
        changed_days = day_assignment.reassign_days(connection, user_id, affected, days, at)
    # A day is partial only if its cycle is the member's latest.
    latest_after = latest_cycle(connection, user_id)
    if latest_before != latest_after:
        changed_days |= {latest[1] for latest in (latest_before, latest_after) if latest is not None}
    return changed_days


def latest_cycle(connection: Connection, user_id: int) -> tuple[int, date] | None:
    """Return id and day of the member's latest cycle."""
    query = (
        select(cycles.c.id, cycles.c.day)
        .where(cycles.c.user_id == user_id, cycles.c.deleted_at.is_(None))
        .order_by(cycles.c.start_time.desc(), cycles.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.id, row.day)
