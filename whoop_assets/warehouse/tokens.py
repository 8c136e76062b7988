"""The token pair of each member, encrypted, and the lease under which one process at a time refreshes it.

A lease has a fencing number and an end: its holder may store a new pair only while the number is still its own. The
intent to exchange is stored before the exchange, so that after a crash it is known that a token may have been spent.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update

from whoop_assets.warehouse.keys import TokenCipher
from whoop_assets.warehouse.statements import insert_or_replace
from whoop_assets.warehouse.tables import tokens

LEASE = timedelta(seconds=75)
"""Longer than an exchange takes at its time-outs (three connections, one answer: about a minute), so that as a rule
a lease ends before it is given back only when its holder died."""


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A member's tokens as they are stored; the repr shows none."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime
    intent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh the member's tokens until `until`."""

    user_id: int
    fence: int
    until: datetime


def load(connection: Connection, user_id: int, cipher: TokenCipher) -> StoredPair | None:
    """The member's tokens; None when there are none."""
    c = tokens.c
    row = connection.execute(
        select(c.access_token, c.refresh_token, c.expires_at, c.intent_at).where(c.user_id == user_id)
    ).first()
    if row is None:
        return None
    refresh = None if row.refresh_token is None else cipher.decrypt(row.refresh_token)
    return StoredPair(cipher.decrypt(row.access_token), refresh, row.expires_at, row.intent_at)


def save(
    connection: Connection,
    user_id: int,
    cipher: TokenCipher,
    *,
    access_token: str,
    refresh_token: str | None,
    expires_at: datetime,
    at: datetime,
) -> None:
    """Store a pair that a consent gave; whoever still holds a lease on the old one can no longer store anything."""
    fence = connection.scalar(select(tokens.c.fence).where(tokens.c.user_id == user_id))
    if fence is None:
        # Not counted from zero: a lease from before the member was forgotten must not fit again.
        fence = secrets.randbits(48)
    row = {
        "user_id": user_id,
        "access_token": cipher.encrypt(access_token),
        "refresh_token": None if refresh_token is None else cipher.encrypt(refresh_token),
        "expires_at": expires_at,
        "refreshed_at": at,
        "fence": fence + 1,
        "lease_until": None,
        "intent_at": None,
    }
    insert_or_replace(connection, tokens, [row], keep=set())


def take_lease(connection: Connection, user_id: int, at: datetime) -> Lease | None:
    """Take the lease and enter the intent to exchange; None when another process holds it."""
    fence = connection.scalar(select(tokens.c.fence).where(tokens.c.user_id == user_id))
    if fence is None:
        return None
    taken = connection.execute(
        update(tokens)
        .where(
            tokens.c.user_id == user_id,
            tokens.c.fence == fence,
            or_(tokens.c.lease_until.is_(None), tokens.c.lease_until <= at),
        )
        .values(fence=fence + 1, lease_until=at + LEASE, intent_at=at)
    )
    return Lease(user_id, fence + 1, at + LEASE) if taken.rowcount == 1 else None


def store_refreshed(
    connection: Connection,
    lease: Lease,
    cipher: TokenCipher,
    *,
    spent: str,
    access_token: str,
    refresh_token: str,
    expires_at: datetime,
    at: datetime,
) -> bool:
    """Store the pair that the exchange of the refresh token `spent` gave, and end the lease.

    False when a newer pair is stored already. A lease that has run out meanwhile does not matter as long as the spent
    token is the one that is stored: ours is then the only pair that is good.
    """
    row = connection.execute(
        select(tokens.c.fence, tokens.c.refresh_token).where(tokens.c.user_id == lease.user_id)
    ).first()
    if row is None:
        return False
    if row.fence != lease.fence and (row.refresh_token is None or cipher.decrypt(row.refresh_token) != spent):
        return False
    connection.execute(
        update(tokens)
        .where(tokens.c.user_id == lease.user_id)
        .values(
            access_token=cipher.encrypt(access_token),
            refresh_token=cipher.encrypt(refresh_token),
            expires_at=expires_at,
            refreshed_at=at,
            fence=row.fence + 1,
            lease_until=None,
            intent_at=None,
        )
    )
    return True


def give_back(connection: Connection, lease: Lease, *, answered: bool) -> None:
    """End a lease that gave no new pair; without an answer the intent stays on record."""
    values: dict[str, object] = {"lease_until": None}
    if answered:
        values["intent_at"] = None
    connection.execute(
        update(tokens).where(tokens.c.user_id == lease.user_id, tokens.c.fence == lease.fence).values(values)
    )


def forget(connection: Connection, user_id: int) -> None:
    """Delete the member's tokens."""
    connection.execute(delete(tokens).where(tokens.c.user_id == user_id))
