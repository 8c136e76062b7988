"""Loads what webhook events announce: each named record by its own URL, and the cycles that it belongs to.

An event says that a record changed, but not when or how. The load therefore requests every named record as it
is now, whatever the event's type: a 404 means that it is deleted, also after an update event; a record means
that it exists, also after a delete event. WHOOP announces no changes of cycles, so the load also reads the
cycles that a changed record affects: a new night ends one cycle and begins another, and a workout changes the
strain of its cycle.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from whoop_assets.errors import (
    BudgetExhausted,
    ConfigurationError,
    DatabaseError,
    ReconnectionNeeded,
    UnknownMember,
    WhoopError,
)
from whoop_assets.members.store import Member
from whoop_assets.records import record_lookup
from whoop_assets.records.commit import Batch, StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.records.record_lookup import RecordLookup
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.parsing import parse_record
from whoop_assets.sync.session import WhoopSession
from whoop_assets.sync.stream_reader import StreamReader
from whoop_assets.webhooks.inbox import Event
from whoop_assets.whoop_api.errors import (
    NetworkFault,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unavailable,
    UnreadableResponse,
)
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, Stream
from whoop_assets.whoop_day import Calendar, CalendarCycle

LANE = "webhook"
MAX_LOOK_BACK = timedelta(days=30)
"""Cycles are read from the latest known one on, but at most this far back.

Ordinary loads read the time before.
"""

_MOMENT = timedelta(seconds=1)
_FATAL = (DatabaseError, ConfigurationError, UnknownMember)
_STOPS_STREAM = (BudgetExhausted, RateLimited, ReconnectionNeeded, Unauthorized, NetworkFault, Unavailable)
"""Errors after which every other request for this member and stream would fail too."""
_MAX_SERVER_FAULTS = 2
"""After this many 5xx responses in a row the fault is WHOOP's, not the record's."""


class EventLoad:
    """Loads what a member's events of one stream name; of cycles, everything from the latest known one on."""

    def __init__(self, session: WhoopSession, member: Member, stats: LoadStats, *, closed_by: str) -> None:
        with session.database.read() as connection:
            now = session.database.now(connection)
        self._reader = StreamReader(session, stats, lane=LANE, until=now, since=now, closed_by=closed_by)
        self._user_id = member.user_id
        self._scopes = member.scopes

    def load_cycles(self) -> None:
        """Read the cycles from the latest known one on. Raises the client's errors."""
        reader = self._reader
        days = reader.calendar()
        start = reader.until - MAX_LOOK_BACK
        if len(days):
            start = max(start, days.cycles[-1].start)
        try:
            reader.read(CYCLES, Span(start, reader.until), reader.since)
            reader.read_unclosed_cycles()
        finally:
            reader.count_requests()

    def load_events(self, events: Sequence[Event]) -> dict[str, WhoopError]:
        """Request the records that the events name, then store the responses and close the events together.

        One request answers all events of a record.

        Returns:
            Trace id -> error, for each event that failed.

        Raises:
            UnknownMember: The member was erased meanwhile.
            DatabaseError: An error that concerns all members, like ConfigurationError.
        """
        stream = STREAMS[self._reader.stats.stream]
        request = self._request_recovery if stream is RECOVERIES else partial(self._request_by_url, stream)
        by_record: dict[str, list[Event]] = {}
        for event in events:
            by_record.setdefault(event.record_id or "", []).append(event)
        batch = Batch()
        try:
            errors = self._request_all(by_record, request, batch)
            if batch:
                self._reader.commit(batch)
            self._read_unclosed_cycles()
        finally:
            self._reader.count_requests()
        return {event.trace_id: error for key, error in errors.items() for event in by_record[key]}

    def _read_unclosed_cycles(self) -> None:
        """Read cycles again that must have closed. A failure is left to the next load."""
        try:
            self._reader.read_unclosed_cycles()
        except _FATAL:
            raise
        except WhoopError as error:
            self._reader.stats.warnings.append(f"A cycle that must have closed was not read again. {error}")

    def _request_all(
        self,
        by_record: dict[str, list[Event]],
        request: Callable[[str, datetime, Batch], None],
        batch: Batch,
    ) -> dict[str, WhoopError]:
        errors: dict[str, WhoopError] = {}
        faults = 0
        for number, (key, events) in enumerate(by_record.items()):
            try:
                request(key, max(event.open_since for event in events), batch)
                faults = 0
            except _FATAL:
                raise
            except WhoopError as error:
                errors[key] = error
                faults = faults + 1 if isinstance(error, ServerFault) else 0
                if isinstance(error, _STOPS_STREAM) or faults == _MAX_SERVER_FAULTS:
                    return errors | dict.fromkeys(list(by_record)[number:], error)
        return errors

    # The two methods below handle one record. They mark it as answered last, after its cycles are known.

    def _request_by_url(self, stream: Stream, key: str, since: datetime, batch: Batch) -> None:
        record, asked_at = self._fetch(stream, key)
        batch.of(stream.name).add_response(key, record, asked_at)
        if record is None and stream is SLEEPS:
            batch.set_answered(RECOVERIES.name, key, asked_at)
        self._read_cycles_at(stream, self._places(stream, key, record), since)
        batch.set_answered(stream.name, key, asked_at)

    def _request_recovery(self, key: str, since: datetime, batch: Batch) -> None:
        """Find a recovery, which has no URL: its sleep names the cycle, and the cycle has a recovery.

        If that is another sleep's recovery, look in the collection.
        """
        part = batch.of(RECOVERIES.name)
        sleep = self._sleep_of_recovery(key, since, batch)
        if sleep.deleted_at is not None:
            part.gone[key] = sleep.deleted_at
            batch.set_answered(RECOVERIES.name, key, sleep.deleted_at)
            return
        asked_at: datetime | None = None
        if sleep.cycle_id is not None:
            record, asked_at = self._reader.fetch(RECOVERIES, sleep.cycle_id)
            if record is not None:
                part.add(record)
                if record.key in (key, None):
                    self._read_cycles_at(RECOVERIES, [sleep], since)
                    batch.set_answered(RECOVERIES.name, key, asked_at)
                    return
        # The cycle of a nap can have two recoveries, and only the collection has both.
        end = None if sleep.end is None else sleep.end + _MOMENT
        page = self._reader.client.page(RECOVERIES, start=sleep.start, end=end)
        records = [
            parse_record(RECOVERIES, raw, self._user_id, page.requested_at, page.endpoint)
            for raw in page.records
        ]
        for record in records:
            part.add(record)
        asked_at = page.requested_at if asked_at is None else asked_at
        if key not in {record.key for record in records}:
            if sleep.start is None or sleep.cycle_id is None:
                raise UnreadableResponse(
                    f"The recovery of sleep {key} is not on WHOOP's newest page, and the sleep that says"
                    " where else to look cannot be read.",
                    path=page.endpoint,
                )
            part.gone[key] = asked_at
        self._read_cycles_at(RECOVERIES, [sleep], since)
        batch.set_answered(RECOVERIES.name, key, asked_at)

    def _sleep_of_recovery(self, key: str, since: datetime, batch: Batch) -> RecordLookup:
        """Return the sleep as WHOOP has it after `since`, with `deleted_at` if it is gone."""
        stored = self._stored(SLEEPS, key)
        if stored is not None:
            confirmed_at = stored.deleted_at or stored.synced_at
            if confirmed_at is not None and confirmed_at > since:
                return stored
        if not allows(self._scopes, SLEEPS.name):
            recovery = self._stored(RECOVERIES, key)
            return RecordLookup() if recovery is None else RecordLookup(recovery.cycle_id)
        record, asked_at = self._fetch(SLEEPS, key)
        batch.of(SLEEPS.name).add_response(key, record, asked_at)
        if record is None:
            self._read_cycles_at(SLEEPS, self._places(SLEEPS, key, None), since)
            return RecordLookup(deleted_at=asked_at)
        if isinstance(record, RejectedRecord):
            return (
                RecordLookup() if stored is None else RecordLookup(stored.cycle_id, stored.start, stored.end)
            )
        return _place_of(record)

    def _places(
        self, stream: Stream, key: str, record: ParsedRecord | RejectedRecord | None
    ) -> list[RecordLookup]:
        """Return where the record was and where it is: the cycles of both places may have changed with it."""
        before = self._stored(stream, key)
        places = [before] if before is not None and before.deleted_at is None else []
        return [*places, _place_of(record)] if isinstance(record, ParsedRecord) else places

    def _read_cycles_at(self, stream: Stream, places: Sequence[RecordLookup], since: datetime) -> None:
        """Read the cycles at these places of one record, unless they were confirmed after `since`."""
        reader = self._reader
        days = reader.calendar()
        boundaries: set[datetime] = set()
        for place in places:
            cycle = _cycle_at(days, place)
            if place.start is not None and (cycle is None or (stream is SLEEPS and not place.nap)):
                boundaries |= {place.start} if cycle is None else {place.start, cycle.start}
        if len(boundaries) > 1 or any(_cycle_at(days, place) is None for place in places):
            # A night opens its cycle and ends the one before. A short span at the boundary returns both.
            for start in sorted(boundaries):
                reader.read(CYCLES, self._around(start), reader.since)
            days = reader.calendar()
        for place in places:
            cycle = _cycle_at(days, place)
            cycle_id = place.cycle_id if cycle is None else cycle.id
            if cycle_id is not None and not self._known_since(cycle_id, since):
                self._read_cycle(cycle_id, place.start)

    def _around(self, start: datetime) -> Span:
        return Span(start - _MOMENT, min(start + _MOMENT, self._reader.until))

    def _known_since(self, cycle_id: int, since: datetime) -> bool:
        """Return whether the cycle was confirmed after `since`, or this load has read it."""
        with self._reader.database.read() as connection:
            synced_at = record_lookup.cycle_synced_at(connection, self._user_id, cycle_id)
        return cycle_id in self._reader.requested_cycles or (synced_at is not None and synced_at > since)

    def _read_cycle(self, cycle_id: int, start: datetime | None) -> None:
        """Read a cycle by its URL; if it is gone, read the cycles at its place."""
        batch = StreamBatch()
        record, asked_at = self._reader.fetch(CYCLES, cycle_id)
        self._reader.requested_cycles.add(cycle_id)
        batch.add_response(cycle_id, record, asked_at)
        self._reader.commit_records(CYCLES, batch, asked_at)
        if record is None and start is not None:
            self._reader.read(CYCLES, self._around(start), self._reader.since)

    def _fetch(self, stream: Stream, key: str) -> tuple[ParsedRecord | RejectedRecord | None, datetime]:
        """Request a record by its own id. Raises UnreadableResponse if WHOOP returns another record."""
        record, asked_at = self._reader.fetch(stream, key)
        if isinstance(record, ParsedRecord) and record.key != key:
            raise UnreadableResponse(
                f"GET {record.endpoint} returned another record than the requested one.", path=record.endpoint
            )
        return record, asked_at

    def _stored(self, stream: Stream, key: str) -> RecordLookup | None:
        with self._reader.database.read() as connection:
            return record_lookup.of_record(connection, self._user_id, stream.name, key)


def _place_of(record: ParsedRecord) -> RecordLookup:
    fields = record.fields
    return RecordLookup(record.cycle_id, record.start, fields.get("end_time"), bool(fields.get("nap")))


def _cycle_at(days: Calendar, place: RecordLookup) -> CalendarCycle | None:
    """Return the cycle that a record of this place belongs to; None if it is not known."""
    if place.cycle_id is not None:
        return days.by_id(place.cycle_id)
    return None if place.start is None else days.containing(place.start)
