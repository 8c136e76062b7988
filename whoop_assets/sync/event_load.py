"""The load that webhook events ask for: a member's records, each by its own URL, and the cycles they belong to.

An event says that something changed, and no more: neither when nor what. So every record it names is asked for as it
is now, whatever the event said: 404 means it is gone, also when an update was announced; an answer means it exists,
also when a deletion was. Cycles have no events. What a record tells about them is looked at with it: a new night ends
one cycle and begins another, a workout changes the strain of the one it lies in.
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
from whoop_assets.members import store as member_store
from whoop_assets.members.store import Member
from whoop_assets.records import quarantine, record_lookup, upsert
from whoop_assets.records.coverage import Span
from whoop_assets.records.record_lookup import Whereabouts
from whoop_assets.sync.event_responses import Found, key_of, whereabouts_of
from whoop_assets.sync.load import Loaded, MemberLoad
from whoop_assets.sync.parsing import Taken, take
from whoop_assets.sync.session import Connection
from whoop_assets.webhooks import acknowledgement
from whoop_assets.webhooks.row_locks import Event
from whoop_assets.whoop_api.errors import (
    NetworkFault,
    NotFound,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unavailable,
    UnreadableResponse,
)
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, Stream
from whoop_assets.whoop_api.transport import ApiResponse
from whoop_assets.whoop_day import Calendar, CalendarCycle

LANE = "webhook"
LONGEST_LOOK_BACK = timedelta(days=30)
"""The cycles are read from the latest known one on, at most so far back: what is missing before is for ordinary loads."""

_MOMENT = timedelta(seconds=1)
_FATAL = (DatabaseError, ConfigurationError, UnknownMember)
_CONCERNS_ALL = (BudgetExhausted, RateLimited, ReconnectionNeeded, Unauthorized, NetworkFault, Unavailable)
"""After these no other record of the member and stream would fare better now."""
_FAULTS_BELIEVED = 2
"""So many 5xx one after the other are not the record's but WHOOP's."""


class EventLoad(MemberLoad):
    """Loads what a member's events of one stream name; of `cycles`, what has come since the latest known one.

    `by` is written to have closed the events.
    """

    def __init__(self, connection: Connection, member: Member, loaded: Loaded, *, by: str) -> None:
        with connection.database.read() as transaction:
            now = connection.database.now(transaction)
        super().__init__(connection, loaded, lane=LANE, until=now, since=now, by=by)
        self._scopes = member.scopes

    def load_cycles(self) -> None:
        """Read the cycles from the latest known one on. Raises the client's errors."""
        days = self._calendar()
        start = self._until - LONGEST_LOOK_BACK
        if len(days):
            start = max(start, days.cycles[-1].start)
        try:
            self._read(CYCLES, Span(start, self._until), self._since, self._loaded)
            self._read_unclosed_cycles(self._loaded)
        finally:
            self._loaded.count(self._client)

    def load_events(self, events: Sequence[Event]) -> dict[str, WhoopError]:
        """Ask for the records that the events name and store the answers; trace id -> error of those that failed.

        One request answers all events of a record. Everything that was answered is stored in one transaction, which
        closes its events. Raises UnknownMember, and DatabaseError or ConfigurationError, which concern everybody.
        """
        stream = STREAMS[self._loaded.stream]
        ask = self._ask_recovery if stream is RECOVERIES else partial(self._ask_by_url, stream)
        by_record: dict[str, list[Event]] = {}
        for event in events:
            by_record.setdefault(event.record_id or "", []).append(event)
        found = Found()
        try:
            errors = self._ask_all(by_record, ask, found)
            self._store(found)
            self._close_cycles()
        finally:
            self._loaded.count(self._client)
        return {event.trace_id: error for key, error in errors.items() for event in by_record[key]}

    def _close_cycles(self) -> None:
        """Read the cycles again that must have closed; what fails here is left to the next load."""
        try:
            self._read_unclosed_cycles(Loaded(self._user_id, CYCLES.name))
        except _FATAL:
            raise
        except WhoopError as error:
            self._loaded.warnings.append(f"A cycle that must have closed was not read again. {error}")

    def _ask_all(
        self,
        by_record: dict[str, list[Event]],
        ask: Callable[[str, datetime, Found], None],
        found: Found,
    ) -> dict[str, WhoopError]:
        errors: dict[str, WhoopError] = {}
        faults = 0
        for number, (key, events) in enumerate(by_record.items()):
            try:
                ask(key, max(event.open_since for event in events), found)
                faults = 0
            except _FATAL:
                raise
            except WhoopError as error:
                errors[key] = error
                faults = faults + 1 if isinstance(error, ServerFault) else 0
                if isinstance(error, _CONCERNS_ALL) or faults == _FAULTS_BELIEVED:
                    return errors | dict.fromkeys(list(by_record)[number:], error)
        return errors

    # One record. Each notes what was answered, and as the last that the record's events are settled.

    def _ask_by_url(self, stream: Stream, key: str, since: datetime, found: Found) -> None:
        answer, asked_at = self._fetch(stream, key)
        one = None
        if answer is None:
            found.is_gone(stream, key, asked_at)
            if stream is SLEEPS:
                found.answered(RECOVERIES, key, asked_at)
        else:
            found.add(stream, one := self._take(stream, answer, key))
        self._look_at_cycles(stream, self._places(stream, key, one), since)
        found.answered(stream, key, asked_at)

    def _ask_recovery(self, key: str, since: datetime, found: Found) -> None:
        """A recovery has no URL of its own: its sleep names the cycle, and the cycle has a recovery, not always this."""
        sleep = self._sleep_of_recovery(key, since, found)
        if sleep.deleted_at is not None:
            found.is_gone(RECOVERIES, key, sleep.deleted_at)
            found.answered(RECOVERIES, key, sleep.deleted_at)
            return
        asked_at: datetime | None = None
        if sleep.cycle_id is not None:
            answer, asked_at = self._fetch(RECOVERIES, sleep.cycle_id)
            if answer is not None:
                one = take(RECOVERIES, answer.payload, self._user_id, answer.requested_at, answer.endpoint)
                found.add(RECOVERIES, one)
                if key_of(one) in (key, None):
                    self._look_at_cycles(RECOVERIES, [sleep], since)
                    found.answered(RECOVERIES, key, asked_at)
                    return
        # Of a cycle with a nap there may be two, and only the collection has both.
        end = None if sleep.end is None else sleep.end + _MOMENT
        page = self._client.page(RECOVERIES, start=sleep.start, end=end)
        batch = [
            take(RECOVERIES, raw, self._user_id, page.requested_at, page.endpoint) for raw in page.records
        ]
        for one in batch:
            found.add(RECOVERIES, one)
        asked_at = page.requested_at if asked_at is None else asked_at
        if key not in {key_of(one) for one in batch}:
            if sleep.start is None or sleep.cycle_id is None:
                raise UnreadableResponse(
                    f"The recovery of sleep {key} is not on WHOOP's newest page, and the sleep that says where else to"
                    " look cannot be read.",
                    path=page.endpoint,
                )
            found.is_gone(RECOVERIES, key, asked_at)
        self._look_at_cycles(RECOVERIES, [sleep], since)
        found.answered(RECOVERIES, key, asked_at)

    def _sleep_of_recovery(self, key: str, since: datetime, found: Found) -> Whereabouts:
        """The sleep as WHOOP has it after `since`; with `deleted_at` when it is gone then."""
        stored = self._stored(SLEEPS, key)
        if stored is not None:
            told = stored.deleted_at or stored.synced_at
            if told is not None and told > since:
                return stored
        if not allows(self._scopes, SLEEPS.name):
            known = self._stored(RECOVERIES, key)
            return Whereabouts() if known is None else Whereabouts(known.cycle_id)
        answer, asked_at = self._fetch(SLEEPS, key)
        if answer is None:
            found.is_gone(SLEEPS, key, asked_at)
            self._look_at_cycles(SLEEPS, self._places(SLEEPS, key, None), since)
            return Whereabouts(deleted_at=asked_at)
        one = self._take(SLEEPS, answer, key)
        found.add(SLEEPS, one)
        if isinstance(one, quarantine.Rejected):
            return Whereabouts() if stored is None else Whereabouts(stored.cycle_id, stored.start, stored.end)
        return whereabouts_of(one)

    # Their cycles

    def _places(self, stream: Stream, key: str, one: Taken | quarantine.Rejected | None) -> list[Whereabouts]:
        """Where the record is, and where it was before: the cycles of both places may have changed with it."""
        before = self._stored(stream, key)
        places = [before] if before is not None and before.deleted_at is None else []
        return [*places, whereabouts_of(one)] if isinstance(one, Taken) else places

    def _look_at_cycles(self, stream: Stream, places: Sequence[Whereabouts], since: datetime) -> None:
        """See to it that the cycles at these places of one record are known as they are after `since`."""
        cycles = Loaded(self._user_id, CYCLES.name)
        days = self._calendar()
        parting: set[datetime] = set()
        for place in places:
            cycle = _cycle_at(days, place)
            if place.start is not None and (cycle is None or (stream is SLEEPS and not place.nap)):
                parting |= {place.start} if cycle is None else {place.start, cycle.start}
        if len(parting) > 1 or any(_cycle_at(days, place) is None for place in places):
            # A night opens its cycle and ends the one before: where they part, both are found.
            for start in sorted(parting):
                span = Span(start - _MOMENT, min(start + _MOMENT, self._until))
                self._read(CYCLES, span, self._since, cycles)
            days = self._calendar()
        for place in places:
            cycle = _cycle_at(days, place)
            cycle_id = place.cycle_id if cycle is None else cycle.id
            if cycle_id is not None and not self._known_since(cycle_id, since):
                self._ask_cycle(cycle_id, place.start, cycles)

    def _known_since(self, cycle_id: int, since: datetime) -> bool:
        """Whether WHOOP has said after `since` what this cycle is like, or has been asked by this load."""
        with self._database.read() as connection:
            synced_at = record_lookup.cycle_synced_at(connection, self._user_id, cycle_id)
        if cycle_id in self._asked_for or (synced_at is not None and synced_at > since):
            return True
        self._asked_for.add(cycle_id)
        return False

    def _ask_cycle(self, cycle_id: int, start: datetime | None, cycles: Loaded) -> None:
        found = Found()
        answer, asked_at = self._fetch(CYCLES, cycle_id)
        if answer is not None:
            found.add(
                CYCLES, take(CYCLES, answer.payload, self._user_id, answer.requested_at, answer.endpoint)
            )
        else:
            found.is_gone(CYCLES, cycle_id, asked_at)
        self._store(found)
        if answer is None and start is not None:
            # Whatever lies there now in its place.
            span = Span(start - _MOMENT, min(start + _MOMENT, self._until))
            self._read(CYCLES, span, self._since, cycles)

    # To and fro

    def _fetch(self, stream: Stream, key: int | str) -> tuple[ApiResponse | None, datetime]:
        """The answer, None for a 404; and a time before which it was not asked for."""
        with self._database.read() as connection:
            # Before the request: what somebody else confirms after it must not be deleted.
            asked_at = self._database.now(connection)
        try:
            return self._client.record(stream, key), asked_at
        except NotFound:
            return None, asked_at

    def _take(self, stream: Stream, answer: ApiResponse, key: str) -> Taken | quarantine.Rejected:
        one = take(stream, answer.payload, self._user_id, answer.requested_at, answer.endpoint)
        if isinstance(one, Taken) and one.incoming.key != key:
            raise UnreadableResponse(
                f"GET {answer.endpoint} answered with another record than the one that was asked for.",
                path=answer.endpoint,
            )
        return one

    def _stored(self, stream: Stream, key: str) -> Whereabouts | None:
        with self._database.read() as connection:
            return record_lookup.of_record(connection, self._user_id, stream.name, key)

    def _store(self, found: Found) -> None:
        """One transaction: what was answered, days filed again, stale days, closed events."""
        if not found:
            return
        with self._database.write([self._user_id]) as connection:
            member_store.require(connection, self._user_id)
            at = self._database.now(connection)
            stored: dict[str, dict[str, datetime]] = {}
            other: dict[str, dict[str, datetime]] = {}
            for name in STREAMS:
                result = self._loaded if name == self._loaded.stream else Loaded(self._user_id, name)
                incoming = [one.incoming for one in found.taken.get(name, [])]
                rejected, gone = found.rejected.get(name, []), found.gone.get(name, {})
                result.add(upsert.store(connection, self._user_id, name, incoming, at))
                result.add(upsert.delete_confirmed(connection, self._user_id, name, gone, at))
                result.quarantined += len(rejected)
                quarantine.keep(connection, self._user_id, name, rejected, at)
                understood = {str(one.key) for one in incoming} | {str(key) for key in gone}
                quarantine.resolve(connection, self._user_id, name, understood, at)
                answers = {one.key: one.requested_at for one in incoming}
                asked = found.asked.get(name, {})
                stored[name] = {key: answers[key] for key in asked if key in answers}
                other[name] = {key: moment for key, moment in asked.items() if key not in answers}
            acknowledgement.settle(connection, self._user_id, stored=stored, other=other, at=at, by=self._by)


def _cycle_at(days: Calendar, place: Whereabouts) -> CalendarCycle | None:
    """The cycle that a record of this place belongs to, as far as it is known."""
    if place.cycle_id is not None:
        return days.by_id(place.cycle_id)
    return None if place.start is None else days.containing(place.start)
