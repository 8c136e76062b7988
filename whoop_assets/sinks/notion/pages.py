"""Ledger of Notion pages: the page of each member-day, its content, and the stale days.

A day is stale if its summary changed since it was written (`built_at`), if the mapping changed, or if it has
no page. The code that builds summaries writes nothing here. A killed process therefore loses nothing, and a
sink that is enabled later finds all days stale.

Every change of an entry sets a new generation and requires the generation that was read. Two processes that
write the same page therefore cannot record a content that the other one replaced.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select, update

from whoop_assets.db.statements import insert_or_ignore
from whoop_assets.db.types import ColumnKind, column_kind
from whoop_assets.members.store import exists as is_member
from whoop_assets.records.stale_days import StaleCount
from whoop_assets.sinks.notion.tables import notion_pages
from whoop_assets.summaries.tables import daily_summary

WRITTEN, CREATING, IN_BIN, GONE, WANTED, REFUSED = (
    "written",
    "creating",
    "in_bin",
    "gone",
    "wanted",
    "refused",
)

_NONE_YET = 0
"""Generation of a day without an entry, or with one for a refused page only."""

COLUMNS: dict[str, ColumnKind] = {
    column.name: column_kind(column)
    for column in daily_summary.columns
    if column.name not in ("built_at", "last_recovery_synced_at")
}
"""Column of the daily summary -> kind of its values, without columns about processing."""


@dataclass(frozen=True, slots=True)
class NotionPage:
    """An entry of the ledger."""

    user_id: int
    day: date
    page_id: str | None
    state: str
    state_at: datetime
    generation: int
    content_hash: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """A stale day of a member; `page` is None if no page is known."""

    user_id: int
    day: date
    page: NotionPage | None


def behind(
    connection: Connection,
    source: str,
    mapping: str,
    *,
    members: Collection[int] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Day]:
    """Returns the stale days, newest first, of all members and days or of the given ones."""
    s, p = daily_summary.c, notion_pages.c
    fields = (p.page_id, p.state, p.state_at, p.generation, p.content_hash)
    found: list[Day] = []
    for key, query in (
        (s, _summaries(source, mapping, s.user_id, s.day, *fields)),
        (p, _orphans(source, p.user_id, p.day, *fields)),
    ):
        if members is not None:
            query = query.where(key.user_id.in_(list(members)))
        if first is not None and last is not None:
            query = query.where(key.day.between(first, last))
        for user_id, day, *of_page in connection.execute(query):
            page = None if of_page[1] is None else NotionPage(user_id, day, *of_page)
            found.append(Day(user_id, day, page))
    return sorted(found, key=lambda entry: (-entry.day.toordinal(), entry.user_id))


def days_behind(connection: Connection, source: str, mapping: str, *, settled: datetime) -> list[StaleCount]:
    """Returns one entry per stale day, for all members together.

    Days whose page may have been requested after `settled` are left out, because the outcome is unknown.
    """
    s, p = daily_summary.c, notion_pages.c
    known = func.coalesce(p.generation, _NONE_YET)
    figures = (func.count(), func.count(p.failure), func.min(known), func.max(known))
    unsettled = and_(p.state == CREATING, p.state_at > settled)
    queries = (
        _summaries(source, mapping, s.day, *figures, func.max(s.built_at))
        .where(or_(p.state.is_(None), ~unsettled))
        .group_by(s.day),
        _orphans(source, p.day, *figures, func.max(p.summary_built_at)).group_by(p.day),
    )
    return [
        StaleCount(day, members, (least, most, at), refused)
        for query in queries
        for day, members, refused, least, most, at in connection.execute(query)
    ]


def summary(connection: Connection, user_id: int, day: date) -> dict[str, Any] | None:
    """Returns the day's current summary with `built_at`; None if there is none."""
    row = connection.execute(
        select(daily_summary).where(daily_summary.c.user_id == user_id, daily_summary.c.day == day)
    )
    found = row.mappings().first()
    return None if found is None else dict(found)


def claim(connection: Connection, source: str, entry: Day, at: datetime) -> NotionPage | None:
    """Records, before the request, that this process creates the day's page.

    Must run in a transaction of the member. Only the process with the entry in state `creating` may send the
    request.

    Returns:
        The entry; None if another process has it, or the member was erased.
    """
    generation = secrets.randbits(62)
    given_up = None if entry.page is None else entry.page.page_id
    claimed = NotionPage(entry.user_id, entry.day, given_up, CREATING, at, generation, None)
    if entry.page is None:
        if not is_member(connection, entry.user_id):
            return None
        row = {
            "data_source_id": source, "user_id": entry.user_id, "day": entry.day, "page_id": None,
            "state": CREATING, "state_at": at, "generation": generation,
        }  # fmt: skip
        insert_or_ignore(connection, notion_pages, [row])
        holder = connection.scalar(select(notion_pages.c.generation).where(_entry(source, claimed)))
        return claimed if holder == generation else None
    took = connection.execute(
        update(notion_pages)
        .where(_entry(source, entry.page), notion_pages.c.generation == entry.page.generation)
        .values(state=CREATING, state_at=at, generation=generation)
    )
    return claimed if took.rowcount == 1 else None


def release(
    connection: Connection,
    source: str,
    claimed: NotionPage,
    before: NotionPage | None,
    *,
    refused: bool = False,
) -> None:
    """Withdraws a claim after a request that created no page.

    The entry gets its state and generation from before. A day without an earlier entry keeps one only if
    Notion refused its page.
    """
    here = and_(_entry(source, claimed), notion_pages.c.generation == claimed.generation)
    if before is not None:
        values = {"state": before.state, "state_at": before.state_at, "generation": before.generation}
        connection.execute(update(notion_pages).where(here).values(**values))
    elif refused:
        connection.execute(update(notion_pages).where(here).values(state=REFUSED, generation=_NONE_YET))
    else:
        connection.execute(delete(notion_pages).where(here))


def record(
    connection: Connection,
    source: str,
    entry: Day,
    *,
    state: str,
    page_id: str,
    at: datetime,
    content: str,
    mapping: str,
    built_at: datetime | None,
    written: bool,
) -> None:
    """Records the outcome of a day, unless its member was erased. Must run in a transaction of the member.

    If another process changed the entry in the meantime, the day stays stale, because the content of the page
    is unknown.
    """
    values = {
        "page_id": page_id, "state": state, "state_at": at, "generation": secrets.randbits(62),
        "content_hash": content, "mapping_hash": mapping, "summary_built_at": built_at, "failure": None,
    }  # fmt: skip
    if written:
        values["written_at"] = at
    if entry.page is not None and entry.page.state == state:
        del values["state_at"]
    here = _entry(source, entry)
    if entry.page is None:
        if not is_member(connection, entry.user_id):
            return
        key = {"data_source_id": source, "user_id": entry.user_id, "day": entry.day}
        insert_or_ignore(connection, notion_pages, [key | values])
        holder = connection.scalar(select(notion_pages.c.generation).where(here))
        is_recorded = holder == values["generation"]
    else:
        known = here & (notion_pages.c.generation == entry.page.generation)
        is_recorded = connection.execute(update(notion_pages).where(known).values(**values)).rowcount == 1
    if is_recorded or not written:
        return
    connection.execute(
        update(notion_pages)
        .where(here, notion_pages.c.state == WRITTEN)
        .values(content_hash=None, summary_built_at=None, mapping_hash=None, generation=secrets.randbits(62))
    )


def refused(connection: Connection, source: str, entry: Day, cause: str, at: datetime) -> None:
    """Records why Notion refused a day's page. Must run in a transaction of the member.

    The generation stays, because the work is the same.
    """
    c = notion_pages.c
    # An entry that another process changed in the meantime was not refused.
    same = c.state == REFUSED if entry.page is None else c.generation == entry.page.generation
    changed = connection.execute(
        update(notion_pages).where(_entry(source, entry), same).values(failure=cause)
    )
    if changed.rowcount == 0 and entry.page is None and is_member(connection, entry.user_id):
        row = {
            "data_source_id": source, "user_id": entry.user_id, "day": entry.day, "page_id": None,
            "state": REFUSED, "state_at": at, "generation": _NONE_YET, "failure": cause,
        }  # fmt: skip
        insert_or_ignore(connection, notion_pages, [row])


def want(
    connection: Connection,
    source: str,
    at: datetime,
    *,
    members: Collection[int] = (),
    first: date | None = None,
    last: date | None = None,
) -> list[tuple[int, date]]:
    """Requests new pages for days whose page is in the trash or gone. Returns the days."""
    c = notion_pages.c
    where = [c.data_source_id == source, c.state.in_([IN_BIN, GONE])]
    if members:
        where.append(c.user_id.in_(list(members)))
    if first is not None:
        where.append(c.day >= first)
    if last is not None:
        where.append(c.day <= last)
    wanted = (
        update(notion_pages)
        .where(*where)
        .values(
            state=WANTED,
            state_at=at,
            generation=secrets.randbits(62),
            content_hash=None,
            summary_built_at=None,
        )
        .returning(c.user_id, c.day)
    )
    return sorted((user_id, day) for user_id, day in connection.execute(wanted))


def counts(connection: Connection, source: str) -> dict[str, int]:
    """Returns the number of entries by state."""
    c = notion_pages.c
    query = select(c.state, func.count()).where(c.data_source_id == source).group_by(c.state)
    return dict(connection.execute(query).all())


def in_state(connection: Connection, source: str, states: Collection[str]) -> list[tuple[int, date, str]]:
    """Returns the days in these states, newest first."""
    c = notion_pages.c
    query = select(c.user_id, c.day, c.state).where(c.data_source_id == source, c.state.in_(list(states)))
    return [tuple(row) for row in connection.execute(query.order_by(c.day.desc(), c.user_id))]


def refusals(connection: Connection, source: str) -> list[tuple[int, date, str]]:
    """Returns the days that Notion refused at the last attempt, with the reason, newest first."""
    c, s = notion_pages.c, daily_summary.c
    query = (
        select(c.user_id, c.day, c.failure)
        .select_from(notion_pages.outerjoin(daily_summary, _same_day(source)))
        .where(
            c.data_source_id == source,
            c.failure.is_not(None),
            or_(c.state != REFUSED, s.user_id.is_not(None)),
        )
    )
    return [tuple(row) for row in connection.execute(query.order_by(c.day.desc(), c.user_id))]


def of_member(connection: Connection, user_id: int) -> list[str]:
    """Returns the ids of all pages of the member in all data sources, oldest day first."""
    c = notion_pages.c
    query = select(c.page_id).where(c.user_id == user_id, c.page_id.is_not(None)).order_by(c.day)
    return list(connection.scalars(query))


def page_counts(
    connection: Connection, source: str, members: Collection[int], first: date, last: date
) -> dict[date, int]:
    """Returns the number of pages of these members by day."""
    c = notion_pages.c
    query = select(c.day, func.count()).where(
        c.data_source_id == source,
        c.state == WRITTEN,
        c.user_id.in_(list(members)),
        c.day.between(first, last),
    )
    return dict(connection.execute(query.group_by(c.day)).all())


def _entry(source: str, page: NotionPage | Day) -> ColumnElement[bool]:
    c = notion_pages.c
    return and_(c.data_source_id == source, c.user_id == page.user_id, c.day == page.day)


def _same_day(source: str) -> ColumnElement[bool]:
    s, p = daily_summary.c, notion_pages.c
    return and_(p.data_source_id == source, p.user_id == s.user_id, p.day == s.day)


def _summaries(source: str, mapping: str, *columns: Any) -> Select[Any]:
    """Selects days without a page, or with a page from another summary or mapping."""
    s, p = daily_summary.c, notion_pages.c
    other = or_(
        p.state.is_(None),
        p.summary_built_at.is_(None),
        p.summary_built_at != s.built_at,
        p.mapping_hash.is_(None),
        p.mapping_hash != mapping,
    )
    joined = daily_summary.outerjoin(notion_pages, _same_day(source))
    return select(*columns).select_from(joined).where(other, or_(p.state.is_(None), p.state != GONE))


def _orphans(source: str, *columns: Any) -> Select[Any]:
    """Selects days with a page that has content, and without a summary."""
    s, p = daily_summary.c, notion_pages.c
    joined = notion_pages.outerjoin(daily_summary, _same_day(source))
    return (
        select(*columns)
        .select_from(joined)
        .where(
            p.data_source_id == source,
            p.state == WRITTEN,
            p.summary_built_at.is_not(None),
            s.user_id.is_(None),
        )
    )
