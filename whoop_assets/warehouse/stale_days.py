"""The ledger of stale days: which member-days changed since their summary was built.

A change renews the day's generation in the transaction that makes it. Whoever builds the summary clears the
generation it read and no other, so a change that comes while a summary is built stays visible. Generations are
random, not counted: a number that were counted anew after clearing could be mistaken for an older one.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, delete, select

from whoop_assets.warehouse.statements import insert_or_replace
from whoop_assets.warehouse.tables import stale_days


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A member-day whose summary is behind its records."""

    user_id: int
    day: date
    generation: int


def mark(connection: Connection, user_id: int, days: Iterable[date], at: datetime) -> None:
    """Mark these days of the member as changed."""
    generation = secrets.randbits(62)
    rows = [
        {"user_id": user_id, "day": day, "generation": generation, "changed_at": at}
        for day in sorted(set(days))
    ]
    insert_or_replace(connection, stale_days, rows, keep=set())


def stale(connection: Connection, *, limit: int | None = None) -> list[StaleDay]:
    """All stale days, newest day first."""
    columns = (stale_days.c.user_id, stale_days.c.day, stale_days.c.generation)
    query = select(*columns).order_by(stale_days.c.day.desc(), stale_days.c.user_id).limit(limit)
    return [StaleDay(*row) for row in connection.execute(query)]


def generations(connection: Connection, members: Iterable[int], first: date, last: date) -> list[StaleDay]:
    """The stale days of these members between two days, both included."""
    query = select(stale_days.c.user_id, stale_days.c.day, stale_days.c.generation).where(
        stale_days.c.user_id.in_(list(members)), stale_days.c.day.between(first, last)
    )
    return [StaleDay(*row) for row in connection.execute(query)]


def clear(connection: Connection, built: Iterable[StaleDay]) -> None:
    """Forget the generations whose summary has been built; a newer generation of the same day stays."""
    rows = [{"of": entry.user_id, "on": entry.day, "read": entry.generation} for entry in built]
    if rows:
        connection.execute(
            delete(stale_days).where(
                stale_days.c.user_id == bindparam("of"),
                stale_days.c.day == bindparam("on"),
                stale_days.c.generation == bindparam("read"),
            ),
            rows,
        )
