"""Quarantine: records that failed validation, kept with the reason, so that the rest of their page can land.

Rows of the app's export that were not understood are in a table of their own, `export_quarantine`. `entries` and `dismiss`
are about both.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, bindparam, select, update

from whoop_assets.app_export.tables import export_quarantine
from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import batched, insert_or_replace
from whoop_assets.errors import UnknownEntry
from whoop_assets.records.tables import quarantine

_OPEN_KEYS = Prepared(
    select(quarantine.c.record_key).where(
        quarantine.c.user_id == bindparam("member"),
        quarantine.c.stream == bindparam("of_stream"),
        quarantine.c.resolved_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not taken. `key` is None where it cannot be read; `reason` holds no personal data."""

    key: str | None
    payload: str
    content_hash: str
    reason: str
    endpoint: str


def keep(
    connection: Connection, user_id: int, stream: str, rejected: Collection[Rejected], at: datetime
) -> None:
    """Keep these records; one that is there already is seen again, and stays closed if it was dismissed."""
    c = quarantine.c
    of_stream = (c.user_id == user_id, c.stream == stream, c.dismissed_at.is_not(None))
    query = select(c.content_hash, c.resolved_at).where(*of_stream)
    # Nearly always there is nothing to keep.
    dismissed = {row.content_hash: row.resolved_at for row in connection.execute(query)} if rejected else {}
    rows = {
        entry.content_hash: {
            "user_id": user_id,
            "stream": stream,
            "content_hash": entry.content_hash,
            "record_key": entry.key,
            "payload": entry.payload,
            "reason": entry.reason,
            "endpoint": entry.endpoint,
            "first_seen_at": at,
            "last_seen_at": at,
            "resolved_at": dismissed.get(entry.content_hash),
        }
        for entry in rejected
    }
    insert_or_replace(connection, quarantine, list(rows.values()), keep={"first_seen_at"})


def resolve(connection: Connection, user_id: int, stream: str, keys: Collection[str], at: datetime) -> None:
    """Close what is open of these keys: a valid record has been stored for them."""
    # Nearly always nothing is open: so that is asked first, instead of naming all keys.
    still_open = _OPEN_KEYS.rows(connection, member=user_id, of_stream=stream)
    for lot in batched(sorted({key for (key,) in still_open if key is not None}.intersection(keys))):
        connection.execute(
            update(quarantine)
            .where(
                quarantine.c.user_id == user_id,
                quarantine.c.stream == stream,
                quarantine.c.record_key.in_(lot),
                quarantine.c.resolved_at.is_(None),
            )
            .values(resolved_at=at)
        )


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record in quarantine for which no valid one has been stored since."""

    user_id: int
    stream: str
    record_key: str | None
    reason: str
    last_seen_at: datetime


def open_records(connection: Connection) -> list[OpenRecord]:
    """What is in quarantine now, by member and stream."""
    c = quarantine.c
    query = (
        select(c.user_id, c.stream, c.record_key, c.reason, c.last_seen_at)
        .where(c.resolved_at.is_(None))
        .order_by(c.user_id, c.stream, c.last_seen_at)
    )
    return [OpenRecord(*row) for row in connection.execute(query)]


SHOWN_LENGTH = 12
"""Characters of the content hash that `list` shows as the entry's name."""
MIN_LENGTH = 6
"""Characters of the content hash that `dismiss` needs at least."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An open entry of either quarantine.

    `id`: the beginning of its content hash; `source`: a stream of WHOOP or a file of an export; `place`: the record's key or the
    line of the file, None where no key can be read.
    """

    id: str
    user_id: int
    source: str
    place: str | None
    reason: str
    last_seen_at: datetime


def entries(connection: Connection, user_id: int | None = None) -> list[Entry]:
    """The open entries of both quarantines, of this member or of all, by member and source."""
    q, e = quarantine.c, export_quarantine.c
    of_whoop = select(q.content_hash, q.user_id, q.stream, q.record_key, q.reason, q.last_seen_at).where(
        q.resolved_at.is_(None)
    )
    of_exports = select(e.content_hash, e.user_id, e.file, e.line, e.reason, e.last_seen_at).where(
        e.resolved_at.is_(None)
    )
    found = [Entry(row[0][:SHOWN_LENGTH], *row[1:]) for row in connection.execute(of_whoop)]
    found += [
        Entry(row[0][:SHOWN_LENGTH], row[1], row[2], f"line {row[3]}", *row[4:])
        for row in connection.execute(of_exports)
    ]
    found = [entry for entry in found if user_id in (None, entry.user_id)]
    return sorted(found, key=lambda entry: (entry.user_id, entry.source, entry.last_seen_at, entry.id))


def dismiss(
    connection: Connection, ids: Collection[str] | None, at: datetime, user_id: int | None = None
) -> int:
    """Close these open entries, or all with None, for good: the same content that comes again stays closed.

    Args:
        ids: Beginnings of content hashes, of at least MIN_LENGTH characters.
        user_id: Only entries of this member.

    Returns:
        How many entries were closed.

    Raises:
        UnknownEntry: No open entry, or more than one, begins so. Nothing was closed.
    """
    wanted = None if ids is None else {_hash_of(connection, given, user_id) for given in ids}
    closed = 0
    for table in (quarantine, export_quarantine):
        c = table.c
        where: list[ColumnElement[bool]] = [c.resolved_at.is_(None)]
        if user_id is not None:
            where.append(c.user_id == user_id)
        if wanted is not None:
            where.append(c.content_hash.in_(wanted))
        closed += connection.execute(
            update(table).where(*where).values(resolved_at=at, dismissed_at=at)
        ).rowcount
    return closed


def _hash_of(connection: Connection, given: str, user_id: int | None) -> str:
    """The hash of the open entry that begins so."""
    found: set[str] = set()
    for table in (quarantine, export_quarantine):
        found |= _open_hashes(connection, table, given, user_id)
    if len(given) < MIN_LENGTH or len(found) != 1:
        reason = "more than one begins so" if len(found) > 1 else "none is open that begins so"
        if len(given) < MIN_LENGTH:
            reason = f"give at least {MIN_LENGTH} characters"
        raise UnknownEntry(
            f"Entry {given} of the quarantine cannot be told: {reason}; `whoop-assets quarantine list` shows what is open."
        )
    return found.pop()


def _open_hashes(connection: Connection, table: Table, given: str, user_id: int | None) -> set[str]:
    c = table.c
    query = select(c.content_hash).where(
        c.resolved_at.is_(None), c.content_hash.startswith(given, autoescape=True)
    )
    return set(connection.scalars(query if user_id is None else query.where(c.user_id == user_id)))
