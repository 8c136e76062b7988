"""Readers of the daily API: their keys, the members they may read, and their rate limits.

The database stores only hashes of keys, and each request costs one index lookup.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from whoop_assets.errors import ConfigurationError, UnknownReader
from whoop_assets.members import store as members
from whoop_assets.members.hashing import hashed
from whoop_assets.members.tables import reader_members, readers

PREFIX = "whoop-reader-"
"""Lets secret scanners recognise a key, for example in a repository."""

_LENGTH = len(PREFIX) + 43
DEFAULT_REQUESTS_PER_MINUTE = 120


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader, as the HTTP service needs it."""

    id: int
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """A reader, as the operator sees it. `revoked_at` is None while the key is valid."""

    id: int
    label: str
    members: tuple[int, ...]
    requests_per_minute: int
    made_at: datetime
    revoked_at: datetime | None


def add(
    connection: Connection,
    label: str,
    user_ids: Collection[int],
    at: datetime,
    requests_per_minute: int = DEFAULT_REQUESTS_PER_MINUTE,
) -> tuple[int, str]:
    """Add a reader of these members.

    Returns:
        The reader's number, and the key, which is not stored and cannot be shown again.

    Raises:
        UnknownMember: A member is not stored.
        ConfigurationError: `user_ids` is empty.
    """
    if not user_ids:
        raise ConfigurationError("A reader reads the days of named members: name at least one with --member.")
    members.chosen(connection, user_ids)
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"label": label, "key_hash": hashed(key), "requests_per_minute": requests_per_minute, "made_at": at}
    reader_id = connection.scalar(insert(readers).values(row).returning(readers.c.id))
    assert reader_id is not None
    rows = [{"reader_id": reader_id, "user_id": user_id} for user_id in sorted(set(user_ids))]
    connection.execute(insert(reader_members), rows)
    return reader_id, key


def listed(connection: Connection) -> list[ReaderEntry]:
    """Return all readers by number, with revoked ones."""
    members_of: dict[int, list[int]] = defaultdict(list)
    for reader_id, user_id in connection.execute(select(reader_members).order_by(reader_members.c.user_id)):
        members_of[reader_id].append(user_id)
    c = readers.c
    query = select(c.id, c.label, c.requests_per_minute, c.made_at, c.revoked_at).order_by(c.id)
    return [
        ReaderEntry(number, label, tuple(members_of[number]), rate, made_at, revoked_at)
        for number, label, rate, made_at, revoked_at in connection.execute(query)
    ]


def revoke(connection: Connection, reader_id: int, at: datetime) -> bool:
    """Revoke the reader's key. Returns False if it was revoked before. Raises UnknownReader."""
    c = readers.c
    if connection.scalar(select(c.id).where(c.id == reader_id)) is None:
        raise UnknownReader(f"There is no reader {reader_id}: `whoop-assets readers list` shows them.")
    ended = connection.execute(
        update(readers).where(c.id == reader_id, c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return ended.rowcount == 1


def is_key(text: str) -> bool:
    """Return whether the text has the form of a key. Other texts need no database lookup."""
    return len(text) == _LENGTH and text.isascii() and text.startswith(PREFIX)


def by_key(connection: Connection, key: str) -> Reader | None:
    """Return the reader with this key; None if it is unknown or revoked."""
    c = readers.c
    found = connection.execute(
        select(c.id, c.requests_per_minute).where(c.key_hash == hashed(key), c.revoked_at.is_(None))
    ).first()
    return None if found is None else Reader(*found)


def may_read(connection: Connection, reader_id: int, user_id: int) -> bool:
    c = reader_members.c
    query = select(c.user_id).where(c.reader_id == reader_id, c.user_id == user_id)
    return connection.scalar(query) is not None
