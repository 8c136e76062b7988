"""The encrypted token pair of each member. `lease` decides who may refresh it."""

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
    """A member's tokens, decrypted. The repr contains none.

    Attributes:
        user_id: WHOOP user id.
        access_token: Sent with each request.
        refresh_token: None without the offline scope.
        expires_at: When the access token expires.
        refreshed_at: When the pair was stored.
        fence: Number of the last lease.
        lease_until: End of the current lease; None without one.
        intent_at: Begin of an exchange without a stored response.
        lease_holder: Host and process of the current or last unfinished lease.
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
    """Return the member's tokens; None without any.

    Raises ConfigurationError if their key is not available.
    """
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
    """Return the columns of a pair, encrypted with that key."""
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
    """Store the pair of a new consent. Leases on the previous pair become invalid."""
    key_id = keys.for_storing(connection, cipher, cipher.first, at)
    fence = connection.scalar(select(tokens.c.fence).where(tokens.c.user_id == user_id).with_for_update())
    if fence is None:
        # Not zero: a lease from before the member was erased must not match.
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
    """Return the connected members without a refresh since then, by id."""
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
