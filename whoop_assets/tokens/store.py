"""The encrypted token pair of each member. `lease` decides who may refresh it."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from whoop_assets.db.statements import insert_or_replace
from whoop_assets.members.store import CONNECTED
from whoop_assets.members.tables import members
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens.cipher import TokenCipher
from whoop_assets.tokens.tables import tokens
from whoop_assets.whoop_api.token_response import TokenPair


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A member's tokens, decrypted. The repr contains none.

    Attributes:
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


def pair_columns(cipher: TokenCipher, key_id: str, pair: TokenPair, at: datetime) -> dict[str, Any]:
    """Return the columns of a pair that WHOOP issued at that time, encrypted and without a lease."""
    return {
        "access_token": cipher.encrypt(pair.access_token, key_id),
        "refresh_token": pair.refresh_token and cipher.encrypt(pair.refresh_token, key_id),
        "key_id": key_id,
        "expires_at": at + timedelta(seconds=pair.expires_in),
        "refreshed_at": at,
        "lease_until": None,
        "intent_at": None,
        "lease_holder": None,
    }


def save(connection: Connection, user_id: int, cipher: TokenCipher, pair: TokenPair, at: datetime) -> None:
    """Store the pair of a new consent. Leases on the previous pair become invalid."""
    key_id = keys.for_storing(connection, cipher, cipher.first, at)
    fence = connection.scalar(select(tokens.c.fence).where(tokens.c.user_id == user_id).with_for_update())
    if fence is None:
        # Not zero: a lease from before the member was erased must not match.
        fence = secrets.randbits(48)
    row = pair_columns(cipher, key_id, pair, at) | {"user_id": user_id, "fence": fence + 1}
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
