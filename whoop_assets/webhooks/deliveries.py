"""Translates between WHOOP's webhook format and the inbox, for new deliveries and for replays."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from whoop_assets.db.database import Database
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Delivery, Event
from whoop_assets.whoop_api.webhooks import OLD_ID, read_event


def delivery_of(body: bytes, sent_at: datetime) -> Delivery:
    """Return the content of a delivery. Raises NotAnEvent."""
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
    """Replay these events, as this version of the program reads them.

    Returns:
        Trace id -> None, or the reason why the event stays parked.

    Raises:
        UnknownEvent: One of them is not stored. Nothing was changed.
    """
    with database.write() as connection:
        stored = [inbox.stored(connection, trace_id) for trace_id in trace_ids]
        return inbox.replay(connection, read_again(stored), database.now(connection))


def read_again(stored: Iterable[tuple[Event, str]]) -> list[Delivery]:
    """Return stored events as this version of the program reads their payloads."""
    return [_read_again(event, payload) for event, payload in stored]


def under(event: Event, payload: str, record_id: str) -> Delivery:
    """Return a stored event with a numeric id of API v1 as a delivery with the record's id of v2."""
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
        # The payload still has the number, but the id of v2 was found since.
        return under(event, payload, found)
    # One of two events with the same trace id is stored under a longer one.
    return replace(delivery, trace_id=event.trace_id)
