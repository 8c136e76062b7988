"""Day assignment: sets the WHOOP day of each stored record, and resets it when the member's cycles change."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, Row, exists, or_, select

from whoop_assets.db.statements import batched, update_rows
from whoop_assets.records import coverage
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.tables import RECORD_TABLES, cycles, sleeps
from whoop_assets.whoop_api.streams import CYCLES, STREAMS, Stream
from whoop_assets.whoop_day import Calendar, CalendarCycle, cycle_day, parse_offset

offset_of = lru_cache(maxsize=256)(parse_offset)

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SleepTimes:
    """Times and day of a stored sleep, which its recovery shares."""

    start: datetime
    end: datetime | None
    day: date


def calendar(connection: Connection, user_id: int) -> Calendar:
    """Return the member's calendar: every cycle that is stored and not deleted."""
    c = cycles.c
    query = select(c.id, c.start_time, c.end_time, c.timezone_offset).where(
        c.user_id == user_id, c.deleted_at.is_(None)
    )
    return Calendar(
        CalendarCycle(cycle_id, start, end, offset_of(offset))
        for cycle_id, start, end, offset in connection.execute(query)
    )


def sleep_times(connection: Connection, sleep_ids: Collection[str]) -> dict[str, SleepTimes]:
    """Return times and days of those sleeps that are stored, by id."""
    c = sleeps.c
    found: dict[str, SleepTimes] = {}
    for batch in batched(list(sleep_ids)):
        query = select(c.id, c.start_time, c.end_time, c.day).where(c.id.in_(batch))
        found |= {key: SleepTimes(start, end, day) for key, start, end, day in connection.execute(query)}
    return found


def starts_of(
    connection: Connection, user_id: int, stream: str, records: Collection[ParsedRecord]
) -> list[datetime]:
    """Return the start of each distinct record.

    A recovery starts with its sleep, else with its cycle. Without either, the recovery is left out.
    """
    newest = {record.key: record for record in records}
    if "start_time" in STREAMS[stream].columns:
        return [record.fields["start_time"] for record in newest.values()]
    times = sleep_times(connection, list(newest))
    days = calendar(connection, user_id)
    starts = []
    for key, record in newest.items():
        cycle = None if record.cycle_id is None else days.by_id(record.cycle_id)
        if key in times:
            starts.append(times[key].start)
        elif cycle is not None:
            starts.append(cycle.start)
    return starts


def assigned_columns(
    stream: Stream, record: Mapping[str, Any], days: Calendar, sleeps_by_id: Mapping[str, SleepTimes]
) -> dict[str, Any]:
    """Return the columns that follow from the calendar: the day, and times and offset of a recovery."""
    match stream.day_rule:
        case "cycle":
            return {"day": cycle_day(record["start_time"], offset_of(record["timezone_offset"]))}
        case "sleep":
            day = days.sleep_day(
                cycle_id=record["cycle_id"],
                start=record["start_time"],
                nap=record["nap"],
                own_offset=offset_of(record["timezone_offset"]),
            )
            return {"day": day}
        case "workout":
            own_offset = offset_of(record["timezone_offset"])
            return {"day": days.workout_day(start=record["start_time"], own_offset=own_offset)}
        case "recovery":
            return _recovery_columns(record, days, sleeps_by_id.get(record["sleep_id"]))
        case _:
            assert_never(stream.day_rule)


def _recovery_columns(record: Mapping[str, Any], days: Calendar, sleep: SleepTimes | None) -> dict[str, Any]:
    cycle = days.by_id(record["cycle_id"])
    day = days.recovery_day(
        cycle_id=record["cycle_id"],
        sleep_day=None if sleep is None else sleep.day,
        created_at=record["created_at"],
    )
    start = sleep.start if sleep is not None else (cycle.start if cycle is not None else None)
    return {
        "day": day,
        "start_time": start,
        "end_time": None if sleep is None else sleep.end,
        "timezone_offset": None if cycle is None else format_offset(cycle.offset),
    }


def format_offset(offset: timedelta) -> str:
    """Return the offset as WHOOP writes it, `+hh:mm` or `-hh:mm`."""
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@dataclass(frozen=True, slots=True)
class AffectedRecords:
    """Records that a change may move: those in [low, high), and those of the given cycles or sleeps."""

    low: datetime = END
    high: datetime = BEGINNING
    cycle_ids: frozenset[int] = frozenset()
    sleep_ids: frozenset[str] = frozenset()


def has_dependent_records(connection: Connection, user_id: int) -> bool:
    """Return whether the member has a record that gets its day from cycles."""
    tables = [RECORD_TABLES[stream.name] for stream in _dependent_streams()]
    query = select(or_(*(exists().where(table.c.user_id == user_id) for table in tables)))
    return bool(connection.scalar(query))


def affected_by_cycles(
    spans: Iterable[tuple[datetime, datetime | None]], ids: Iterable[int], days: Calendar
) -> AffectedRecords:
    """Return the records that a change of cycles affects: up to the unchanged neighbours on both sides.

    A record between two cycles gets its day from the offset of the nearer one. A cycle that appears in a gap
    therefore affects records up to the next cycle.

    Args:
        spans: Old and new times of the changed cycles.
        ids: Their ids.
        days: The calendar after the change.
    """
    changed = frozenset(ids)
    low, high = END, BEGINNING
    for start, end in spans:
        low, high = min(low, start), max(high, end or END)
    before, after = days.neighbours(low, high, without=changed)
    return AffectedRecords(before or BEGINNING, after or END, changed)


def reassign_days(
    connection: Connection, user_id: int, affected: AffectedRecords, days: Calendar, at: datetime
) -> set[date]:
    """Assign the affected records to days again. Returns the days that gained or lost a record."""
    changed_days: set[date] = set()
    for stream in _dependent_streams():
        rows = _affected_rows(connection, user_id, stream, affected)
        sleep_ids = [row.sleep_id for row in rows] if stream.day_rule == "recovery" else []
        sleeps_by_id = sleep_times(connection, sleep_ids)
        moved: list[dict[str, Any]] = []
        moments: list[datetime] = []
        for row in rows:
            columns = assigned_columns(stream, row._asdict(), days, sleeps_by_id)
            if all(getattr(row, name) == value for name, value in columns.items()):
                continue
            moved.append({stream.key: getattr(row, stream.key), "changed_at": at, **columns})
            changed_days |= {row.day, columns["day"]}
            if columns.get("start_time", row.start_time) != row.start_time:
                moments += [start for start in (row.start_time, columns["start_time"]) if start is not None]
        coverage.forget_counts(connection, user_id, stream.name, moments)
        update_rows(connection, RECORD_TABLES[stream.name], moved)
    return changed_days


def _dependent_streams() -> list[Stream]:
    """Return the streams that get their days from cycles, in loading order: a recovery follows its sleep."""
    return [stream for stream in STREAMS.values() if stream is not CYCLES]


def _affected_rows(
    connection: Connection, user_id: int, stream: Stream, affected: AffectedRecords
) -> list[Row[Any]]:
    c = RECORD_TABLES[stream.name].c
    conditions: list[ColumnElement[bool]] = []
    if affected.low < affected.high:
        conditions += [c.start_time.between(affected.low, affected.high), c.start_time.is_(None)]
    if "cycle_id" in c and affected.cycle_ids:
        conditions.append(c.cycle_id.in_(sorted(affected.cycle_ids)))
    if "sleep_id" in c and affected.sleep_ids:
        conditions.append(c.sleep_id.in_(sorted(affected.sleep_ids)))
    if not conditions:
        return []
    names = (stream.key, "day", "start_time", "end_time", "timezone_offset", "created_at", "cycle_id", "nap")
    columns = {name: c[name] for name in names if name in c}
    query = select(*columns.values()).where(c.user_id == user_id, c.deleted_at.is_(None), or_(*conditions))
    return list(connection.execute(query))
