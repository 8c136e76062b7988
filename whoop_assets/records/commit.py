"""The write path of a load: stores a batch of responses in the caller's transaction.

A batch holds what one or more responses say about streams of one member. Every load builds one: of a range of
days, of announced events, and of single cycles. `sync/stream_reader.py` opens the transaction and closes
the events.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from whoop_assets.records import coverage, day_assignment, quarantine, read_days, upsert
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.upsert import StoreStats
from whoop_assets.whoop_api.streams import STREAMS


@dataclass(slots=True)
class StreamBatch:
    """Content of the responses for one stream.

    Attributes:
        records: Valid records.
        rejected: Records for the quarantine.
        gone: Key -> send time of the request that WHOOP answered with 404.
    """

    records: list[ParsedRecord] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    gone: dict[Any, datetime] = field(default_factory=dict)

    def add(self, record: ParsedRecord | RejectedRecord) -> None:
        if isinstance(record, ParsedRecord):
            self.records.append(record)
        else:
            self.rejected.append(record)

    def add_response(
        self, key: Any, record: ParsedRecord | RejectedRecord | None, asked_at: datetime
    ) -> None:
        """Add the response to a request of the key's own URL. It has no record if WHOOP answered 404."""
        if record is None:
            self.gone[key] = asked_at
        else:
            self.add(record)

    def extend(self, other: "StreamBatch") -> None:
        self.records += other.records
        self.rejected += other.rejected
        self.gone |= other.gone

    def __bool__(self) -> bool:
        return bool(self.records or self.rejected or self.gone)


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """A span of a stream that was read completely.

    Attributes:
        read_at: Send time of the oldest of its requests.
        other_days: Days without a cycle that the span may concern, because an app export describes them.
    """

    stream: str
    span: Span
    read_at: datetime
    other_days: Collection[date] = ()


@dataclass(slots=True)
class Batch:
    """Content of one transaction.

    Attributes:
        streams: Stream -> records.
        read: The span that was read completely, if any.
        answered: Stream -> key of a record (of a recovery its sleep's id) -> when it was requested, for the
            records that the batch answers completely. Their events can be closed.
    """

    streams: dict[str, StreamBatch] = field(default_factory=dict)
    read: ReadSpan | None = None
    answered: dict[str, dict[Any, datetime]] = field(default_factory=dict)

    def of(self, stream: str) -> StreamBatch:
        """Return the part of one stream, which may be added to."""
        return self.streams.setdefault(stream, StreamBatch())

    def set_answered(self, stream: str, key: Any, asked_at: datetime) -> None:
        self.answered.setdefault(stream, {})[key] = asked_at

    def __bool__(self) -> bool:
        return self.read is not None or any(self.streams.values()) or any(self.answered.values())


def commit(connection: Connection, user_id: int, batch: Batch, at: datetime) -> dict[str, StoreStats]:
    """Store the batch: records, versions, days, quarantine, coverage and stale days.

    Args:
        at: The time by the database's clock.

    Returns:
        Stream -> numbers of records by outcome.
    """
    # Cycles come first: the days of all other records follow from them.
    stats = {name: _commit_stream(connection, user_id, name, batch.of(name), at) for name in STREAMS}
    if batch.read is not None:
        part = batch.of(batch.read.stream)
        # A superseded record may start elsewhere, and a rejected one may be stored from before. In both cases
        # the number of records that WHOOP returned cannot be compared with the number that is stored.
        comparable = not (stats[batch.read.stream].superseded or part.rejected)
        _record_coverage(connection, user_id, batch.read, part.records if comparable else None, at)
    return stats


def _commit_stream(
    connection: Connection, user_id: int, stream: str, part: StreamBatch, at: datetime
) -> StoreStats:
    if not part:
        return StoreStats()
    stats = upsert.store(connection, user_id, stream, part.records, at)
    deleted = upsert.delete_confirmed(connection, user_id, stream, part.gone, at)
    stats.deleted += deleted.deleted
    stats.days |= deleted.days
    stats.quarantined = len(part.rejected)
    quarantine.keep(connection, user_id, stream, part.rejected, at)
    resolved = {str(record.key) for record in part.records} | {str(key) for key in part.gone}
    quarantine.resolve(connection, user_id, stream, resolved, at)
    return stats


def _record_coverage(
    connection: Connection, user_id: int, read: ReadSpan, records: list[ParsedRecord] | None, at: datetime
) -> None:
    """Add the span to the coverage, and mark days stale that are now completely read."""
    starts = None if records is None else day_assignment.starts_of(connection, user_id, read.stream, records)
    days = read_days.days_touching(connection, user_id, read.span)
    days |= {(user_id, day) for day in read.other_days}
    before = read_days.read_days(connection, days, [read.stream])[read.stream]
    coverage.record(connection, user_id, read.stream, read.span, read.read_at, starts=starts, counted_at=at)
    after = read_days.read_days(connection, days, [read.stream])[read.stream]
    STALE_DAYS.mark(connection, user_id, (day for _, day in before ^ after), at)
