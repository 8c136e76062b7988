"""Readers: who may read daily rows over HTTP, each by a key of its own, and whose days.

Only hashes of keys are kept. A key is 256 random bits, so one SHA-256 is enough: what makes a slow hash necessary is a
secret that can be guessed, and nobody guesses these; each request is then one look-up in an index.
"""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from whoop_assets.errors import ConfigurationError, UnknownReader
from whoop_assets.members import store as members
from whoop_assets.members.tables import reader_members, readers

PREFIX = "whoop-reader-"
"""By it a key is known as one of ours where it should not be, as in a repository."""

_LENGTH = len(PREFIX) + 43
REQUESTS_PER_MINUTE = 120


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader as the service knows it."""

    id: int
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A reader as the operator sees it; `revoked_at`: None while the key is good."""

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
    requests_per_minute: int = REQUESTS_PER_MINUTE,
) -> tuple[int, str]:
    """Enter a reader of these members' days; its number, and the key, which nobody can show again.

    Raises UnknownMember for a member who is not known here, ConfigurationError when none is named.
    """
    if not user_ids:
        raise ConfigurationError("A reader reads the days of named members: name at least one with --member.")
    members.chosen(connection, user_ids)
    key = PREFIX + secrets.token_urlsafe(32)
    row = {"label": label, "key_hash": _hash(key), "requests_per_minute": requests_per_minute, "made_at": at}
    reader_id = connection.scalar(insert(readers).values(row).returning(readers.c.id))
    assert reader_id is not None
    rows = [{"reader_id": reader_id, "user_id": user_id} for user_id in sorted(set(user_ids))]
    connection.execute(insert(reader_members), rows)
    return reader_id, key


def listed(connection: Connection) -> list[Entry]:
    """All readers, the revoked ones too, by number."""
    whose: dict[int, list[int]] = defaultdict(list)
    for reader_id, user_id in connection.execute(select(reader_members).order_by(reader_members.c.user_id)):
        whose[reader_id].append(user_id)
    c = readers.c
    query = select(c.id, c.label, c.requests_per_minute, c.made_at, c.revoked_at).order_by(c.id)
    return [
        Entry(number, label, tuple(whose[number]), rate, made_at, revoked_at)
        for number, label, rate, made_at, revoked_at in connection.execute(query)
    ]


def revoke(connection: Connection, reader_id: int, at: datetime) -> bool:
    """End the reader's key; False when it had ended before. Raises UnknownReader."""
    c = readers.c
    if connection.scalar(select(c.id).where(c.id == reader_id)) is None:
        raise UnknownReader(f"There is no reader {reader_id}: `whoop-assets readers list` shows them.")
    ended = connection.execute(
        update(readers).where(c.id == reader_id, c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return ended.rowcount == 1


def is_key(text: str) -> bool:
    """Whether it has the form of a key; what has not is refused without a look into the database."""
    return len(text) == _LENGTH and text.isascii() and text.startswith(PREFIX)


def by_key(connection: Connection, key: str) -> Reader | None:
    """Whose key that is; None when it is nobody's, or not good any more."""
    c = readers.c
    # Looked up by its hash, so that the time a look-up takes says nothing about the key.
    found = connection.execute(
        select(c.id, c.requests_per_minute).where(c.key_hash == _hash(key), c.revoked_at.is_(None))
    ).first()
    return None if found is None else Reader(*found)


def may_read(connection: Connection, reader_id: int, user_id: int) -> bool:
    """Whether the reader may read this member's days."""
    c = reader_members.c
    query = select(c.user_id).where(c.reader_id == reader_id, c.user_id == user_id)
    return connection.scalar(query) is not None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
