"""Lists and dismisses the open entries of both quarantines: WHOOP records and rows of app exports."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, select, update

from whoop_assets.app_export.tables import export_quarantine
from whoop_assets.errors import UnknownEntry
from whoop_assets.records.tables import quarantine

SHOWN_LENGTH = 12
"""Characters of the content hash that `list` shows as the id of the entry."""
MIN_LENGTH = 6
"""Characters of the content hash that `dismiss` needs at least."""


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """An open entry of either quarantine.

    Attributes:
        id: First characters of its content hash.
        source: Stream of WHOOP, or file of an export.
        place: Key of the record, or line of the file; None if the key is unreadable.
    """

    id: str
    user_id: int
    source: str
    place: str | None
    reason: str
    last_seen_at: datetime


def entries(connection: Connection, user_id: int | None = None) -> list[QuarantineEntry]:
    """Return the open entries of this member or of all, by member and source."""
    q, e = quarantine.c, export_quarantine.c
    records = select(q.content_hash, q.user_id, q.stream, q.record_key, q.reason, q.last_seen_at)
    rows = select(e.content_hash, e.user_id, e.file, e.line, e.reason, e.last_seen_at)
    found = [
        QuarantineEntry(content_hash[:SHOWN_LENGTH], *rest)
        for content_hash, *rest in connection.execute(records.where(*_is_open(quarantine, user_id)))
    ]
    found += [
        QuarantineEntry(content_hash[:SHOWN_LENGTH], member, file, f"line {line}", *rest)
        for content_hash, member, file, line, *rest in connection.execute(
            rows.where(*_is_open(export_quarantine, user_id))
        )
    ]
    return sorted(found, key=lambda entry: (entry.user_id, entry.source, entry.last_seen_at, entry.id))


def dismiss(
    connection: Connection, ids: Collection[str] | None, at: datetime, user_id: int | None = None
) -> int:
    """Dismiss open entries: an entry with the same content stays closed later.

    Args:
        ids: First characters of content hashes, at least MIN_LENGTH each. None: all entries.
        at: The time by the database's clock.
        user_id: Dismiss only entries of this member.

    Returns:
        The number of closed entries.

    Raises:
        UnknownEntry: No open entry has such an id, or more than one has it. Nothing was closed.
    """
    hashes = None if ids is None else {_hash_of(connection, given, user_id) for given in ids}
    closed = 0
    for table in (quarantine, export_quarantine):
        where = _is_open(table, user_id)
        if hashes is not None:
            where.append(table.c.content_hash.in_(hashes))
        closed += connection.execute(
            update(table).where(*where).values(resolved_at=at, dismissed_at=at)
        ).rowcount
    return closed


def _is_open(table: Table, user_id: int | None) -> list[ColumnElement[bool]]:
    of_member = [] if user_id is None else [table.c.user_id == user_id]
    return [table.c.resolved_at.is_(None), *of_member]


def _hash_of(connection: Connection, given: str, user_id: int | None) -> str:
    """Return the content hash of the only open entry with this id."""
    found: set[str] = set()
    for table in (quarantine, export_quarantine):
        c = table.c
        query = select(c.content_hash).where(
            *_is_open(table, user_id), c.content_hash.startswith(given, autoescape=True)
        )
        found |= set(connection.scalars(query))
    if len(given) < MIN_LENGTH:
        reason = f"the id needs at least {MIN_LENGTH} characters"
    elif len(found) != 1:
        reason = "several open entries have this id" if found else "no open entry has this id"
    else:
        return found.pop()
    raise UnknownEntry(
        f"Cannot select quarantine entry {given}: {reason}. Run `whoop-assets quarantine list` to see the"
        " open entries."
    )
