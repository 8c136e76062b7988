"""Invitations: links through which one member each connects at the HTTP service, and the attempt under way on each.

Only hashes are stored: whoever reads the database can neither use a link nor finish somebody's attempt. A link lives for
hours and ends with the member who connects through it; an attempt (a `state`, in OAuth's words) lives ten minutes, counts
once, and ends when its link is opened anew.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from whoop_assets.members.tables import invitations

ATTEMPT = timedelta(minutes=10)
_KEPT = timedelta(days=30)


def invite(connection: Connection, at: datetime, lifetime: timedelta) -> str:
    """Make an invitation that lives so long; returns the secret that its link carries."""
    connection.execute(delete(invitations).where(invitations.c.expires_at < at - _KEPT))
    secret = secrets.token_urlsafe(32)
    row = {"link_hash": _hash(secret), "made_at": at, "expires_at": at + lifetime}
    connection.execute(insert(invitations), row)
    return secret


def begin(connection: Connection, secret: str, state: str, at: datetime) -> bool:
    """Begin an attempt on this link; False when the link is not (or no longer) good."""
    begun = connection.execute(
        update(invitations)
        .where(
            invitations.c.link_hash == _hash(secret),
            invitations.c.used_at.is_(None),
            invitations.c.expires_at > at,
        )
        .values(state_hash=_hash(state), state_expires_at=at + ATTEMPT)
    )
    return begun.rowcount == 1


def take(connection: Connection, state: str, at: datetime) -> str | None:
    """Finish the attempt of that state, which uses up its link; the link's hash, None when there is no such attempt.

    Not the attempt of a link that is used up meanwhile, so that of two that are finished at once one connects.
    """
    c = invitations.c
    found = connection.execute(
        select(c.link_hash, c.state_expires_at)
        .where(c.state_hash == _hash(state), c.used_at.is_(None))
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
    """The attempt that was taken connected nobody: the link is good again, for as long as it was."""
    connection.execute(update(invitations).where(invitations.c.link_hash == link_hash).values(used_at=None))


def _hash(secret: str) -> str:
    # Looked up by its hash, so that the time a look-up takes says nothing about the secret.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
