"""Problems of the inbox: events that have been open for too long, and recently parked ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.events import COLUMNS, OPEN, PARKED, Event
from whoop_assets.webhooks.tables import webhook_events


@dataclass(frozen=True, slots=True)
class InboxProblems:
    """Numbers of events, and examples: those that are open for longest and those that were parked last."""

    figures: inbox.Figures
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
    return InboxProblems(
        inbox.figures(connection), _count(connection, late), _count(connection, parked), found
    )


def _count(connection: Connection, where: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(webhook_events).where(where)) or 0
