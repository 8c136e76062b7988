"""Ledger of imports: which spans an import covers, and on which of their days a record may be missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from whoop_assets.app_export.tables import IMPORTED_TABLES, cycle_column, imports
from whoop_assets.whoop_day import cycle_day, parse_offset


@dataclass(frozen=True, slots=True)
class ExportSpan:
    """Span of an export.

    Attributes:
        first: Start of its earliest cycle.
        as_of: Start of its newest cycle. A later export has a later one.
    """

    first: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ImportedSpan:
    """Span of one kind of record in an import.

    Attributes:
        first: Start of the earliest cycle.
        last: Start of the newest cycle.
        incomplete_days: WHOOP days, as ISO dates, that may lack a record because a row was rejected. None:
            any day may.
    """

    first: datetime
    last: datetime
    incomplete_days: frozenset[str] | None

    def covers(self, start: datetime) -> bool:
        """Return whether the cycle with this start lies in the span."""
        return self.first <= start <= self.last

    def has_all_of(self, start: datetime, offset: str) -> bool:
        """Return whether the import has every record of the day of the cycle with this start and offset."""
        if self.incomplete_days is None or not self.covers(start):
            return False
        return cycle_day(start, parse_offset(offset)).isoformat() not in self.incomplete_days


def record_import(
    connection: Connection,
    user_id: int,
    kinds: Mapping[str, Sequence[date] | None],
    span: ExportSpan,
    at: datetime,
) -> bool:
    """Record an import. Return whether it differs from all earlier ones.

    `kinds`: kind with a file in the export -> its incomplete days; None if any day may be incomplete.
    """
    c = imports.c
    is_new = False
    for kind, incomplete in kinds.items():
        row: dict[str, Any] = {
            "incomplete_days": None if incomplete is None else ",".join(map(str, incomplete)),
            "imported_at": at,
        }
        same = (c.user_id == user_id, c.kind == kind, c.first_time == span.first, c.as_of == span.as_of)
        before = connection.execute(select(c.id, c.incomplete_days).where(*same)).first()
        if before is not None:
            connection.execute(update(imports).where(c.id == before.id).values(row))
            is_new |= before.incomplete_days != row["incomplete_days"]
            continue
        is_new = True
        row |= {"user_id": user_id, "kind": kind, "first_time": span.first}
        row |= {"last_time": span.as_of, "as_of": span.as_of}
        connection.execute(insert(imports), [row])
    return is_new


def days_in(connection: Connection, user_id: int, span: ExportSpan) -> set[date]:
    """Return the days of all imported records of the member whose cycle starts in the span."""
    found: set[date] = set()
    for table in IMPORTED_TABLES.values():
        query = select(table.c.day).where(
            table.c.user_id == user_id, cycle_column(table).between(span.first, span.as_of)
        )
        found.update(connection.scalars(query.distinct()))
    return found


def newer_spans(connection: Connection, user_id: int, kind: str, span: ExportSpan) -> list[ImportedSpan]:
    """Return the spans of this kind in newer exports."""
    c = imports.c
    query = select(c.first_time, c.last_time, c.incomplete_days).where(
        c.user_id == user_id, c.kind == kind, c.as_of > span.as_of
    )
    return [_span(first, last, incomplete) for first, last, incomplete in connection.execute(query)]


def imported_spans(
    connection: Connection, members: Collection[int]
) -> dict[tuple[int, str], list[ImportedSpan]]:
    """Return (member, kind) -> the spans of all imports."""
    c = imports.c
    query = select(c.user_id, c.kind, c.first_time, c.last_time, c.incomplete_days).where(
        c.user_id.in_(list(members))
    )
    found: dict[tuple[int, str], list[ImportedSpan]] = {}
    for user_id, kind, *span in connection.execute(query):
        found.setdefault((user_id, kind), []).append(_span(*span))
    return found


def _span(first: datetime, last: datetime, incomplete: str | None) -> ImportedSpan:
    days = None if incomplete is None else frozenset(incomplete.split(",")) - {""}
    return ImportedSpan(first, last, days)
