"""Events: the rows of `webhook_events`, their states, and how a transaction locks and changes them.

Rows are locked in the order of trace ids, so that two transactions cannot deadlock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from whoop_assets.db.statements import batched
from whoop_assets.webhooks.tables import webhook_events

OPEN, PARKED, DONE = "open", "parked", "done"
STATES = (OPEN, PARKED, DONE)


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
    return {"of": event.trace_id, **{f"new_{name}": value for name, value in columns.items()}}


def write(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    """Write the changes. They may set different columns."""
    for names in {tuple(change) for change in changes}:
        values: dict[str, Any] = {
            name.removeprefix("new_"): bindparam(name) for name in names if name != "of"
        }
        statement = update(webhook_events).where(webhook_events.c.trace_id == bindparam("of")).values(values)
        connection.execute(statement, [change for change in changes if tuple(change) == names])
