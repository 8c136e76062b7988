"""One load: a stream of one member for a range of days, read completely and stored piece by piece.

Cycles come first, because they are the calendar: a load of any other stream makes sure that the cycles of its days
are known and bounded, and reads over their real spans.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from whoop_assets.members import store as member_store
from whoop_assets.records import (
    coverage,
    day_assignment,
    quarantine,
    read_days,
    record_lookup,
    stale_days,
    upsert,
)
from whoop_assets.records.coverage import Span
from whoop_assets.sync.deletion_confirmation import Absences, confirm_absences
from whoop_assets.sync.pagination import Piece, crawl
from whoop_assets.sync.parsing import Taken, take
from whoop_assets.sync.session import Connection
from whoop_assets.sync.time_windows import bounded_after, cycle_span, last_before, record_span
from whoop_assets.webhooks import acknowledgement
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import (
    BadRequest,
    NotFound,
    Refused,
    ServerFault,
    Unavailable,
    UnreadableResponse,
)
from whoop_assets.whoop_api.streams import CYCLES, STREAMS, Stream
from whoop_assets.whoop_day import Calendar

_FIRST_EXTENSION = timedelta(days=4)


@dataclass(slots=True)
class Loaded:
    """What one load did for one member, and what it cost."""

    user_id: int
    stream: str
    created: int = 0
    changed: int = 0
    confirmed: int = 0
    superseded: int = 0
    deleted: int = 0
    quarantined: int = 0
    requests: int = 0
    retries: int = 0
    limited: int = 0
    waited_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def add(self, stored: upsert.Stored) -> None:
        self.created += stored.created
        self.changed += stored.changed
        self.confirmed += stored.confirmed
        self.superseded += stored.superseded
        self.deleted += stored.deleted

    def count(self, client: WhoopClient) -> None:
        """Take what the client has cost so far."""
        self.requests, self.retries = client.requests, client.retries
        self.limited, self.waited_seconds = client.limited, client.waited_seconds


class MemberLoad:
    """Loads one stream of one member in one lane; `loaded` names both, and takes what it came to.

    `until`: nothing is read beyond it; the same for all streams of a run, so that one's coverage serves the next.
    `since`: what was read completely since then is not read again.
    `by`: what is written to have closed the webhook events that the load settles by the way.
    """

    def __init__(
        self,
        connection: Connection,
        loaded: Loaded,
        *,
        lane: str,
        until: datetime,
        since: datetime,
        by: str = "",
    ) -> None:
        self._by = by or lane
        self._database = connection.database
        self._client: WhoopClient = connection.client(loaded.user_id, lane)
        self._user_id = loaded.user_id
        self._loaded = loaded
        self._until = until
        self._since = since
        self._asked_for: set[int] = set()  # cycles looked for by their own URL, found or not

    def load(self, first: date, last: date) -> None:
        """Read and store the stream's records of the days first..last.

        Raises the client's errors; the pieces committed before stay, and are not read again by a load with the same
        `since`.
        """
        stream = STREAMS[self._loaded.stream]
        try:
            if stream is CYCLES:
                self._load_cycles(first, last, self._loaded)
            else:
                days = self._known_cycles(first, last)
                span = record_span(days, first, last, self._until)
                self._read(stream, span, self._since, self._loaded, days, (first, last))
        finally:
            self._loaded.count(self._client)

    def _load_cycles(self, first: date, last: date, result: Loaded) -> Calendar:
        span = cycle_span(first, last, self._until)
        self._read(CYCLES, span, self._since, result)
        self._read_unclosed_cycles(result)
        return self._bound(span, first, last, result, self._calendar())

    def _known_cycles(self, first: date, last: date) -> Calendar:
        """The calendar, read where it does not know these days yet or may have moved on since it was read."""
        span = cycle_span(first, last, self._until)
        cycles = Loaded(self._user_id, CYCLES.name)
        days = self._calendar()
        latest = days.cycles[-1] if len(days) else None
        if latest is not None and latest.day <= last and latest.start < span.end:
            # The latest cycle may have closed, and another begun, since it was read.
            self._read(CYCLES, Span(max(latest.start, span.start), span.end), self._since, cycles)
        self._read(CYCLES, span, None, cycles)
        self._read_unclosed_cycles(cycles)
        if cycles.changed or cycles.created or cycles.deleted:
            days = self._calendar()
        days = self._bound(span, first, last, cycles, days)
        self._loaded.warnings += cycles.warnings
        return days

    def _read_unclosed_cycles(self, result: Loaded) -> None:
        """Read each cycle again, by its URL, that is stored as open although a later cycle is stored.

        WHOOP keeps one cycle open, the latest. The stored end is missing because the cycle was last read before it closed,
        and it may lie outside the days of this load. A cycle whose own URL fails is left to the next load, with a warning:
        it must not end this load.
        """
        with self._database.read() as connection:
            unclosed = record_lookup.unclosed_cycles(connection, self._user_id)
        absences = Absences()
        for cycle_id in unclosed:
            if cycle_id in self._asked_for:
                continue
            self._asked_for.add(cycle_id)
            with self._database.read() as connection:
                # Before the request: a later confirmation by another process must not be deleted.
                asked_at = self._database.now(connection)
            try:
                answer = self._client.record(CYCLES, cycle_id)
            except NotFound:
                absences.gone[cycle_id] = asked_at
                continue
            except (ServerFault, Unavailable, UnreadableResponse, BadRequest, Refused) as error:
                self._loaded.warnings.append(f"A cycle that must have closed was not read again. {error}")
                continue
            absences.found.append(
                take(CYCLES, answer.payload, self._user_id, answer.requested_at, answer.endpoint)
            )
        if absences.found or absences.gone:
            nowhere = Span(self._until, self._until)
            self._commit(CYCLES, Piece(nowhere, self._until), absences, [], result)

    def _bound(self, span: Span, first: date, last: date, result: Loaded, days: Calendar) -> Calendar:
        """Read further until cycles are known on both sides of the days, or there are none.

        A cycle that is known far away does not count: there may be others before it that were never read.
        """
        if not span:
            return days
        if not self._bounded_before(days, first, span):
            # One page behind the span: the member's next older cycle comes first in it, if there is one.
            self._extend_back(span, result)
            days = self._calendar()
        end, step = span.end, _FIRST_EXTENSION
        while not bounded_after(days, last, end) and end < self._until:
            further = Span(end, min(end + step, self._until))
            if self._read(CYCLES, further, None, result):
                days = self._calendar()
            end, step = further.end, step * 2
        return days

    def _bounded_before(self, days: Calendar, first: date, span: Span) -> bool:
        before = last_before(days, first)
        if before is None:
            return False
        cycle, end = before
        if end >= span.start:
            return True
        with self._database.read() as connection:
            between = Span(cycle.start, span.start)
            return not coverage.unread(connection, self._user_id, CYCLES.name, between, since=None)

    def _extend_back(self, span: Span, result: Loaded) -> None:
        beginning = Span(datetime(2010, 1, 1, tzinfo=UTC), span.start)
        with self._database.read() as connection:
            if not coverage.unread(connection, self._user_id, CYCLES.name, beginning, since=None):
                return
        page = self._client.page(CYCLES, end=span.start)
        batch = [take(CYCLES, raw, self._user_id, page.requested_at, page.endpoint) for raw in page.records]
        starts = [one.start for one in batch if isinstance(one, Taken) and one.start is not None]
        covered = beginning if page.next_token is None else Span(min(starts, default=span.start), span.start)
        piece = Piece(covered, page.requested_at)
        piece.taken = [one for one in batch if isinstance(one, Taken)]
        piece.rejected = [one for one in batch if isinstance(one, quarantine.Rejected)]
        self._commit(CYCLES, piece, Absences(), [], result)

    def _read(
        self,
        stream: Stream,
        span: Span,
        since: datetime | None,
        result: Loaded,
        days: Calendar | None = None,
        asked: tuple[date, date] | None = None,
    ) -> bool:
        """Read and store what of the span is unread; `days` are needed for all but cycles. True if anything was.

        `asked`: the days, first and last, for whose sake it is read.
        """
        if not span:
            return False
        days = days if days is not None else Calendar(())
        with self._database.read() as connection:
            spans = coverage.unread(connection, self._user_id, stream.name, span, since=since)
        came: set[Any] = set()
        for part in spans:
            seen: set[Any] = set()
            for piece in crawl(self._client, stream, self._user_id, part, days.by_id, seen):
                found = self._missing_cycles(stream, piece, days)
                absences = confirm_absences(
                    self._client, self._database, stream, self._user_id, piece.span, seen, piece.read_at
                )
                self._commit(stream, piece, absences, found, result)
            came |= seen
        if spans and asked is not None:
            strays = confirm_absences(
                self._client, self._database, stream, self._user_id, span, came, self._until, asked
            )
            if strays.found or strays.gone or strays.warning:
                nowhere = Span(span.end, span.end)
                self._commit(stream, Piece(nowhere, self._until), strays, [], result)
        return bool(spans)

    def _missing_cycles(
        self, stream: Stream, piece: Piece, days: Calendar
    ) -> list[Taken | quarantine.Rejected]:
        """The cycles that records of the piece name and that are not known yet, asked for by their own URL."""
        if stream is CYCLES:
            return []
        named = {one.cycle_id for one in piece.taken if one.cycle_id is not None} - self._asked_for
        found = []
        for cycle_id in sorted(cycle_id for cycle_id in named if days.by_id(cycle_id) is None):
            self._asked_for.add(cycle_id)
            try:
                answer = self._client.record(CYCLES, cycle_id)
            except NotFound:
                continue
            found.append(take(CYCLES, answer.payload, self._user_id, answer.requested_at, answer.endpoint))
        return found

    def _commit(
        self,
        stream: Stream,
        piece: Piece,
        absences: Absences,
        cycles: list[Taken | quarantine.Rejected],
        result: Loaded,
    ) -> None:
        """One transaction: records, days filed again, versions, quarantine, coverage, stale days."""
        taken = piece.taken + [one for one in absences.found if isinstance(one, Taken)]
        rejected = piece.rejected + [one for one in absences.found if isinstance(one, quarantine.Rejected)]
        with self._database.write([self._user_id]) as connection:
            member_store.require(connection, self._user_id)
            at = self._database.now(connection)
            valid_cycles = [one.incoming for one in cycles if isinstance(one, Taken)]
            upsert.store(connection, self._user_id, CYCLES.name, valid_cycles, at)
            bad_cycles = [one for one in cycles if isinstance(one, quarantine.Rejected)]
            quarantine.keep(connection, self._user_id, CYCLES.name, bad_cycles, at)
            incoming = [one.incoming for one in taken]
            stored = upsert.store(connection, self._user_id, stream.name, incoming, at)
            result.add(stored)
            result.add(upsert.delete_confirmed(connection, self._user_id, stream.name, absences.gone, at))
            quarantine.keep(connection, self._user_id, stream.name, rejected, at)
            quarantine.resolve(connection, self._user_id, stream.name, {str(one.key) for one in incoming}, at)
            acknowledgement.settle(
                connection,
                self._user_id,
                stored={stream.name: {one.key: one.requested_at for one in incoming}},
                other={stream.name: {one.key: piece.read_at for one in rejected} | absences.gone},
                at=at,
                by=self._by,
            )
            if absences.warning is None:
                # What something newer had overtaken may start elsewhere by now, and what was rejected may be stored as it
                # was before: then the number of the pages cannot be compared with what is stored.
                starts = (
                    None
                    if stored.superseded or rejected
                    else day_assignment.starts_of(connection, self._user_id, stream.name, incoming)
                )
                days = read_days.days_touching(connection, self._user_id, piece.span)
                before = read_days.read_days(connection, days, [stream.name])
                coverage.record(
                    connection,
                    self._user_id,
                    stream.name,
                    piece.span,
                    piece.read_at,
                    starts=starts,
                    counted_at=at,
                )
                # What was unknown of these days may be known now to be nothing.
                after = read_days.read_days(connection, days, [stream.name])
                changed = before[stream.name] ^ after[stream.name]
                stale_days.mark(connection, self._user_id, (day for _, day in changed), at)
        result.quarantined += len(rejected)
        if absences.warning is not None:
            result.warnings.append(absences.warning)

    def _calendar(self) -> Calendar:
        with self._database.read() as connection:
            return day_assignment.calendar(connection, self._user_id)
