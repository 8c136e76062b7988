"""Filing: the day of each stored record, kept right as the member's cycles become known, move and close."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Table, Text, bindparam, exists, or_, select, type_coerce, update

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import batched
from whoop_assets.db.types import instant
from whoop_assets.records import coverage
from whoop_assets.records.incoming import Incoming
from whoop_assets.records.tables import cycles, recoveries, sleeps, workouts
from whoop_assets.whoop_day import Calendar, CalendarCycle, cycle_day, parse_offset

offset_of = lru_cache(maxsize=256)(parse_offset)

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

# Made once: these are asked for with every piece of a load. The calendar's times stay as the driver gives them.
_CALENDAR = Prepared(
    select(
        cycles.c.id,
        type_coerce(cycles.c.start_time, Text),
        type_coerce(cycles.c.end_time, Text),
        cycles.c.timezone_offset,
    ).where(cycles.c.user_id == bindparam("member"), cycles.c.deleted_at.is_(None))
)
_SLEEP_TIMES = Prepared(
    select(sleeps.c.id, sleeps.c.start_time, sleeps.c.end_time, sleeps.c.day).where(
        sleeps.c.id.in_(bindparam("keys", expanding=True))
    )
)
_FILED = Prepared(
    select(
        or_(
            *(
                exists().where(table.c.user_id == bindparam("member"))
                for table in (sleeps, workouts, recoveries)
            )
        )
    )
)


def calendar(connection: Connection, user_id: int) -> Calendar:
    """The member's calendar: every cycle that exists."""
    rows = _CALENDAR.rows(connection, member=user_id)
    return _calendar_of(tuple(map(tuple, rows)))  # comparing plain tuples costs next to nothing


@lru_cache(maxsize=4)  # asked for with every piece of a load, in between which cycles seldom change
def _calendar_of(rows: tuple[tuple[Any, ...], ...]) -> Calendar:
    return Calendar(map(_calendar_cycle, rows))


@lru_cache(maxsize=8192)  # a piece of cycles adds a few to hundreds
def _calendar_cycle(row: tuple[Any, ...]) -> CalendarCycle:
    cycle_id, start, end, offset = row
    return CalendarCycle(cycle_id, instant(start), None if end is None else instant(end), offset_of(offset))


@dataclass(frozen=True, slots=True)
class SleepTimes:
    """What a recovery takes from its sleep."""

    start: datetime
    end: datetime | None
    day: date


def sleep_times(connection: Connection, sleep_ids: Collection[str]) -> dict[str, SleepTimes]:
    """Times and days of the sleeps among these ids that are stored."""
    found: dict[str, SleepTimes] = {}
    for lot in batched(list(sleep_ids)):
        rows = _SLEEP_TIMES.rows(connection, keys=lot)
        found.update((key, SleepTimes(start, end, day)) for key, start, end, day in rows)
    return found


def starts_of(
    connection: Connection, user_id: int, stream: str, answers: Collection[Incoming]
) -> list[datetime]:
    """When each of these records starts, once each; a recovery starts with its sleep, else its cycle, else is left out."""
    newest = {answer.key: answer.fields for answer in answers}
    if stream != "recoveries":
        return [fields["start_time"] for fields in newest.values()]
    times = sleep_times(connection, list(newest))
    days = calendar(connection, user_id)
    starts = []
    for key, fields in newest.items():
        cycle = days.by_id(fields["cycle_id"])
        if key in times:
            starts.append(times[key].start)
        elif cycle is not None:
            starts.append(cycle.start)
    return starts


def filed(
    stream: str, record: Mapping[str, Any], days: Calendar, sleeps_by_id: Mapping[str, SleepTimes]
) -> dict[str, Any]:
    """The columns of the record that follow from the calendar: its day, and a recovery's times and offset."""
    if stream == "cycles":
        return {"day": cycle_day(record["start_time"], offset_of(record["timezone_offset"]))}
    if stream == "sleeps":
        return {
            "day": days.sleep_day(
                cycle_id=record["cycle_id"],
                start=record["start_time"],
                nap=record["nap"],
                own_offset=offset_of(record["timezone_offset"]),
            )
        }
    if stream == "workouts":
        own = offset_of(record["timezone_offset"])
        return {"day": days.workout_day(start=record["start_time"], own_offset=own)}
    cycle = days.by_id(record["cycle_id"])
    sleep = sleeps_by_id.get(record["sleep_id"])
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
    """The offset as WHOOP writes it, `+hh:mm` or `-hh:mm`."""
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a change may have re-filed: records that start in [low, high), and those of these cycles or sleeps."""

    low: datetime = END
    high: datetime = BEGINNING
    cycle_ids: frozenset[int] = frozenset()
    sleep_ids: frozenset[str] = frozenset()


def anything_filed(connection: Connection, user_id: int) -> bool:
    """Whether the member has any record that is filed by the calendar: a first load has none to file again."""
    ((filed,),) = _FILED.rows(connection, member=user_id)
    return bool(filed)


def reach_of_cycles(
    spans: Iterable[tuple[datetime, datetime | None]], ids: Iterable[int], days: Calendar
) -> Reach:
    """How far a change of cycles reaches: to the neighbours on both sides that did not change.

    A record between two cycles is filed by the nearer one, so a cycle that appears in a gap matters up to the next.
    `spans` are the changed cycles' old and new spans.
    """
    changed = frozenset(ids)
    low, high = END, BEGINNING
    for start, end in spans:
        low, high = min(low, start), max(high, end or END)
    before, after = days.neighbours(low, high, without=changed)
    return Reach(before or BEGINNING, after or END, changed)


def refile(connection: Connection, user_id: int, reach: Reach, days: Calendar, at: datetime) -> set[date]:
    """File the records within reach again; returns the days that gained or lost one."""
    touched: set[date] = set()
    for stream, table in (("sleeps", sleeps), ("workouts", workouts), ("recoveries", recoveries)):
        rows = _within(connection, user_id, stream, table, reach)
        by_id = sleep_times(connection, [row.sleep_id for row in rows]) if stream == "recoveries" else {}
        moved: list[dict[str, Any]] = []
        moments: list[datetime] = []
        for row in rows:
            now_filed = filed(stream, row._asdict(), days, by_id)
            if any(getattr(row, name) != value for name, value in now_filed.items()):
                key = row.sleep_id if stream == "recoveries" else row.id
                moved.append({"key": key, **{f"new_{name}": value for name, value in now_filed.items()}})
                touched |= {row.day, now_filed["day"]}
                if now_filed.get("start_time", row.start_time) != row.start_time:
                    moments += [one for one in (row.start_time, now_filed["start_time"]) if one is not None]
        coverage.forget_counts(connection, user_id, stream, moments)
        if moved:
            key_column = recoveries.c.sleep_id if stream == "recoveries" else table.c.id
            names = [name.removeprefix("new_") for name in moved[0] if name != "key"]
            connection.execute(
                update(table)
                .where(key_column == bindparam("key"))
                .values(changed_at=at, **{name: bindparam(f"new_{name}") for name in names}),
                moved,
            )
    return touched


def _within(connection: Connection, user_id: int, stream: str, table: Table, reach: Reach) -> list[Row[Any]]:
    where = []
    if reach.low < reach.high:
        where.append(table.c.start_time.between(reach.low, reach.high))
        if stream == "recoveries":
            where.append(table.c.start_time.is_(None))
    if stream != "workouts" and reach.cycle_ids:
        where.append(table.c.cycle_id.in_(bindparam("cycles", list(reach.cycle_ids), expanding=True)))
    if stream == "recoveries" and reach.sleep_ids:
        where.append(table.c.sleep_id.in_(bindparam("sleeps", list(reach.sleep_ids), expanding=True)))
    if not where:
        return []
    names = ["day", "start_time", "timezone_offset"]
    names += {"sleeps": ["id", "cycle_id", "nap"], "workouts": ["id"]}.get(
        stream, ["sleep_id", "cycle_id", "end_time", "created_at"]
    )
    query = select(*(table.c[name] for name in names)).where(
        table.c.user_id == user_id, table.c.deleted_at.is_(None), or_(*where)
    )
    return list(connection.execute(query))
