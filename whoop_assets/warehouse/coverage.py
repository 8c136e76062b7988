"""The ledger of coverage: which span of which stream of which member was read completely, and when.

The spans of one stream never overlap: a newer read takes the place of what it covers, and joins its neighbour when
both were read in the same breath.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from whoop_assets.warehouse.statements import insert_rows
from whoop_assets.warehouse.tables import coverage

# Made once: these are asked for with every piece of a load.
_TOUCHING = (
    coverage.c.user_id == bindparam("member"),
    coverage.c.stream == bindparam("of_stream"),
    coverage.c.start_time <= bindparam("span_end"),
    coverage.c.end_time >= bindparam("span_start"),
)
_COVERED = (
    select(coverage.c.start_time, coverage.c.end_time, coverage.c.read_at)
    .where(*_TOUCHING)
    .order_by(coverage.c.start_time)
)
_FORGET = delete(coverage).where(*_TOUCHING)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open span of time, [start, end)."""

    start: datetime
    end: datetime

    def __bool__(self) -> bool:
        return self.start < self.end


@dataclass(frozen=True, slots=True)
class Covered:
    """A span that was read completely, and when."""

    span: Span
    read_at: datetime


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
    rows = connection.execute(_COVERED, _touching(user_id, stream, span)).all()
    return [Covered(Span(start, end), read_at) for start, end, read_at in rows]


def unread(
    connection: Connection, user_id: int, stream: str, span: Span, *, since: datetime | None
) -> list[Span]:
    """What of the span has not been read completely at or after `since` (None: ever), newest first."""
    known = covered(connection, user_id, stream, span)
    fresh = (entry.span for entry in known if since is None or entry.read_at >= since)
    return subtract(span, fresh)[::-1]


def record(connection: Connection, user_id: int, stream: str, span: Span, read_at: datetime) -> None:
    """Enter that the span was read completely at that time."""
    if not span:
        return
    known = covered(connection, user_id, stream, span)
    keep = [entry for entry in known if entry.read_at > read_at]
    added = subtract(span, (entry.span for entry in keep))
    for entry in known:
        if entry.read_at == read_at:
            added = _joined(added, entry.span)
        elif entry.read_at < read_at:
            keep.extend(Covered(rest, entry.read_at) for rest in subtract(entry.span, [span]))
    if known:
        connection.execute(_FORGET, _touching(user_id, stream, span))
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
            }
            for entry in [*keep, *(Covered(one, read_at) for one in added)]
        ],
    )


def _touching(user_id: int, stream: str, span: Span) -> dict[str, Any]:
    return {"member": user_id, "of_stream": stream, "span_start": span.start, "span_end": span.end}


def _joined(spans: Iterable[Span], other: Span) -> list[Span]:
    """The spans with another one, those that touch it made one with it."""
    apart = [span for span in spans if span.end < other.start or span.start > other.end]
    touching = [span for span in spans if span not in apart]
    start = min((span.start for span in touching), default=other.start)
    end = max((span.end for span in touching), default=other.end)
    return sorted([*apart, Span(min(start, other.start), max(end, other.end))])
