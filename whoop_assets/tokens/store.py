"""The token pair of each member, encrypted. Who may refresh it, and how, is in `leases`."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, select

from whoop_assets.db.statements import insert_or_replace
from whoop_assets.members.store import CONNECTED
from whoop_assets.members.tables import members
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens.cipher import TokenCipher
from whoop_assets.tokens.tables import tokens


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A member's tokens as they are stored; the repr shows none.

    `fence`, `lease_until`, `intent_at` and `lease_holder` are what `leases` knows of who refreshes them.
    """

    user_id: int
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime
    refreshed_at: datetime
    fence: int
    lease_until: datetime | None
    intent_at: datetime | None
    lease_holder: str | None


def load(connection: Connection, user_id: int, cipher: TokenCipher) -> StoredPair | None:
    """The member's tokens; None when there are none. Raises ConfigurationError without the key they are under."""
    row = connection.execute(select(tokens).where(tokens.c.user_id == user_id)).first()
    if row is None:
        return None
    return StoredPair(
        user_id,
        cipher.decrypt(row.access_token, row.key_id),
        None if row.refresh_token is None else cipher.decrypt(row.refresh_token, row.key_id),
        row.expires_at,
        row.refreshed_at,
        row.fence,
        row.lease_until,
        row.intent_at,
        row.lease_holder,
    )


def encrypted(
    cipher: TokenCipher, key_id: str, access_token: str, refresh_token: str | None
) -> dict[str, str | None]:
    """The columns of a pair under that key."""
    return {
        "access_token": cipher.encrypt(access_token, key_id),
        "refresh_token": None if refresh_token is None else cipher.encrypt(refresh_token, key_id),
        "key_id": key_id,
    }


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
    key_id = keys.for_storing(connection, cipher, cipher.first, at)
    fence = connection.scalar(select(tokens.c.fence).where(tokens.c.user_id == user_id).with_for_update())
    if fence is None:
        # Not counted from zero: a lease from before the member was forgotten must not fit again.
        fence = secrets.randbits(48)
    row = {
        "user_id": user_id,
        **encrypted(cipher, key_id, access_token, refresh_token),
        "expires_at": expires_at,
        "refreshed_at": at,
        "fence": fence + 1,
        "lease_until": None,
        "intent_at": None,
        "lease_holder": None,
    }
    insert_or_replace(connection, tokens, [row], keep=set())


def unused_since(connection: Connection, moment: datetime) -> list[int]:
    """Connected members whose tokens have not been refreshed since then, by id."""
    c = tokens.c
    return list(
        connection.scalars(
            select(c.user_id)
            .join(members, members.c.user_id == c.user_id)
            .where(members.c.status == CONNECTED, c.refresh_token.is_not(None), c.refreshed_at <= moment)
            .order_by(c.user_id)
        )
    )


def forget(connection: Connection, user_id: int) -> None:
    """Delete the member's tokens."""
    connection.execute(delete(tokens).where(tokens.c.user_id == user_id))
