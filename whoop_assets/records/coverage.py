"""Coverage ledger: the completely read spans of each member's streams, with the read time.

Spans of one stream never overlap. A new read replaces the covered time, and merges with a neighbour that has
the same read time. A span also stores how many records WHOOP returned for it, until a record moves in or out.
If a part of a span is read again, the number for the rest is calculated.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, or_, select, update

from whoop_assets.db.statements import insert_rows
from whoop_assets.records.tables import RECORD_TABLES, coverage


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open span of time, [start, end)."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end

    def holds(self, other: "Span") -> bool:
        """Return whether the other span lies completely in this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Covered:
    """A span that was read completely.

    Attributes:
        read_at: When it was read.
        records: How many records WHOOP returned that start in it; None if unknown.
        counted_at: When these records were committed; None if `records` is None.
    """

    span: Span
    read_at: datetime
    records: int | None = None
    counted_at: datetime | None = None


def subtract(span: Span, taken: Iterable[Span]) -> list[Span]:
    """Return what remains of the span without the taken ones, oldest first."""
    left: list[Span] = []
    start = span.start
    for other in sorted(taken):
        if other.end <= start or other.start >= span.end:
            continue
        if other.start > start:
            left.append(Span(start, other.start))
        start = max(start, other.end)
    if start < span.end:
        left.append(Span(start, span.end))
    return left


def covered(connection: Connection, user_id: int, stream: str, span: Span) -> list[Covered]:
    """Return the covered spans that touch this one, oldest first."""
    c = coverage.c
    query = select(c.start_time, c.end_time, c.read_at, c.records, c.counted_at)
    rows = connection.execute(query.where(*_touches(user_id, stream, span)).order_by(c.start_time))
    return [Covered(Span(start, end), *rest) for start, end, *rest in rows]


def unread(
    connection: Connection, user_id: int, stream: str, span: Span, *, since: datetime | None
) -> list[Span]:
    """Return the parts that were not read completely at or after `since` (None: ever), newest first."""
    known = covered(connection, user_id, stream, span)
    fresh = (entry.span for entry in known if since is None or entry.read_at >= since)
    return subtract(span, fresh)[::-1]


def record(
    connection: Connection,
    user_id: int,
    stream: str,
    span: Span,
    read_at: datetime,
    *,
    starts: Collection[datetime] | None = None,
    counted_at: datetime | None = None,
) -> None:
    """Store that the span was read completely at `read_at`.

    Args:
        starts: Start of each record that WHOOP returned; those outside the span are ignored. None if unknown.
        counted_at: When the records are committed.
    """
    if not span:
        return
    known = covered(connection, user_id, stream, span)
    keep = [entry for entry in known if entry.read_at > read_at]
    added = [
        _counted(Covered(part, read_at), starts, counted_at)
        for part in subtract(span, (entry.span for entry in keep))
    ]
    for entry in known:
        if entry.read_at == read_at:
            added = _merged(added, entry)
        elif entry.read_at < read_at:
            keep.extend(_remaining(connection, user_id, stream, entry, span, counted_at))
    if known:
        connection.execute(delete(coverage).where(*_touches(user_id, stream, span)))
    rows = [
        {
            "user_id": user_id,
            "stream": stream,
            "start_time": entry.span.start,
            "end_time": entry.span.end,
            "read_at": entry.read_at,
            "records": entry.records,
            "counted_at": entry.counted_at,
        }
        for entry in [*keep, *added]
    ]
    insert_rows(connection, coverage, rows)


def forget_counts(connection: Connection, user_id: int, stream: str, moments: Iterable[datetime]) -> None:
    """Set the number of records of the spans around these moments to unknown, because a record has moved."""
    c = coverage.c
    rows = [{"moment": moment} for moment in sorted(set(moments))]
    if rows:
        around = (c.start_time <= bindparam("moment"), c.end_time > bindparam("moment"))
        connection.execute(
            update(coverage)
            .where(c.user_id == user_id, c.stream == stream, *around)
            .values(records=None, counted_at=None),
            rows,
        )


def _touches(user_id: int, stream: str, span: Span) -> tuple[ColumnElement[bool], ...]:
    c = coverage.c
    return (c.user_id == user_id, c.stream == stream, c.start_time <= span.end, c.end_time >= span.start)


def _remaining(
    connection: Connection,
    user_id: int,
    stream: str,
    entry: Covered,
    span: Span,
    now: datetime | None,
) -> list[Covered]:
    """Return the parts of an entry outside a span that was read again, with their numbers of records.

    The number for a part is the number of its stored records, plus those that are missing in the whole entry.
    Records that the new read (committed at `now`) has brought back are not missing. Without this, reading a
    neighbouring span again would hide a lost row.
    """
    parts = subtract(entry.span, [span])
    if parts == [entry.span]:
        return [entry]
    table = RECORD_TABLES.get(stream)
    if entry.records is None or entry.counted_at is None or table is None or not parts:
        return [Covered(part, entry.read_at) for part in parts]
    was_stored = was_here(table, entry.counted_at)
    counts = [_count(connection, table, user_id, part, was_stored) for part in parts]
    missing = entry.records - _count(connection, table, user_id, entry.span, was_stored)
    if missing > 0:
        overlap = Span(max(span.start, entry.span.start), min(span.end, entry.span.end))
        returned = _count(connection, table, user_id, overlap, table.c.first_seen_at == now)
        missing = max(0, missing - returned)
    counts[counts.index(max(counts))] += missing
    return [
        Covered(part, entry.read_at, records, entry.counted_at)
        for part, records in zip(parts, counts, strict=True)
    ]


def was_here(table: Table, counted_at: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return a condition for records that existed when a read was committed at `counted_at`.

    A deletion that was committed with the read counts as before it.
    """
    c = table.c
    # `changed_at` is when the deletion was committed. `deleted_at` is the time of the 404, perhaps of a later
    # read.
    return and_(c.first_seen_at <= counted_at, or_(c.deleted_at.is_(None), c.changed_at > counted_at))


def _count(
    connection: Connection, table: Table, user_id: int, span: Span, *where: ColumnElement[bool]
) -> int:
    """Count the member's records that start in the span."""
    c = table.c
    query = select(func.count()).where(
        c.user_id == user_id, c.start_time >= span.start, c.start_time < span.end, *where
    )
    return connection.scalar(query) or 0


def _counted(entry: Covered, starts: Collection[datetime] | None, counted_at: datetime | None) -> Covered:
    if starts is None or counted_at is None:
        return entry
    records = sum(entry.span.start <= start < entry.span.end for start in starts)
    return Covered(entry.span, entry.read_at, records, counted_at)


def _merged(entries: Iterable[Covered], other: Covered) -> list[Covered]:
    """Return the entries with one more of the same read time; those that touch it become one entry."""
    apart: list[Covered] = []
    touching: list[Covered] = []
    for entry in entries:
        is_apart = entry.span.end < other.span.start or entry.span.start > other.span.end
        (apart if is_apart else touching).append(entry)
    if len(touching) == 1 and touching[0].span.holds(other.span):
        return [*apart, *touching]
    together = [*touching, other]
    whole = Span(min(entry.span.start for entry in together), max(entry.span.end for entry in together))
    overlap = any(
        entry.span.start < other.span.end and other.span.start < entry.span.end for entry in touching
    )
    counts = [entry.records for entry in together if entry.records is not None]
    moments = [entry.counted_at for entry in together if entry.counted_at is not None]
    if overlap or len(counts) < len(together):
        return [*apart, Covered(whole, other.read_at)]
    return [*apart, Covered(whole, other.read_at, sum(counts), max(moments))]
