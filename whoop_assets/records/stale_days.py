"""Ledgers of stale member-days, level-triggered, with generations.

The transaction that changes a day gives it a new generation. A build clears only the generation that it read,
so a change during the build stays visible. Generations are random numbers: a counter that restarts after
clearing could repeat one.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Select, Table, delete, func, literal, select, tuple_, update

from whoop_assets.db.statements import batched, insert_or_replace, upsert
from whoop_assets.records.tables import stale_days, stale_trends, stale_weeks


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A stale member-day. In the ledger of weeks, `day` is the Monday."""

    user_id: int
    day: date
    generation: int


@dataclass(frozen=True, slots=True)
class StaleCount:
    """The number of members for whom a day is stale.

    Attributes:
        state: Least and greatest generation and the newest change; it differs for different work on the same
            day.
        refused: For how many members a sink refused the day at the last attempt.
    """

    day: date
    members: int
    state: tuple[int, int, datetime]
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """One table of `user_id`, `day`, `generation` and `changed_at`."""

    table: Table

    def mark(self, connection: Connection, user_id: int, days: Iterable[date], at: datetime) -> None:
        """Mark these days of the member as stale."""
        self.mark_all(connection, [(user_id, day) for day in days], at)

    def mark_all(self, connection: Connection, days: Iterable[tuple[int, date]], at: datetime) -> None:
        """Mark these (member, day) pairs as stale."""
        generation = secrets.randbits(62)
        rows = [
            {"user_id": user_id, "day": day, "generation": generation, "changed_at": at}
            for user_id, day in sorted(set(days))
        ]
        insert_or_replace(connection, self.table, rows, keep=set())

    def mark_selected(self, connection: Connection, days: Select[tuple[int, date]], at: datetime) -> None:
        """Mark the (user id, day) pairs of this query as stale, and renew every existing generation.

        A build that began earlier cannot clear a renewed generation.
        """
        values = {"generation": secrets.randbits(62), "changed_at": at}
        connection.execute(update(self.table).values(values))
        found = days.subquery()
        columns = [literal(value, self.table.c[name].type) for name, value in values.items()]
        # SQLite accepts ON CONFLICT after a SELECT only if the SELECT has a WHERE.
        rows = select(*found.c, *columns).distinct().where(found.c[0].is_not(None))
        statement = upsert(connection, self.table).from_select(["user_id", "day", *values], rows)
        connection.execute(statement.on_conflict_do_nothing())

    def stale(self, connection: Connection, *, limit: int | None = None) -> list[StaleDay]:
        """Return the stale days, newest day first."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).order_by(c.day.desc(), c.user_id).limit(limit)
        return [StaleDay(*row) for row in connection.execute(query)]

    def days(self, connection: Connection, *, before: datetime | None = None) -> list[StaleCount]:
        """Return one entry per stale day. With `before`, count only changes before then."""
        c = self.table.c
        query = select(
            c.day, func.count(), func.min(c.generation), func.max(c.generation), func.max(c.changed_at)
        ).group_by(c.day)
        if before is not None:
            query = query.where(c.changed_at < before)
        return [
            StaleCount(day, members, (least, most, changed_at))
            for day, members, least, most, changed_at in connection.execute(query)
        ]

    def generations(
        self, connection: Connection, members: Iterable[int], first: date, last: date
    ) -> list[StaleDay]:
        """Return the members' stale days from first to last."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).where(
            c.user_id.in_(list(members)), c.day.between(first, last)
        )
        return [StaleDay(*row) for row in connection.execute(query)]

    def clear(self, connection: Connection, built: Iterable[StaleDay]) -> None:
        """Delete the generations that were built. A newer generation of the same day stays."""
        c = self.table.c
        key = tuple_(c.user_id, c.day, c.generation)
        for lot in batched([(entry.user_id, entry.day, entry.generation) for entry in built]):
            connection.execute(delete(self.table).where(key.in_(lot)))

    def changed_since(
        self, connection: Connection, members: Iterable[int], since: datetime
    ) -> list[StaleDay]:
        """Return the members' stale days that changed at `since` or later."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).where(
            c.user_id.in_(list(members)), c.changed_at >= since
        )
        return [StaleDay(*row) for row in connection.execute(query)]


STALE_DAYS = Ledger(stale_days)
"""Member-days with a changed record since their daily summary was built."""

STALE_TRENDS = Ledger(stale_trends)
"""Days with a changed daily summary since the trends that depend on it were built."""

STALE_WEEKS = Ledger(stale_weeks)
"""Mondays of weeks in which a daily summary changed since their weekly summary was built."""
