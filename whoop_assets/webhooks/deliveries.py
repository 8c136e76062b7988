"""Webhook events between WHOOP's format and the inbox: how a delivery is entered, and how a stored one begins anew."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from whoop_assets.db.database import Database
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Delivery, Event
from whoop_assets.whoop_api.webhooks import OLD_ID, read_event


def delivery_of(body: bytes, sent_at: datetime) -> Delivery:
    """What the body of a delivery says, for the inbox; raises NotAnEvent."""
    event = read_event(body)
    return Delivery(
        trace_id=event.trace_id,
        user_id=event.user_id,
        event_type=event.type,
        record_id=event.record_id,
        stream=event.stream,
        payload=body.decode(),
        sent_at=sent_at,
        refusal=event.refusal,
    )


def replay(database: Database, trace_ids: Collection[str]) -> dict[str, str | None]:
    """Begin anew with these events, as this version of the program reads them, and as the members are now.

    Trace id -> None, or the reason for which the event stays parked. Raises UnknownEvent, and then changes nothing.
    """
    with database.write() as connection:
        stored = [inbox.stored(connection, trace_id) for trace_id in trace_ids]
        return inbox.replay(connection, read_again(stored), database.now(connection))


def read_again(stored: Iterable[tuple[Event, str]]) -> list[Delivery]:
    """Stored events and their payloads, as this version of the program reads them."""
    return [_read_again(event, payload) for event, payload in stored]


def under(event: Event, payload: str, record_id: str) -> Delivery:
    """A stored event that named its record by a number of v1, under the record's id in v2."""
    return replace(
        delivery_of(payload.encode(), event.sent_at),
        trace_id=event.trace_id,
        record_id=record_id,
        refusal=None,
    )


def _read_again(event: Event, payload: str) -> Delivery:
    delivery = delivery_of(payload.encode(), event.sent_at)
    found = event.record_id if event.record_id != delivery.record_id else None
    if delivery.refusal == OLD_ID and found is not None:
        # What WHOOP sent still has the number, but the id in v2 has been found since.
        return under(event, payload, found)
    # Of two that came under one trace id, one is stored under another: the stored one counts.
    return replace(delivery, trace_id=event.trace_id)
