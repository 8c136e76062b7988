"""What the app's own export says: kept by natural keys, the newest export ruling in the span that it covers."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, insert, select, update

from whoop_assets.warehouse.copying import add_rows
from whoop_assets.warehouse.export_matching import TOLERANCE
from whoop_assets.warehouse.statements import insert_or_replace
from whoop_assets.warehouse.tables import cycles, daily_summary
from whoop_assets.warehouse.tables_export import (
    IMPORTED_TABLES,
    export_quarantine,
    imported_cycles,
    imports,
)

Row = dict[str, Any]

FROM_EXPORT = "export"
"""`daily_summary.source` of a day that the API does not give; of all others it is `api`."""


@dataclass(slots=True)
class Stored:
    """What an import did to one kind of record, in rows; `days`: the WHOOP days on which anything is different.

    `older`: rows that were passed over, as a newer export covers them already.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    older: int = 0
    days: set[date] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Span:
    """What an export covers: from the earliest to the newest cycle that it names."""

    first: datetime
    as_of: datetime


def cycle_column(table: Table) -> Any:
    """The start of the cycle that a row is listed under."""
    return table.c.start_time if table is imported_cycles else table.c.cycle_start_time


def store(
    connection: Connection,
    user_id: int,
    kind: str,
    rows: Sequence[Row],
    span: Span,
    at: datetime,
    *,
    authoritative: bool,
) -> Stored:
    """Keep what an export holds of this kind. A row says all but when it was imported; no two have one key.

    A row that an older export gave is replaced. With `authoritative` (the kind's own file was there, and all of it was
    understood) what is stored and no longer listed goes: from the file's first record to the newest cycle of the export.
    What an export newer than this one covers is left as that one has it.
    """
    table = IMPORTED_TABLES[kind]
    names = [column.name for column in table.primary_key.columns]
    newer = _newer(connection, user_id, kind, span)
    start = cycle_column(table).name
    ours = [row for row in rows if not _inside(row[start], newer)]
    result = Stored(older=len(rows) - len(ours))
    before = {
        tuple(row[name] for name in names): row
        for row in connection.execute(select(table).where(table.c.user_id == user_id)).mappings()
    }
    added, replaced = [], []
    for row in ours:
        old = before.pop(tuple(row[name] for name in names), None)
        if old is None:
            result.new += 1
            result.days.add(row["day"])
            added.append(row | {"first_seen_at": at, "changed_at": at, "imported_at": at})
            continue
        same = old["content_hash"] == row["content_hash"]
        if same:
            result.same += 1
        else:
            result.changed += 1
            result.days |= {row["day"], old["day"]}
        when = {
            "first_seen_at": old["first_seen_at"],
            "changed_at": old["changed_at"] if same else at,
            "imported_at": at,
        }
        replaced.append(row | when)
    add_rows(connection, table, added)
    insert_or_replace(connection, table, replaced, keep={"first_seen_at"})
    if authoritative and ours:
        lowest = min(row[start] for row in ours)
        gone = [
            key
            for key, row in before.items()
            if lowest <= row[start] <= span.as_of and not _inside(row[start], newer)
        ]
        result.gone = len(gone)
        result.days |= {before[key]["day"] for key in gone}
        _delete(connection, table, names, gone)
    return result


def record_import(
    connection: Connection, user_id: int, kinds: Iterable[str], span: Span, at: datetime
) -> bool:
    """Enter in the ledger which kinds had a file of their own in this export; returns whether that is any news."""
    c = imports.c
    news = False
    for kind in kinds:
        same = (c.user_id == user_id, c.kind == kind, c.first_time == span.first, c.as_of == span.as_of)
        if connection.execute(update(imports).where(*same).values(imported_at=at)).rowcount:
            continue
        news = True
        row = {
            "user_id": user_id,
            "kind": kind,
            "first_time": span.first,
            "last_time": span.as_of,
            "as_of": span.as_of,
            "imported_at": at,
        }
        connection.execute(insert(imports), [row])
    return news


def _newer(connection: Connection, user_id: int, kind: str, span: Span) -> list[tuple[datetime, datetime]]:
    c = imports.c
    query = select(c.first_time, c.last_time).where(
        c.user_id == user_id, c.kind == kind, c.as_of > span.as_of
    )
    return [(first, last) for first, last in connection.execute(query)]


def _inside(moment: datetime, spans: Iterable[tuple[datetime, datetime]]) -> bool:
    return any(first <= moment <= last for first, last in spans)


def _delete(
    connection: Connection, table: Table, names: Sequence[str], keys: Collection[tuple[Any, ...]]
) -> None:
    if keys:
        this_row = [table.c[name] == bindparam(f"of_{name}") for name in names]
        values = [{f"of_{name}": value for name, value in zip(names, key, strict=True)} for key in keys]
        connection.execute(delete(table).where(and_(*this_row)), values)


# What was not understood


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that was not understood; `content_hash` names it."""

    line: int
    reason: str
    text: str = field(repr=False)
    content_hash: str


def quarantine(
    connection: Connection, user_id: int, file: str, rejected: Sequence[Unreadable], at: datetime
) -> None:
    """Keep these rows of the file, and close those of earlier imports that it no longer holds."""
    rows = {
        one.content_hash: {
            "user_id": user_id,
            "file": file,
            "content_hash": one.content_hash,
            "line": one.line,
            "reason": one.reason,
            "row_text": one.text,
            "first_seen_at": at,
            "last_seen_at": at,
            "resolved_at": None,
        }
        for one in rejected
    }
    c = export_quarantine.c
    connection.execute(
        update(export_quarantine)
        .where(c.user_id == user_id, c.file == file, c.resolved_at.is_(None))
        .values(resolved_at=at)
    )
    insert_or_replace(connection, export_quarantine, list(rows.values()), keep={"first_seen_at"})


# What is told of an import


def matched(connection: Connection, user_id: int, kind: str) -> int:
    """How many imported rows of the kind the API has too."""
    c = IMPORTED_TABLES[kind].c
    query = select(func.count()).where(c.user_id == user_id, c.matched_id.is_not(None))
    return connection.scalar(query) or 0


def filling(connection: Connection, user_id: int, kind: str) -> int:
    """How many imported rows of the kind stand in a daily row."""
    c, d = IMPORTED_TABLES[kind].c, daily_summary.c
    query = (
        select(func.count())
        .select_from(IMPORTED_TABLES[kind].join(daily_summary, and_(d.user_id == c.user_id, d.day == c.day)))
        .where(c.user_id == user_id, d.source == FROM_EXPORT, c.matched_id.is_(None))
    )
    return connection.scalar(query) or 0


def filled_days(connection: Connection, user_id: int) -> int:
    """How many of the member's days are filled from exports."""
    d = daily_summary.c
    query = select(func.count()).where(d.user_id == user_id, d.source == FROM_EXPORT)
    return connection.scalar(query) or 0


def agreement(connection: Connection, user_id: int, starts: Collection[datetime]) -> tuple[int, int]:
    """Of these starts of cycles, how many fall into cycles that are known of the member, and how many of them onto a start.

    What is known is what the API and earlier exports gave; a cycle that was open then is taken to have lasted a day.
    """
    if not starts:
        return 0, 0
    low, high = min(starts) - timedelta(days=30), max(starts) + TOLERANCE
    known: list[tuple[datetime, datetime]] = []
    for table in (cycles, imported_cycles):
        c = table.c
        query = select(c.start_time, c.end_time).where(c.user_id == user_id, c.start_time.between(low, high))
        if table is cycles:
            query = query.where(c.deleted_at.is_(None))
        known += [(start, end or start + timedelta(days=1)) for start, end in connection.execute(query)]
    known.sort()
    comparable = agreeing = place = 0
    nearby: list[tuple[datetime, datetime]] = []
    for moment in sorted(starts):
        while place < len(known) and known[place][0] <= moment + TOLERANCE:
            nearby.append(known[place])
            place += 1
        nearby = [span for span in nearby if span[1] > moment]
        comparable += bool(nearby)
        agreeing += any(abs(start - moment) <= TOLERANCE for start, _ in nearby)
    return comparable, agreeing


def lacking(connection: Connection, of: int, at: int) -> int:
    """How many imported rows of one member the other one does not have."""
    count = 0
    for table in IMPORTED_TABLES.values():
        keys = [column for column in table.primary_key.columns if column.name != "user_id"]
        theirs = set(connection.execute(select(*keys).where(table.c.user_id == at)).all())
        ours = connection.execute(select(*keys).where(table.c.user_id == of)).all()
        count += sum(key not in theirs for key in ours)
    return count
