"""The ledger of coverage: which span of which stream of which member was read completely, and when.

The spans of one stream never overlap: a newer read takes the place of what it covers, and joins its neighbour when
both were read in the same breath. A span also says how many records WHOOP's pages held of it, as long as that is known:
not after a record has moved into or out of it. Of what is left of a span after a part was read again it is worked out.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, func, or_, select, update

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_rows
from whoop_assets.records.tables import RECORD_TABLES, coverage

# Made once: these are asked for with every piece of a load.
_TOUCHING = (
    coverage.c.user_id == bindparam("member"),
    coverage.c.stream == bindparam("of_stream"),
    coverage.c.start_time <= bindparam("span_end"),
    coverage.c.end_time >= bindparam("span_start"),
)
_COVERED = Prepared(
    select(
        coverage.c.start_time,
        coverage.c.end_time,
        coverage.c.read_at,
        coverage.c.records,
        coverage.c.counted_at,
    )
    .where(*_TOUCHING)
    .order_by(coverage.c.start_time)
)
_FORGET = Prepared(delete(coverage).where(*_TOUCHING))
_FORGET_COUNT = (
    update(coverage)
    .where(
        coverage.c.user_id == bindparam("member"),
        coverage.c.stream == bindparam("of_stream"),
        coverage.c.start_time <= bindparam("moment"),
        coverage.c.end_time > bindparam("moment"),
    )
    .values(records=None, counted_at=None)
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open span of time, [start, end)."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end

    def holds(self, other: "Span") -> bool:
        """Whether all of the other span lies in this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Covered:
    """A span that was read completely, and when; how many records WHOOP's pages held of it, if that is known."""

    span: Span
    read_at: datetime
    records: int | None = None
    counted_at: datetime | None = None


def subtract(span: Span, taken: Iterable[Span]) -> list[Span]:
    """What is left of the span without the taken ones, oldest first."""
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
    """The covered spans that touch this one, oldest first."""
    rows = _COVERED.rows(connection, **_touching(user_id, stream, span))
    return [Covered(Span(start, end), *rest) for start, end, *rest in rows]


def unread(
    connection: Connection, user_id: int, stream: str, span: Span, *, since: datetime | None
) -> list[Span]:
    """What of the span has not been read completely at or after `since` (None: ever), newest first."""
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
    """Enter that the span was read completely at that time.

    `starts`: when each record starts that came (those outside of the span do not count); None: not known. `counted_at`:
    when they are stored, the present.
    """
    if not span:
        return
    known = covered(connection, user_id, stream, span)
    keep = [entry for entry in known if entry.read_at > read_at]
    added = [
        _counted(Covered(one, read_at), starts, counted_at)
        for one in subtract(span, (entry.span for entry in keep))
    ]
    for entry in known:
        if entry.read_at == read_at:
            added = _joined(added, entry)
        elif entry.read_at < read_at:
            keep.extend(_left(connection, user_id, stream, entry, span, counted_at))
    if known:
        _FORGET.run(connection, **_touching(user_id, stream, span))
    insert_rows(
        connection,
        coverage,
        [
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
        ],
    )


def forget_counts(connection: Connection, user_id: int, stream: str, moments: Iterable[datetime]) -> None:
    """Of the spans around these moments it is not known any more what WHOOP's pages held: a record has moved since."""
    rows = [{"member": user_id, "of_stream": stream, "moment": moment} for moment in sorted(set(moments))]
    if rows:
        connection.execute(_FORGET_COUNT, rows)


def _left(
    connection: Connection,
    user_id: int,
    stream: str,
    entry: Covered,
    span: Span,
    now: datetime | None,
) -> list[Covered]:
    """What is left of an entry after the span was read again, with what WHOOP's pages had held of that.

    They held what is here of it, and what is amiss: as many records as the whole entry lacks, less those that the new
    reading (stored at `now`) has brought back. A lost row must not be forgotten because its neighbours were read again.
    """
    rests = subtract(entry.span, [span])
    if rests == [entry.span]:
        return [entry]
    table = RECORD_TABLES.get(stream)
    if entry.records is None or entry.counted_at is None or table is None or not rests:
        return [Covered(one, entry.read_at) for one in rests]
    c = table.c
    then = was_here(table, entry.counted_at)
    here = [_count(connection, table, user_id, one, then) for one in rests]
    amiss = entry.records - _count(connection, table, user_id, entry.span, then)
    if amiss > 0:
        both = Span(max(span.start, entry.span.start), min(span.end, entry.span.end))
        amiss = max(0, amiss - _count(connection, table, user_id, both, c.first_seen_at == now))
    here[here.index(max(here))] += amiss
    return [
        Covered(one, entry.read_at, held, entry.counted_at) for one, held in zip(rests, here, strict=True)
    ]


def was_here(table: Table, counted_at: "datetime | ColumnElement[datetime]") -> ColumnElement[bool]:
    """Which records were here when a reading was committed then: a deletion that came with it was none of what it read."""
    c = table.c
    # When the deletion was committed; `deleted_at` is when it was found out, perhaps in a reading that ended later.
    return and_(c.first_seen_at <= counted_at, or_(c.deleted_at.is_(None), c.changed_at > counted_at))


def _count(
    connection: Connection, table: Table, user_id: int, span: Span, *where: ColumnElement[bool]
) -> int:
    """How many of the member's records start in the span."""
    c = table.c
    query = select(func.count()).where(
        c.user_id == user_id, c.start_time >= span.start, c.start_time < span.end, *where
    )
    return connection.scalar(query) or 0


def _counted(entry: Covered, starts: Collection[datetime] | None, counted_at: datetime | None) -> Covered:
    if starts is None or counted_at is None:
        return entry
    held = sum(entry.span.start <= start < entry.span.end for start in starts)
    return Covered(entry.span, entry.read_at, held, counted_at)


def _touching(user_id: int, stream: str, span: Span) -> dict[str, Any]:
    return {"member": user_id, "of_stream": stream, "span_start": span.start, "span_end": span.end}


def _joined(entries: Iterable[Covered], other: Covered) -> list[Covered]:
    """The entries with another one of the same reading, those that touch it made one with it."""
    apart: list[Covered] = []
    touching: list[Covered] = []
    for one in entries:
        clear = one.span.end < other.span.start or one.span.start > other.span.end
        (apart if clear else touching).append(one)
    if len(touching) == 1 and touching[0].span.holds(other.span):
        return [*apart, *touching]  # the same was read once more
    together = [*touching, other]
    whole = Span(min(one.span.start for one in together), max(one.span.end for one in together))
    overlap = any(one.span.start < other.span.end and other.span.start < one.span.end for one in touching)
    counts = [one.records for one in together if one.records is not None]
    moments = [one.counted_at for one in together if one.counted_at is not None]
    if overlap or len(counts) < len(together):
        return [*apart, Covered(whole, other.read_at)]
    return [*apart, Covered(whole, other.read_at, sum(counts), max(moments))]
