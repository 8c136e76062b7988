"""Ledgers of member-days that are behind what they are made from, level-triggered, with generations.

A change renews the day's generation in the transaction that makes it. Whoever builds clears the generation it read and
no other, so a change that comes while something is built stays visible. Generations are random, not counted: a
number that were counted anew after clearing could be mistaken for an older one.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Select, Table, delete, func, literal, select, tuple_, update

from whoop_assets.db.statements import batched, insert_or_replace, upsert
from whoop_assets.records.tables import stale_trends, stale_weeks


@dataclass(frozen=True, slots=True)
class StaleDay:
    """A member-day (of weeks: the Monday) that is behind."""

    user_id: int
    day: date
    generation: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A day on which members are behind: how many, and what tells this work from other work on the same day.

    `refused`: for how many of them a sink has refused it, at the last attempt.
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
        """Mark these days of the member as changed."""
        self.mark_all(connection, [(user_id, day) for day in days], at)

    def mark_all(self, connection: Connection, days: Iterable[tuple[int, date]], at: datetime) -> None:
        """Mark these days of these members as changed."""
        generation = secrets.randbits(62)
        rows = [
            {"user_id": user_id, "day": day, "generation": generation, "changed_at": at}
            for user_id, day in sorted(set(days))
        ]
        insert_or_replace(connection, self.table, rows, keep=set())

    def mark_selected(self, connection: Connection, days: Select[tuple[int, date]], at: datetime) -> None:
        """Mark the days that this query of user id and day gives, and renew every generation that is there.

        A build that began before cannot clear a renewed generation.
        """
        values = {"generation": secrets.randbits(62), "changed_at": at}
        connection.execute(update(self.table).values(values))
        found = days.subquery()
        columns = [literal(value, self.table.c[name].type) for name, value in values.items()]
        # SQLite takes ON CONFLICT after a SELECT only if that has a WHERE.
        rows = select(*found.c, *columns).distinct().where(found.c[0].is_not(None))
        statement = upsert(connection, self.table).from_select(["user_id", "day", *values], rows)
        connection.execute(statement.on_conflict_do_nothing())

    def stale(
        self, connection: Connection, *, limit: int | None = None, before: datetime | None = None
    ) -> list[StaleDay]:
        """All stale days, or those that were changed before then, newest day first."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).order_by(c.day.desc(), c.user_id).limit(limit)
        if before is not None:
            query = query.where(c.changed_at < before)
        return [StaleDay(*row) for row in connection.execute(query)]

    def days(self, connection: Connection, *, before: datetime | None = None) -> list[Behind]:
        """The days on which anybody is behind, or has been since before then: one row a day, however many members."""
        c = self.table.c
        query = select(
            c.day, func.count(), func.min(c.generation), func.max(c.generation), func.max(c.changed_at)
        ).group_by(c.day)
        if before is not None:
            query = query.where(c.changed_at < before)
        return [
            Behind(day, members, (least, most, changed_at))
            for day, members, least, most, changed_at in connection.execute(query)
        ]

    def generations(
        self, connection: Connection, members: Iterable[int], first: date, last: date
    ) -> list[StaleDay]:
        """The stale days of these members between two days, both included."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).where(
            c.user_id.in_(list(members)), c.day.between(first, last)
        )
        return [StaleDay(*row) for row in connection.execute(query)]

    def clear(self, connection: Connection, built: Iterable[StaleDay]) -> None:
        """Forget the generations that have been built; a newer generation of the same day stays."""
        c = self.table.c
        key = tuple_(c.user_id, c.day, c.generation)
        for lot in batched([(entry.user_id, entry.day, entry.generation) for entry in built]):
            connection.execute(delete(self.table).where(key.in_(lot)))

    def changed_since(
        self, connection: Connection, members: Iterable[int], since: datetime
    ) -> list[StaleDay]:
        """The stale days of these members that were changed then or later."""
        c = self.table.c
        query = select(c.user_id, c.day, c.generation).where(
            c.user_id.in_(list(members)), c.changed_at >= since
        )
        return [StaleDay(*row) for row in connection.execute(query)]


STALE_TRENDS = Ledger(stale_trends)
"""Days whose daily summary changed since the trends that it reaches were built."""

STALE_WEEKS = Ledger(stale_weeks)
"""Mondays of weeks in which a daily summary changed since their weekly summary was built."""
