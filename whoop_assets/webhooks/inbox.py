"""The inbox of webhook events: what WHOOP announced, and whether the announced change is committed.

    open    the change may not be stored yet; an attempt is due at `next_attempt_at`
    parked  no attempt is made; `reason` says why, and `replay` opens the event again
    done    a load has committed a response to a request that was sent after the event was received

This module stores, lists and replays events. `attempts.py` retries and closes them. Every function works in
the caller's transaction, and any number of processes can use it at the same time. Rows are locked in the
order of trace ids, so that two transactions cannot deadlock.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, false, func, select

from whoop_assets.db.database import Database
from whoop_assets.db.statements import batched, update_rows, upsert
from whoop_assets.errors import UnknownEvent
from whoop_assets.members.store import DISCONNECTED
from whoop_assets.members.tables import members
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.webhooks import OLD_ID, WebhookEvent, read_event

OPEN, PARKED, DONE = "open", "parked", "done"

DUPLICATE = "duplicate"
NOT_A_MEMBER = "The user is not a member here."


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `webhook_events`, without its payload."""

    trace_id: str
    user_id: int
    event_type: str
    record_id: str | None
    stream: str | None
    sent_at: datetime
    received_at: datetime
    state: str
    reason: str | None
    open_since: datetime
    attempts: int
    next_attempt_at: datetime | None
    begun_by: str | None
    last_error: str | None
    day: date | None
    closed_at: datetime | None
    closed_by: str | None


COLUMNS = tuple(webhook_events.c[name] for name in Event.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Delivery(WebhookEvent):
    """The content of one delivery."""

    payload: str
    sent_at: datetime


def delivery_of(body: bytes, sent_at: datetime) -> Delivery:
    """Return the content of a delivery. Raises NotAnEvent."""
    return Delivery(**asdict(read_event(body)), payload=body.decode(), sent_at=sent_at)


def locked(connection: Connection, trace_ids: Iterable[str]) -> list[Event]:
    """Lock the events' rows until the transaction ends, and return the events that exist."""
    c = webhook_events.c
    found = []
    for batch in batched(sorted(set(trace_ids))):
        query = select(*COLUMNS).where(c.trace_id.in_(batch)).order_by(c.trace_id).with_for_update()
        found += [Event(*row) for row in connection.execute(query)]
    return found


def change(event: Event, **columns: Any) -> dict[str, Any]:
    """Return a change for `write` that sets these columns of the event."""
    if columns.get("state") == PARKED:
        columns |= {"next_attempt_at": None, "begun_by": None}
    return {"trace_id": event.trace_id, **columns}


def write(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    """Write the changes. They may set different columns."""
    for names in {tuple(change) for change in changes}:
        update_rows(connection, webhook_events, [change for change in changes if tuple(change) == names])


def require_writable(connection: Connection) -> None:
    """Run a statement without effect that fails if events cannot be stored, as in a read-only database."""
    connection.execute(delete(webhook_events).where(false()))


def receive(connection: Connection, deliveries: Sequence[Delivery], at: datetime) -> list[str]:
    """Store the new events.

    Returns:
        For each delivery: `open`, `parked`, or `duplicate` if its event was stored before.
    """
    absent = _not_members(connection, {delivery.user_id for delivery in deliveries})
    first: dict[str, Delivery] = {}
    for delivery in deliveries:
        first.setdefault(delivery.trace_id, delivery)
    new = _insert(connection, {name: _new_row(delivery, absent, at) for name, delivery in first.items()})
    stored = _contents(connection, first.keys() - new.keys()) | {name: _content(first[name]) for name in new}
    outcomes = []
    for delivery in deliveries:
        if stored.get(delivery.trace_id, _content(delivery)) != _content(delivery):
            # WHOOP does not guarantee that a trace id is unique: another content is another event.
            digest = hashlib.sha256(repr(_content(delivery)).encode()).hexdigest()[:16]
            outcomes += receive(connection, [replace(delivery, trace_id=f"{delivery.trace_id}~{digest}")], at)
        else:
            outcomes.append(new.pop(delivery.trace_id, DUPLICATE))
    return outcomes


def _insert(connection: Connection, rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Insert the rows with a new trace id. Returns their trace id -> state."""
    if not rows:
        return {}
    c = webhook_events.c
    statement = upsert(connection, webhook_events).on_conflict_do_nothing(index_elements=["trace_id"])
    # In a fixed order, so that two transactions with the same deliveries cannot deadlock.
    ordered = [rows[trace_id] for trace_id in sorted(rows)]
    return dict(connection.execute(statement.returning(c.trace_id, c.state), ordered).all())


def _content(delivery: Delivery) -> tuple[int, str, str | None]:
    return delivery.user_id, delivery.event_type, delivery.record_id


def _contents(connection: Connection, trace_ids: Collection[str]) -> dict[str, tuple[int, str, str | None]]:
    c = webhook_events.c
    found = {}
    for batch in batched(sorted(trace_ids)):
        query = select(c.trace_id, c.user_id, c.event_type, c.record_id).where(c.trace_id.in_(batch))
        found.update({name: (user_id, kind, key) for name, user_id, kind, key in connection.execute(query)})
    return found


def _not_members(connection: Connection, user_ids: Collection[int]) -> set[int]:
    found: set[int] = set()
    for batch in batched(sorted(user_ids)):
        query = select(members.c.user_id).where(
            members.c.user_id.in_(batch), members.c.status != DISCONNECTED
        )
        found.update(connection.scalars(query))
    return set(user_ids) - found


def _new_row(delivery: Delivery, absent: Collection[int], at: datetime) -> dict[str, Any]:
    return {
        "trace_id": delivery.trace_id,
        "user_id": delivery.user_id,
        "event_type": delivery.event_type,
        "record_id": delivery.record_id,
        "stream": delivery.stream,
        "payload": delivery.payload,
        "sent_at": delivery.sent_at,
        "received_at": at,
        **_reopened(delivery, absent, at),
    }


def _reopened(delivery: Delivery, absent: Collection[int], at: datetime) -> dict[str, Any]:
    """Return the columns of a new or replayed event: open and due, or parked with a reason."""
    reason = delivery.refusal or (NOT_A_MEMBER if delivery.user_id in absent else None)
    return {
        "state": OPEN if reason is None else PARKED,
        "reason": reason,
        "open_since": at,
        "attempts": 0,
        "next_attempt_at": at if reason is None else None,
        "begun_by": None,
        "last_error": None,
        "day": None,
        "closed_at": None,
        "closed_by": None,
    }


def listed(connection: Connection, *, state: str | None = None, limit: int | None = None) -> list[Event]:
    """Return events of one state or of all, newest first."""
    c = webhook_events.c
    query = select(*COLUMNS).order_by(c.received_at.desc(), c.trace_id).limit(limit)
    return [
        Event(*row) for row in connection.execute(query if state is None else query.where(c.state == state))
    ]


def parked_of(connection: Connection, user_id: int) -> list[tuple[Event, str]]:
    """Return the user's parked events, each with its payload as WHOOP sent it."""
    c = webhook_events.c
    query = select(*COLUMNS, c.payload).where(c.user_id == user_id, c.state == PARKED)
    return [(Event(*row[:-1]), row[-1]) for row in connection.execute(query)]


def stored(connection: Connection, trace_id: str) -> tuple[Event, str]:
    """Return one event and its payload as WHOOP sent it. Raises UnknownEvent."""
    c = webhook_events.c
    row = connection.execute(select(*COLUMNS, c.payload).where(c.trace_id == trace_id)).first()
    if row is None:
        raise UnknownEvent(f"There is no event {trace_id}: run `whoop-assets events list` to see the events.")
    return Event(*row[:-1]), row[-1]


def replay(connection: Connection, deliveries: Sequence[Delivery], at: datetime) -> dict[str, str | None]:
    """Open these stored events again, due now and with all attempts left.

    Args:
        deliveries: The events as this version of the program reads their payloads.

    Returns:
        Trace id -> None, or the reason why the event stays parked.
    """
    again = {delivery.trace_id: delivery for delivery in deliveries}
    absent = _not_members(connection, {delivery.user_id for delivery in deliveries})
    changes, reasons = [], {}
    for event in locked(connection, again):
        delivery = again[event.trace_id]
        fresh = _reopened(delivery, absent, at)
        changes.append(change(event, stream=delivery.stream, record_id=delivery.record_id, **fresh))
        reasons[event.trace_id] = fresh["reason"]
    write(connection, changes)
    return reasons


def replay_events(database: Database, trace_ids: Collection[str]) -> dict[str, str | None]:
    """Replay these events, as this version of the program reads them.

    Returns:
        Trace id -> None, or the reason why the event stays parked.

    Raises:
        UnknownEvent: One of them is not stored. Nothing was changed.
    """
    with database.write() as connection:
        events = [stored(connection, trace_id) for trace_id in trace_ids]
        return replay(connection, read_again(events), database.now(connection))


def read_again(events: Iterable[tuple[Event, str]]) -> list[Delivery]:
    """Return stored events as this version of the program reads their payloads."""
    return [_read_again(event, payload) for event, payload in events]


def _read_again(event: Event, payload: str) -> Delivery:
    delivery = delivery_of(payload.encode(), event.sent_at)
    found = event.record_id if event.record_id != delivery.record_id else None
    if delivery.refusal == OLD_ID and found is not None:
        # The payload still has the number, but the id of v2 was found since.
        return under(event, payload, found)
    # One of two events with the same trace id is stored under a longer one.
    return replace(delivery, trace_id=event.trace_id)


def under(event: Event, payload: str, record_id: str) -> Delivery:
    """Return a stored event with a numeric id of API v1 as a delivery with the record's id of v2."""
    return replace(
        delivery_of(payload.encode(), event.sent_at),
        trace_id=event.trace_id,
        record_id=record_id,
        refusal=None,
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers of open and parked events, and since when the oldest open one is open."""

    open: int
    parked: int
    oldest_open_since: datetime | None


def figures(connection: Connection) -> Figures:
    """Return the numbers of open and parked events."""
    c = webhook_events.c
    query = (
        select(c.state, func.count(), func.min(c.open_since))
        .where(c.state.in_((OPEN, PARKED)))
        .group_by(c.state)
    )
    found = {state: (count, oldest) for state, count, oldest in connection.execute(query)}
    count, oldest = found.get(OPEN, (0, None))
    return Figures(count, found.get(PARKED, (0, None))[0], oldest)


@dataclass(frozen=True, slots=True)
class InboxProblems:
    """Numbers of events, and examples: those that are open for longest and those that were parked last."""

    figures: Figures
    late: int
    newly_parked: int
    examples: Sequence[Event]


def trouble(
    connection: Connection, *, open_before: datetime, parked_after: datetime, examples: int
) -> InboxProblems:
    """Find problems of the inbox.

    Args:
        open_before: Open events from before this time are late.
        parked_after: Parked events that were opened after this time are reported.
        examples: Number of examples of each kind.
    """
    c = webhook_events.c
    late = (c.state == OPEN) & (c.open_since < open_before)
    parked = (c.state == PARKED) & (c.open_since > parked_after)
    found: list[Event] = []
    for where, order in ((late, c.open_since), (parked, c.open_since.desc())):
        query = select(*COLUMNS).where(where).order_by(order, c.trace_id).limit(examples)
        found += [Event(*row) for row in connection.execute(query)]
    return InboxProblems(figures(connection), _count(connection, late), _count(connection, parked), found)


def forget_done(connection: Connection, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` events that were received and done before then.

    Returns the number of deleted events.
    """
    c = webhook_events.c
    old = select(c.trace_id).where(c.received_at < before, c.state == DONE, c.closed_at < before).limit(limit)
    return connection.execute(delete(webhook_events).where(c.trace_id.in_(old))).rowcount


def _count(connection: Connection, where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(webhook_events).where(where)) or 0
