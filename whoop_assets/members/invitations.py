"""Invitations: links with which one member each connects at the HTTP service.

A link is valid for some hours and for one member. Opening it begins an attempt (OAuth's `state`), which is
valid for ten minutes, for one use, and until the link is opened again. The database stores only hashes, so
that its content permits neither the use of a link nor the completion of an attempt.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from whoop_assets.members.hashing import hashed
from whoop_assets.members.sessions import ATTEMPT_LIFETIME
from whoop_assets.members.tables import invitations

_KEEP_EXPIRED = timedelta(days=30)


def invite(connection: Connection, at: datetime, lifetime: timedelta) -> str:
    """Create an invitation. Returns the secret in its link."""
    connection.execute(delete(invitations).where(invitations.c.expires_at < at - _KEEP_EXPIRED))
    secret = secrets.token_urlsafe(32)
    row = {"link_hash": hashed(secret), "made_at": at, "expires_at": at + lifetime}
    connection.execute(insert(invitations), row)
    return secret


def begin(connection: Connection, secret: str, state: str, at: datetime) -> bool:
    """Begin an attempt with this link. Returns False if the link is not valid (any more)."""
    begun = connection.execute(
        update(invitations)
        .where(
            invitations.c.link_hash == hashed(secret),
            invitations.c.used_at.is_(None),
            invitations.c.expires_at > at,
        )
        .values(state_hash=hashed(state), state_expires_at=at + ATTEMPT_LIFETIME)
    )
    return begun.rowcount == 1


def take(connection: Connection, state: str, at: datetime) -> str | None:
    """Finish the attempt with that state, and use up its link. Of two concurrent calls one succeeds.

    Returns:
        The hash of the link; None if there is no valid attempt.
    """
    c = invitations.c
    found = connection.execute(
        select(c.link_hash, c.state_expires_at)
        .where(c.state_hash == hashed(state), c.used_at.is_(None))
        .with_for_update()
    ).first()
    if found is None:
        return None
    in_time = found.state_expires_at > at
    connection.execute(
        update(invitations)
        .where(c.link_hash == found.link_hash)
        .values(state_hash=None, state_expires_at=None, used_at=at if in_time else None)
    )
    return found.link_hash if in_time else None


def give_back(connection: Connection, link_hash: str) -> None:
    """Make the link valid again, because its attempt failed. Its expiry stays."""
    connection.execute(update(invitations).where(invitations.c.link_hash == link_hash).values(used_at=None))
