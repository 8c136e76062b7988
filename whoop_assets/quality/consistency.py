"""Consistency rules across the stored records, checked in SQL.

Each function checks all members and days. It returns the number of violations and at most MAX_EXAMPLES of
them, the newest first. Deleted records do not count. 912,500 days of 500 members take a few seconds per
function.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Row,
    Select,
    String,
    Table,
    and_,
    cast,
    exists,
    func,
    null,
    or_,
    select,
)

from whoop_assets.app_export.tables import IMPORTED_RECORDS, IMPORTED_TABLES, export_quarantine
from whoop_assets.members.tables import members
from whoop_assets.quality.valid_ranges import BOUNDS, IMPORTED_BOUNDS, Bound
from whoop_assets.records.coverage import was_here
from whoop_assets.records.tables import (
    RECORD_KEYS,
    RECORD_TABLES,
    coverage,
    cycles,
    quarantine,
    recoveries,
    sleeps,
    stale_days,
    workouts,
)
from whoop_assets.summaries.tables import daily_summary

MAX_EXAMPLES = 20

STAGES = (
    "total_light_sleep_time_milli",
    "total_slow_wave_sleep_time_milli",
    "total_rem_sleep_time_milli",
    "total_awake_time_milli",
    "total_no_data_time_milli",
)
STAGES_TOLERANCE_MILLI = 1_000
"""In 340 of 340 recorded sleeps the five parts add up exactly to the time in bed; one second allows for
rounding."""

ONE_DAY = timedelta(days=1)
_MEASURED = ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")


@dataclass(frozen=True, slots=True)
class Example:
    """One violation: member, WHOOP day (None if it has no day), and description."""

    user_id: int
    day: date | None
    what: str


@dataclass(slots=True)
class Findings:
    """Number of violations, the newest examples, and the number of checked rows if it is known."""

    count: int = 0
    examples: list[Example] = field(default_factory=list)
    looked_at: int | None = None

    def __iadd__(self, other: "Findings") -> "Findings":
        self.count += other.count
        both = [*self.examples, *other.examples]
        self.examples = sorted(both, key=lambda example: example.day or date.min, reverse=True)[:MAX_EXAMPLES]
        return self


def out_of_bounds(connection: Connection) -> Findings:
    """Return values outside their valid range.

    Covers records, and exported records without a record of the API.

    All-zero scores of cycles in which the strap was not worn are allowed.
    """
    found = Findings()
    for stream, bounds in BOUNDS.items():
        table = RECORD_TABLES[stream]
        found += _outside_of(connection, stream, table, bounds, table.c.deleted_at.is_(None))
    for kind, bounds in IMPORTED_BOUNDS.items():
        table = IMPORTED_TABLES[kind]
        exported = {name: bound for name, bound in bounds.items() if name in table.c}
        found += _outside_of(connection, f"exported {kind}", table, exported, table.c.matched_id.is_(None))
    return found


def _outside_of(
    connection: Connection, what: str, table: Table, bounds: Mapping[str, Bound], counts: ColumnElement[bool]
) -> Findings:
    c = table.c
    where = or_(*(or_(c[name] < bound.low, c[name] > bound.high) for name, bound in bounds.items()))
    if what.endswith("cycles"):
        where = and_(where, or_(*(c[name].is_distinct_from(0) for name in _MEASURED)))
    query = select(c.user_id, c.day, *(c[name] for name in bounds)).where(counts, where)
    return _findings(connection, query, lambda row: _outside(what, row, bounds))


def _outside(what: str, row: "Row[Any]", bounds: Mapping[str, Bound]) -> str:
    values = row._mapping
    outside = (
        f"{name} {values[name]:g} is not {bound.low:g} to {bound.high:g} ({bound.source})"
        for name, bound in bounds.items()
        if values[name] is not None and not bound.low <= values[name] <= bound.high
    )
    return f"{what}: {', '.join(outside)}"


def duplicates(connection: Connection) -> Findings:
    """Return records that are stored under two keys.

    These are cycles with the same start, sleeps with the same start and end, workouts with the same sport,
    start and end, and several recoveries of a cycle that are not of naps and not all of known main sleeps.
    """
    found = Findings()
    for table, same in (
        (cycles, (cycles.c.start_time,)),
        (sleeps, (sleeps.c.start_time, sleeps.c.end_time)),
        (workouts, (workouts.c.start_time, workouts.c.end_time, workouts.c.sport_name)),
    ):
        query = (
            select(table.c.user_id, func.max(table.c.day).label("day"), func.count().label("n"))
            .where(table.c.deleted_at.is_(None))
            .group_by(table.c.user_id, *same)
            .having(func.count() > 1)
        )
        found += _findings(connection, query, lambda row, of=table.name: f"{row.n} {of} with the same times")  # type: ignore[misc]
    sleep = select(sleeps.c.id, sleeps.c.nap).where(sleeps.c.deleted_at.is_(None)).subquery()
    query = (
        select(
            recoveries.c.user_id,
            recoveries.c.cycle_id,
            func.max(recoveries.c.day).label("day"),
            func.count().label("n"),
        )
        .select_from(recoveries.outerjoin(sleep, sleep.c.id == recoveries.c.sleep_id))
        .where(recoveries.c.deleted_at.is_(None), sleep.c.nap.is_not(True))
        .group_by(recoveries.c.user_id, recoveries.c.cycle_id)
        .having(func.count() > 1, func.count() > func.count(sleep.c.id))
    )
    found += _findings(connection, query, lambda row: f"{row.n} recoveries of cycle {row.cycle_id}")
    return found


def broken_links(connection: Connection) -> Findings:
    """Return records that do not fit a cycle or sleep.

    These are recoveries without their sleep or cycle, sleeps without their cycle, and workouts outside their
    day's cycles.

    Recoveries without sleeps are allowed for members who did not grant the scope for sleeps.
    """
    r, s, w, c = recoveries.c, sleeps.c, workouts.c, cycles.c
    granted = exists().where(members.c.user_id == r.user_id, members.c.scopes.contains("read:sleep"))
    has_sleep = exists().where(s.id == r.sleep_id, s.user_id == r.user_id, s.deleted_at.is_(None))
    # A workout has the day of the cycle that contains its start.
    inside = exists().where(
        c.user_id == w.user_id,
        c.day == w.day,
        c.deleted_at.is_(None),
        c.start_time <= w.start_time,
        or_(c.end_time.is_(None), c.end_time > w.start_time),
    )
    found = Findings()
    for table, where, what in (
        (recoveries, and_(granted, ~has_sleep), "recovery of sleep {}: its sleep is missing"),
        (recoveries, ~_has_cycle(recoveries), "recovery of sleep {}: its cycle is missing"),
        (sleeps, ~_has_cycle(sleeps), "sleep {}: its cycle is missing"),
        (workouts, ~inside, "workout {} is outside the cycles of its day"),
    ):
        key = table.c[RECORD_KEYS[table.name]].label("key")
        query = select(table.c.user_id, table.c.day, key).where(table.c.deleted_at.is_(None), where)
        found += _findings(connection, query, lambda row, what=what: what.format(row.key))  # type: ignore[misc]
    return found


def _has_cycle(table: FromClause) -> ColumnElement[bool]:
    return exists().where(
        cycles.c.id == table.c.cycle_id,
        cycles.c.user_id == table.c.user_id,
        cycles.c.deleted_at.is_(None),
    )


def stage_mismatches(connection: Connection) -> Findings:
    """Return scored sleeps whose stages, awake time and time without data do not add up to time in bed."""
    c = sleeps.c
    parts: ColumnElement[Any] = sum((c[name] for name in STAGES[1:]), start=c[STAGES[0]])
    apart = parts - c.total_in_bed_time_milli
    query = select(c.user_id, c.day, c.id, apart.label("apart")).where(
        c.deleted_at.is_(None), or_(apart > STAGES_TOLERANCE_MILLI, apart < -STAGES_TOLERANCE_MILLI)
    )
    return _findings(
        connection,
        query,
        lambda row: (
            f"sleep {row.id}: the parts are {abs(row.apart) / 1000:g} s "
            f"{'more' if row.apart > 0 else 'less'} than the time in bed"
        ),
    )


def cycle_gaps(connection: Connection) -> Findings:
    """Return cycles that do not end at the start of the member's next cycle: gaps, overlaps and open cycles.

    Some new members have a cycle of zeros days before their first real one; a gap after it is allowed.
    """
    f = _pairs_of_cycles().c
    query = select(f.user_id, f.day, f.id, f.end_time, f.next_start, f.next_id).where(
        or_(f.end_time.is_(None), f.end_time != f.next_start), ~f.before_the_first
    )
    return _findings(connection, query, _break)


def _pairs_of_cycles() -> FromClause:
    """Select each cycle with the member's next one.

    `before_the_first`: a member's first cycle with zeros only.
    """
    c = cycles.c
    of_member: dict[str, Any] = {"partition_by": c.user_id, "order_by": (c.start_time, c.id)}
    every = (
        select(
            c.user_id,
            c.day,
            c.id,
            c.end_time,
            func.lead(c.start_time, type_=c.start_time.type).over(**of_member).label("next_start"),
            func.lead(c.id).over(**of_member).label("next_id"),
            func.lead(c.day, type_=c.day.type).over(**of_member).label("next_day"),
            func.lag(c.id).over(**of_member).label("before"),
            and_(*(func.coalesce(cycles.c[name], 1) == 0 for name in _MEASURED)).label("zero"),
        )
        .where(c.deleted_at.is_(None))
        .subquery()
    )
    e = every.c
    first = and_(e.before.is_(None), e.zero).label("before_the_first")
    return (
        select(e.user_id, e.day, e.id, e.end_time, e.next_start, e.next_id, e.next_day, first)
        .where(e.next_id.is_not(None))
        .subquery()
    )


def _break(row: "Row[Any]") -> str:
    between = f"between cycles {row.id} and {row.next_id}"
    if row.end_time is None:
        return f"cycle {row.id} is open, and {row.next_id} has begun"
    apart = row.next_start - row.end_time
    return f"{'a gap' if apart > timedelta(0) else 'an overlap'} of {abs(apart)} {between}"


def missing_days(connection: Connection) -> Findings:
    """Return days without a summary between a member's first and last day from the API.

    Days are allowed if they are stale, or if an unbroken cycle before them explains the missing date: a cycle
    that lasts longer than usual, for example during a flight or without the strap, skips a date.
    """
    d = daily_summary.c
    following = func.lead(d.day, type_=d.day.type).over(partition_by=d.user_id, order_by=d.day)
    source_of_it = func.lead(d.source).over(partition_by=d.user_id, order_by=d.day)
    pairs = select(
        d.user_id, d.day, following.label("next_day"), d.source, source_of_it.label("next_source")
    ).subquery()
    # Missing days at the border of an export are not known to be wrong.
    of_the_api = and_(pairs.c.source == "api", pairs.c.next_source == "api")
    wide = and_(of_the_api, _days_apart(connection, pairs.c.day, pairs.c.next_day) > 1)
    in_flux = exists().where(
        stale_days.c.user_id == pairs.c.user_id,
        stale_days.c.day > pairs.c.day,
        stale_days.c.day < pairs.c.next_day,
    )
    f = _pairs_of_cycles().c
    explained: set[tuple[int, date]] = set()
    for user_id, first, last in connection.execute(
        select(f.user_id, f.day, f.next_day).where(
            or_(f.end_time == f.next_start, f.before_the_first),
            _days_apart(connection, f.day, f.next_day) > 1,
        )
    ):
        explained |= {(user_id, day) for day in _between(first, last)}
    found = Findings(looked_at=connection.scalar(select(func.count()).select_from(daily_summary)))
    for user_id, first, last in connection.execute(
        select(pairs.c.user_id, pairs.c.day, pairs.c.next_day)
        .where(wide, ~in_flux)
        .order_by(pairs.c.day.desc(), pairs.c.user_id)
    ):
        for day in _between(first, last):
            if (user_id, day) not in explained:
                found.count += 1
                if found.count <= MAX_EXAMPLES:
                    found.examples.append(
                        Example(user_id, day, "no summary, and no earlier cycle that lasts beyond this day")
                    )
    return found


def _between(first: date, last: date) -> Iterable[date]:
    """Return the days between the two, newest first."""
    return (last - n * ONE_DAY for n in range(1, (last - first).days))


def _days_apart(
    connection: Connection, first: ColumnElement[Any], last: ColumnElement[Any]
) -> ColumnElement[Any]:
    if connection.dialect.name == "sqlite":
        return func.julianday(last) - func.julianday(first)
    return cast(last, Date) - cast(first, Date)


def missing_summaries(connection: Connection) -> Findings:
    """Return days with a record but without a summary, and summaries without a record.

    Stale days are allowed.

    Exported records without a record of the API count as records.
    """
    d = daily_summary.c
    records: list[tuple[str, Table, ColumnElement[bool]]] = [
        (f"{stream} without a summary of the day", table, table.c.deleted_at.is_(None))
        for stream, table in RECORD_TABLES.items()
    ]
    records += [
        ("imported records without a summary of the day", table, table.c.matched_id.is_(None))
        for table in IMPORTED_RECORDS.values()
    ]
    found = Findings()
    for what, table, counts in records:
        c = table.c
        built = exists().where(d.user_id == c.user_id, d.day == c.day)
        query = select(c.user_id, c.day).where(counts, ~built, ~_is_stale(c.user_id, c.day)).distinct()
        found += _findings(connection, query, lambda row, what=what: what)  # type: ignore[misc]
    has_record = or_(
        *(exists().where(t.c.user_id == d.user_id, t.c.day == d.day, counts) for _, t, counts in records)
    )
    query = select(d.user_id, d.day).where(~has_record, ~_is_stale(d.user_id, d.day))
    found += _findings(connection, query, lambda row: "summary of a day without a record")
    return found


def _is_stale(user_id: ColumnElement[Any], day: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(stale_days.c.user_id == user_id, stale_days.c.day == day)


def open_quarantine(connection: Connection) -> Findings:
    """Return open quarantine entries of records and of export rows."""
    c = quarantine.c
    query = select(
        c.user_id, null().label("day"), c.stream, c.record_key, c.reason, c.last_seen_at.label("newest")
    ).where(c.resolved_at.is_(None))
    found = _findings(
        connection, query, lambda row: f"{row.stream} {row.record_key or '(no key)'}: {row.reason}"
    )
    e = export_quarantine.c
    query = select(
        e.user_id, null().label("day"), e.file, e.line, e.reason, e.last_seen_at.label("newest")
    ).where(e.resolved_at.is_(None))
    found += _findings(connection, query, lambda row: f"{row.file}, line {row.line}: {row.reason}")
    return found


def count_mismatches(connection: Connection) -> Findings:
    """Compare the number of stored records in each covered range with the number in WHOOP's pages.

    A record counts if it starts in the range, was stored when the load was committed, and was not deleted by
    then. Ranges without a known number are left out because a part of them was read again. `looked_at` is the
    number of records in the pages.
    """
    v = coverage.c
    found = Findings(looked_at=0)
    for stream, table in RECORD_TABLES.items():
        c = table.c
        counted = and_(
            c.user_id == v.user_id,
            c.start_time >= v.start_time,
            c.start_time < v.end_time,
            was_here(table, v.counted_at),
        )
        kept = func.count(c.user_id)
        known = (v.stream == stream, v.records.is_not(None))
        query = (
            select(
                v.user_id,
                null().label("day"),
                v.start_time,
                v.end_time,
                v.records,
                kept.label("kept"),
                v.end_time.label("newest"),
            )
            .select_from(coverage.outerjoin(table, counted))
            .where(*known)
            .group_by(v.id, v.user_id, v.start_time, v.end_time, v.records)
            .having(kept != v.records)
        )
        found += _findings(
            connection,
            query,
            lambda row, stream=stream: (  # type: ignore[misc]
                f"{stream} from {row.start_time:%Y-%m-%d %H:%M} to {row.end_time:%Y-%m-%d %H:%M} UTC:"
                f" records in WHOOP's pages: {row.records}, stored: {row.kept}"
            ),
        )
        seen = connection.scalar(select(func.sum(v.records)).where(*known))
        found.looked_at = (found.looked_at or 0) + int(seen or 0)
    return found


def _findings(connection: Connection, query: Select[Any], what: Callable[[Any], str]) -> Findings:
    """Count the rows of the query and return the newest ones; `what` describes a row."""
    rows = query.subquery()
    count = connection.scalar(select(func.count()).select_from(rows)) or 0
    if not count:
        return Findings()
    by = rows.c.newest if "newest" in rows.c else rows.c.day
    newest: Sequence[Row[Any]] = connection.execute(
        select(rows).order_by(by.desc(), rows.c.user_id, *_ties(rows)).limit(MAX_EXAMPLES)
    ).all()
    return Findings(count, [Example(row.user_id, row.day, what(row)) for row in newest])


def _ties(rows: FromClause) -> list[ColumnElement[Any]]:
    """Return further sort columns, so that the examples are the same every time."""
    return [cast(rows.c[name], String) for name in ("id", "key", "record_key") if name in rows.c]
