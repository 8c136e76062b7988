"""Reads streams of one member and commits each piece. Loads of a range and loads of events both use it.

`commit_batch` is the write path: one transaction stores a batch and closes the events that it answers.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, union

from whoop_assets.app_export.tables import imported_cycles, imported_sleeps, imported_workouts
from whoop_assets.db.database import Database, Transaction
from whoop_assets.members import store as member_store
from whoop_assets.records import commit as records
from whoop_assets.records import coverage, day_assignment, record_lookup
from whoop_assets.records.commit import Batch, ReadSpan, StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.records.upsert import StoreStats
from whoop_assets.sync.deletion_confirmation import confirm_absences, fetch_record
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.pagination import Piece, paginate
from whoop_assets.sync.parsing import parse_record
from whoop_assets.sync.session import WhoopSession
from whoop_assets.webhooks import attempts
from whoop_assets.whoop_api.errors import RECORD_FAULTS
from whoop_assets.whoop_api.streams import CYCLES, Stream
from whoop_assets.whoop_day import Calendar


class StreamReader:
    """Reads streams of one member in one lane.

    Attributes:
        stats: Result of the load; its stream is the one that the load is for.
        until: Nothing is read beyond this time. It is the same for all streams of a run, so that the coverage
            of one serves the next.
        since: Spans that were read completely since then are not read again.
        requested_cycles: Ids of cycles that were requested by their own URL, found or not.
    """

    def __init__(
        self,
        session: WhoopSession,
        stats: LoadStats,
        *,
        lane: str,
        until: datetime,
        since: datetime,
        closed_by: str,
    ) -> None:
        self.database = session.database
        self.client = session.client(stats.user_id, lane)
        self.user_id = stats.user_id
        self.stats = stats
        self.until = until
        self.since = since
        self.requested_cycles: set[int] = set()
        self._closed_by = closed_by

    def calendar(self) -> Calendar:
        """Return the member's calendar as it is stored."""
        with self.database.read() as connection:
            return day_assignment.calendar(connection, self.user_id)

    def unread(self, stream: Stream, span: Span, since: datetime | None) -> list[Span]:
        """Return the parts of the span that were not read completely at or after `since` (None: ever)."""
        with self.database.read() as connection:
            return coverage.unread(connection, self.user_id, stream.name, span, since=since)

    def fetch(
        self, stream: Stream, url_key: int | str
    ) -> tuple[ParsedRecord | RejectedRecord | None, datetime]:
        """Request one of the member's records by its URL; see `fetch_record`."""
        return fetch_record(self.client, self.database, stream, url_key, self.user_id)

    def read(
        self,
        stream: Stream,
        span: Span,
        since: datetime | None,
        calendar: Calendar | None = None,
        days: tuple[date, date] | None = None,
    ) -> bool:
        """Read and commit the unread parts of the span.

        Args:
            since: As for `unread`.
            calendar: The member's calendar; not needed for cycles.
            days: First and last of the days for which the span is read. Their stored records outside the span
                are checked for deletion too.

        Returns:
            Whether anything was read.
        """
        if not span:
            return False
        known = calendar if calendar is not None else Calendar(())
        parts = self.unread(stream, span, since)
        came: set[Any] = set()
        for part in parts:
            seen: set[Any] = set()
            for piece in paginate(self.client, stream, self.user_id, part, known.by_id, seen):
                self._commit_piece(stream, piece, seen, self._unknown_cycles(stream, piece, known))
            came |= seen
        if parts and days is not None:
            absences = confirm_absences(
                self.client, self.database, stream, self.user_id, span, came, self.until, days
            )
            self.commit_records(stream, absences.batch, self.until)
            self._warn(absences.warning)
        return bool(parts)

    def extend_back(self, span: Span) -> None:
        """Read one page of cycles before the span.

        Its first record is the member's next older cycle, if there is one.
        """
        page = self.client.page(CYCLES, end=span.end)
        piece = Piece(span, page.requested_at)
        for raw in page.records:
            piece.batch.add(parse_record(CYCLES, raw, self.user_id, page.requested_at, page.endpoint))
        if page.next_token is not None:
            starts = [record.start for record in piece.batch.records if record.start is not None]
            piece.span = Span(min(starts, default=span.end), span.end)
        self._commit_part(
            CYCLES, piece.batch, piece.read_at, ReadSpan(CYCLES.name, piece.span, piece.read_at)
        )

    def read_unclosed_cycles(self) -> None:
        """Read each cycle again, by its URL, that is stored as open although a later cycle is stored.

        WHOOP keeps only the latest cycle open. The stored end is missing because the cycle was last read
        before it closed, and it may lie outside the days of this load. If its URL fails, the cycle is left to
        the next load, with a warning: it must not end this load.
        """
        with self.database.read() as connection:
            unclosed = record_lookup.unclosed_cycles(connection, self.user_id)
        batch = StreamBatch()
        for cycle_id in unclosed:
            if cycle_id in self.requested_cycles:
                continue
            self.requested_cycles.add(cycle_id)
            try:
                record, asked_at = self.fetch(CYCLES, cycle_id)
            except RECORD_FAULTS as error:
                self._warn(f"A cycle that must have closed was not read again. {error}")
                continue
            batch.add_response(cycle_id, record, asked_at)
        self.commit_records(CYCLES, batch, self.until)

    def commit_records(self, stream: Stream, batch: StreamBatch, read_at: datetime) -> None:
        """Commit records of one stream that came without a completely read span."""
        if batch:
            self._commit_part(stream, batch, read_at, None)

    def commit(self, batch: Batch) -> None:
        """Commit a batch, close the events of the answered records, and add the outcome to the stats."""
        outcome = commit_batch(self.database, self.user_id, batch, closed_by=self._closed_by)
        self.stats.add(outcome[self.stats.stream])

    def count_requests(self) -> None:
        """Set the request numbers of the stats."""
        self.stats.count_requests(self.client)

    def _commit_piece(self, stream: Stream, piece: Piece, seen: set[Any], cycles: StreamBatch | None) -> None:
        """Commit a piece, the cycles that it names, and what became of the records that are missing in it."""
        absences = confirm_absences(
            self.client, self.database, stream, self.user_id, piece.span, seen, piece.read_at
        )
        piece.batch.extend(absences.batch)
        read = ReadSpan(stream.name, piece.span, piece.read_at) if absences.warning is None else None
        self._commit_part(stream, piece.batch, piece.read_at, read, cycles)
        self._warn(absences.warning)

    def _commit_part(
        self,
        stream: Stream,
        part: StreamBatch,
        read_at: datetime,
        read: ReadSpan | None,
        cycles: StreamBatch | None = None,
    ) -> None:
        """Commit records of one stream. Each record answers its events."""
        streams = {stream.name: part} if cycles is None else {CYCLES.name: cycles, stream.name: part}
        moments: dict[Any, datetime] = {record.key: read_at for record in part.rejected}
        moments |= part.gone | {record.key: record.requested_at for record in part.records}
        self.commit(Batch(streams, read, {stream.name: moments}))

    def _unknown_cycles(self, stream: Stream, piece: Piece, calendar: Calendar) -> StreamBatch | None:
        """Request the cycles that records of the piece name and that are not stored.

        If a cycle's URL fails, its records keep the day of their own times until a load reads the cycle.
        """
        if stream is CYCLES:
            return None
        named = {record.cycle_id for record in piece.batch.records if record.cycle_id is not None}
        batch = StreamBatch()
        for cycle_id in sorted(named - self.requested_cycles):
            if calendar.by_id(cycle_id) is None:
                self.requested_cycles.add(cycle_id)
                try:
                    record, _ = self.fetch(CYCLES, cycle_id)
                except RECORD_FAULTS as error:
                    self._warn(f"A cycle that {stream.name} belong to was not read. {error}")
                    continue
                if record is not None:
                    batch.add(record)
        return batch

    def _warn(self, warning: str | None) -> None:
        if warning is not None:
            self.stats.warnings.append(warning)


def commit_batch(database: Database, user_id: int, batch: Batch, *, closed_by: str) -> dict[str, StoreStats]:
    """Store the batch and close the events of the answered records.

    An event stays open if it came after the request, or if the response was older than the stored content.

    Args:
        closed_by: Written to the events: a Dagster run, a command or a lane.

    Returns:
        Stream -> numbers of records by outcome.

    Raises:
        UnknownMember: The member was erased meanwhile. Nothing was stored.
    """
    with database.write([user_id]) as connection:
        member_store.require(connection, user_id)
        at = database.now(connection)
        if batch.read is not None:
            batch.read = replace(batch.read, other_days=_exported_days(connection, user_id, batch.read.span))
        stats = records.commit(connection, user_id, batch, at)
        requested = {
            (stream, str(key)): moment
            for stream, moments in batch.answered.items()
            for key, moment in moments.items()
            if key not in stats[stream].outdated
        }
        attempts.close(connection, user_id, requested, at, closed_by)
    return stats


def _exported_days(connection: Transaction, user_id: int, span: Span) -> set[date]:
    """Return the days around the span that app exports describe.

    Such a day may have no cycle from the API. It changes when the API provides one of its streams.
    """
    first, last = span.start.date() - timedelta(days=1), span.end.date() + timedelta(days=1)
    queries = (
        select(table.c.day).where(table.c.user_id == user_id, table.c.day.between(first, last))
        for table in (imported_cycles, imported_sleeps, imported_workouts)
    )
    return set(connection.scalars(union(*queries)))
