"""Storing records: upserts that never let an older answer win, with versions, re-filing and stale days.

Everything here runs inside one write transaction of the member's (`Database.write`), which the caller opens: a piece
of a load is stored whole or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import batched, insert_rows
from whoop_assets.records import coverage, day_assignment, stale_days, versions
from whoop_assets.records.coverage import Span
from whoop_assets.records.incoming import KEY, Incoming
from whoop_assets.records.tables import RECORD_TABLES, cycles, recoveries
from whoop_assets.whoop_day import Calendar

_KEYS = {stream: table.c[KEY[stream]] for stream, table in RECORD_TABLES.items()}

# Made once: these are asked for with every piece of a load.
_EXISTING = {
    stream: Prepared(
        select(
            _KEYS[stream], table.c.user_id, table.c.day, table.c.start_time, table.c.end_time, table.c.timezone_offset,
            table.c.updated_at, table.c.content_hash, table.c.synced_at, table.c.deleted_at,
        ).where(_KEYS[stream].in_(bindparam("keys", expanding=True)))
    )
    for stream, table in RECORD_TABLES.items()
}  # fmt: skip
_CONFIRM = {
    stream: Prepared(
        update(table)
        .where(
            _KEYS[stream].in_(bindparam("keys", expanding=True)),
            table.c.synced_at < bindparam("requested_at"),
        )
        .values(synced_at=bindparam("requested_at"))
    )
    for stream, table in RECORD_TABLES.items()
}
_FILED_OUTSIDE = {
    stream: Prepared(
        select(_KEYS[stream]).where(
            table.c.user_id == bindparam("member"),
            table.c.deleted_at.is_(None),
            table.c.day.between(bindparam("first"), bindparam("last")),
            or_(
                table.c.start_time < bindparam("span_start"),
                table.c.start_time >= bindparam("span_end"),
            ),
        )
    )
    for stream, table in RECORD_TABLES.items()
}
_WITHIN = {
    stream: Prepared(
        select(_KEYS[stream]).where(
            table.c.user_id == bindparam("member"),
            table.c.deleted_at.is_(None),
            table.c.start_time >= bindparam("span_start"),
            table.c.start_time < bindparam("span_end"),
        )
    )
    for stream, table in RECORD_TABLES.items()
}
_LATEST_CYCLE = Prepared(
    select(cycles.c.id, cycles.c.day)
    .where(cycles.c.user_id == bindparam("member"), cycles.c.deleted_at.is_(None))
    .order_by(cycles.c.start_time.desc(), cycles.c.id.desc())
    .limit(1)
)


@dataclass(slots=True)
class Stored:
    """What storing changed."""

    created: int = 0
    changed: int = 0
    confirmed: int = 0
    superseded: int = 0
    deleted: int = 0
    days: set[date] = field(default_factory=set)


def store(
    connection: Connection, user_id: int, stream: str, answers: Iterable[Incoming], at: datetime
) -> Stored:
    """Store these answers, older ones first; `at` is the time by the database's clock."""
    result = Stored()
    ordered = sorted(answers, key=lambda answer: answer.order)
    newest = {answer.key: answer for answer in ordered}
    if not newest:
        return result
    old = _existing(connection, stream, list(newest))
    write: list[Incoming] = []
    confirm: dict[datetime, list[Any]] = {}
    for key, answer in newest.items():
        row = old.get(key)
        verdict = _verdict(answer, row)
        if verdict == "write":
            write.append(answer)
        elif verdict == "confirm":
            confirm.setdefault(answer.requested_at, []).append(key)
            result.confirmed += 1
        else:
            result.superseded += 1
    versions.keep(connection, user_id, stream, ordered, old)
    _confirm(connection, stream, confirm)
    if write:
        _write(connection, user_id, stream, write, old, at, result)
    return result


def delete_confirmed(
    connection: Connection, user_id: int, stream: str, absences: dict[Any, datetime], at: datetime
) -> Stored:
    """Mark records as deleted whose own URL answered 404: key -> send time of the request that found it gone.

    A sleep takes its recovery with it. A record that somebody confirmed after that request stays.
    """
    result = Stored()
    table, name = RECORD_TABLES[stream], KEY[stream]
    rows = _existing(connection, stream, list(absences))
    gone = [
        row
        for key, row in rows.items()
        if row.user_id == user_id and row.deleted_at is None and row.synced_at <= absences[key]
    ]
    if not gone:
        return result
    latest = _latest_cycle_day(connection, user_id) if stream == "cycles" else None
    connection.execute(
        update(table)
        .where(table.c[name] == bindparam("key"))
        .values(deleted_at=bindparam("gone_at"), changed_at=at),
        [{"key": getattr(row, name), "gone_at": absences[getattr(row, name)]} for row in gone],
    )
    result.deleted = len(gone)
    result.days |= {row.day for row in gone}
    if stream == "sleeps":
        with_it = _existing(connection, "recoveries", [row.id for row in gone])
        nested = delete_confirmed(
            connection, user_id, "recoveries", {key: absences[key] for key in with_it}, at
        )
        result.deleted += nested.deleted
        result.days |= nested.days
    if stream == "cycles":
        result.days |= _refile_cycles(connection, user_id, gone, [], latest, at)
    stale_days.mark(connection, user_id, result.days, at)
    return result


def keys_within(connection: Connection, user_id: int, stream: str, span: Span) -> set[Any]:
    """Keys of the member's existing records that start within the span."""
    rows = _WITHIN[stream].rows(connection, member=user_id, span_start=span.start, span_end=span.end)
    return {key for (key,) in rows}


def keys_filed_outside(
    connection: Connection, user_id: int, stream: str, first: date, last: date, span: Span
) -> set[Any]:
    """Keys of the member's existing records of the days first..last that do not start within the span."""
    rows = _FILED_OUTSIDE[stream].rows(
        connection, member=user_id, first=first, last=last, span_start=span.start, span_end=span.end
    )
    return {key for (key,) in rows}


def cycle_of_recovery(connection: Connection, sleep_ids: Sequence[str]) -> dict[str, int]:
    """The cycle of each stored recovery among these."""
    found: dict[str, int] = {}
    for lot in batched(sleep_ids):
        query = select(recoveries.c.sleep_id, recoveries.c.cycle_id).where(recoveries.c.sleep_id.in_(lot))
        found.update(dict(connection.execute(query).all()))
    return found


def _existing(connection: Connection, stream: str, keys: Sequence[Any]) -> dict[Any, Any]:
    """Key -> row of what is stored of these, deleted or not."""
    return {row[0]: row for lot in batched(keys) for row in _EXISTING[stream].rows(connection, keys=lot)}


def _verdict(answer: Incoming, row: Any | None) -> str:
    """write: it changes what is stored; confirm: it says the same; superseded: something newer is stored."""
    if row is None:
        return "write"
    if row.deleted_at is not None:
        return "write" if answer.requested_at > row.deleted_at else "superseded"
    if answer.fields["content_hash"] == row.content_hash:
        return "confirm"
    return "write" if answer.order >= (row.updated_at, row.synced_at) else "superseded"


def _confirm(connection: Connection, stream: str, confirmed: dict[datetime, list[Any]]) -> None:
    for requested_at, keys in confirmed.items():
        for lot in batched(keys):
            _CONFIRM[stream].run(connection, keys=lot, requested_at=requested_at)


def _write(
    connection: Connection,
    user_id: int,
    stream: str,
    write: list[Incoming],
    old: dict[Any, Any],
    at: datetime,
    result: Stored,
) -> None:
    table, name = RECORD_TABLES[stream], KEY[stream]
    # A cycle's day follows from itself; the calendar is looked at when it has been written.
    days = Calendar(()) if stream == "cycles" else day_assignment.calendar(connection, user_id)
    latest = _latest_cycle_day(connection, user_id) if stream == "cycles" else None
    sleeps_by_id = (
        day_assignment.sleep_times(connection, [a.key for a in write]) if stream == "recoveries" else {}
    )
    new_rows, changed_rows = [], []
    moments: list[datetime] = []
    for answer in write:
        row = old.get(answer.key)
        values = answer.fields | day_assignment.filed(stream, answer.fields, days, sleeps_by_id)
        values |= {"user_id": user_id, "changed_at": at, "synced_at": answer.requested_at, "deleted_at": None}
        result.days.add(values["day"])
        if row is None:
            new_rows.append(values | {"first_seen_at": at})
        else:
            result.days.add(row.day)
            start = values.get("start_time")
            if row.deleted_at is not None or row.start_time != start:
                moments += [one for one in (row.start_time, start) if one is not None]
            changed_rows.append(
                {f"new_{column}": value for column, value in values.items() if column != name}
                | {"key": answer.key}
            )
    insert_rows(connection, table, new_rows)
    if changed_rows:
        names = [column.removeprefix("new_") for column in changed_rows[0] if column != "key"]
        connection.execute(
            update(table)
            .where(table.c[name] == bindparam("key"))
            .values({column: bindparam(f"new_{column}") for column in names}),
            changed_rows,
        )
    coverage.forget_counts(connection, user_id, stream, moments)
    result.created, result.changed = len(new_rows), len(changed_rows)
    if stream == "cycles":
        moved = [
            answer
            for answer in write
            if (row := old.get(answer.key)) is None
            or row.deleted_at is not None
            or any(
                answer.fields[column] != getattr(row, column)
                for column in ("start_time", "end_time", "timezone_offset")
            )
        ]
        was = [old[answer.key] for answer in moved if answer.key in old]
        result.days |= _refile_cycles(connection, user_id, was, moved, latest, at)
    elif stream == "sleeps":
        reach = day_assignment.Reach(sleep_ids=frozenset(answer.key for answer in write))
        result.days |= day_assignment.refile(connection, user_id, reach, days, at)
    stale_days.mark(connection, user_id, result.days, at)


def _refile_cycles(
    connection: Connection,
    user_id: int,
    was: Sequence[Any],
    now: Sequence[Incoming],
    latest_before: "tuple[int, date] | None",
    at: datetime,
) -> set[date]:
    if not was and not now:
        return set()
    touched: set[date] = set()
    if day_assignment.anything_filed(connection, user_id):
        days = day_assignment.calendar(connection, user_id)
        spans = [(row.start_time, row.end_time) for row in was]
        spans += [(answer.fields["start_time"], answer.fields["end_time"]) for answer in now]
        ids = [row.id for row in was] + [answer.key for answer in now]
        touched = day_assignment.refile(
            connection, user_id, day_assignment.reach_of_cycles(spans, ids, days), days, at
        )
    # Whether a day is partial hangs on whether its cycle is the member's latest.
    latest_after = _latest_cycle_day(connection, user_id)
    if latest_before != latest_after:
        touched |= {entry[1] for entry in (latest_before, latest_after) if entry is not None}
    return touched


def _latest_cycle_day(connection: Connection, user_id: int) -> "tuple[int, date] | None":
    row = _LATEST_CYCLE.row(connection, member=user_id)
    return None if row is None else (row[0], row[1])
