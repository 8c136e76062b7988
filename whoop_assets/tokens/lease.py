"""The lease: one process at a time refreshes a member's tokens.

A refresh token of WHOOP is valid for one exchange. If its response is not stored, the grant is lost.
Therefore:

- A process takes the lease by compare-and-swap on the fence, a number that every later change of the row
  increments. The lease lasts `LEASE_DURATION`, and its holder renews it during the exchange, for at most
  `MAX_EXCHANGE_DURATION`. If the holder dies, the others wait for the rest of the lease only. All times come
  from the database clock.
- The intent to exchange is stored with the lease and removed with the response. An intent that remains means
  that a process stopped, or that a response was lost.
- A holder can be suspended for longer than its lease, and return with the only valid pair after another
  process has taken over and sent the same refresh token. So a new pair is also stored under an old fence, if
  the refresh token it was given for is still the stored one. And the process that took over does not accept a
  rejection at once: it keeps its lease and waits `GRACE_PERIOD` for the other's pair. An even later pair is
  stored too, and clears the member's status.
"""

import os
import socket
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select, update

from whoop_assets.errors import ConfigurationError
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens.cipher import TokenCipher
from whoop_assets.tokens.store import StoredPair, pair_columns
from whoop_assets.tokens.tables import tokens
from whoop_assets.whoop_api.token_response import TokenPair

LEASE_DURATION = timedelta(seconds=5)
"""How long the others wait for a holder that died."""
RENEWAL_INTERVAL = LEASE_DURATION / 3
"""Two renewals may fail."""
MAX_EXCHANGE_DURATION = timedelta(seconds=75)
"""Longer than an exchange with all its timeouts (three connections and one response: about a minute)."""
GRACE_PERIOD = timedelta(seconds=5)
"""How long a process that took over waits for the previous holder's pair if WHOOP rejects the token."""
_MAX_LEASE_AHEAD = 2 * LEASE_DURATION
"""A lease that ends later was written by a clock that has been set back. Includes a concurrent renewal."""


@dataclass(frozen=True, slots=True)
class UnansweredRefresh:
    """The last exchange of the same refresh token, without a stored response.

    Attributes:
        since: Begin of the exchange.
        stopped_holder: Host and process that never released its lease; None if it reported a lost response.
    """

    since: datetime
    stopped_holder: str | None

    def __str__(self) -> str:
        moment = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.stopped_holder is None:
            return f"WHOOP's response to a token exchange of {moment} was lost"
        # Without the host name, which can contain a person's name.
        pid = self.stopped_holder.rpartition(":")[2]
        return f"a process (pid {pid}) stopped during a token exchange that began at {moment}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh a member's tokens.

    Attributes:
        fence: Number of the lease.
        taken_at: When it was taken.
        key_id: Fingerprint of the current key at that time.
        unanswered: The previous exchange, if its response is missing.
    """

    user_id: int
    fence: int
    taken_at: datetime
    key_id: str
    unanswered: UnansweredRefresh | None

    @property
    def taken_over(self) -> bool:
        """Whether another process may still return with a response."""
        return self.unanswered is not None and self.unanswered.stopped_holder is not None


def this_process() -> str:
    """Return host and process id, which help to find out why a token was lost."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


def take(connection: Connection, pair: StoredPair, cipher: TokenCipher, at: datetime) -> Lease | None:
    """Take the lease on this pair, and store the intent to exchange; `at` by the database clock.

    Returns:
        The lease; None if another process holds it or was faster.

    Raises:
        ConfigurationError: The current key is not available, so the new pair could not be stored.
    """
    key_id = keys.lock_current(connection, cipher, at)
    taken = connection.execute(
        update(tokens)
        .where(tokens.c.user_id == pair.user_id, tokens.c.fence == pair.fence, _free(at))
        .values(
            fence=pair.fence + 1, lease_until=at + LEASE_DURATION, intent_at=at, lease_holder=this_process()
        )
    )
    if taken.rowcount != 1:
        return None
    unanswered = None if pair.intent_at is None else UnansweredRefresh(pair.intent_at, pair.lease_holder)
    return Lease(pair.user_id, pair.fence + 1, at, key_id, unanswered)


def unanswered_refreshes(connection: Connection, at: datetime) -> dict[int, UnansweredRefresh]:
    """Return the members with a refresh token that may be used up.

    An exchange of theirs has no response and no lease.
    """
    c = tokens.c
    query = select(c.user_id, c.intent_at, c.lease_holder).where(c.intent_at.is_not(None), _free(at))
    return {user_id: UnansweredRefresh(since, holder) for user_id, since, holder in connection.execute(query)}


def _free(at: datetime) -> ColumnElement[bool]:
    """No process holds a lease: there is none, it has expired, or a clock that was set back wrote it."""
    until = tokens.c.lease_until
    return or_(until.is_(None), until <= at, until > at + _MAX_LEASE_AHEAD)


def held(until: datetime | None, at: datetime) -> bool:
    """Return whether a lease with this end is valid at that time."""
    return until is not None and at < until <= at + _MAX_LEASE_AHEAD


def renew(connection: Connection, lease: Lease, at: datetime) -> bool:
    """Extend the lease. Returns False if another process took over, or after `MAX_EXCHANGE_DURATION`."""
    if at > lease.taken_at + MAX_EXCHANGE_DURATION:
        return False
    return (
        connection.execute(
            update(tokens)
            .where(
                tokens.c.user_id == lease.user_id,
                tokens.c.fence == lease.fence,
                tokens.c.lease_until.is_not(None),
            )
            .values(lease_until=at + LEASE_DURATION)
        ).rowcount
        == 1
    )


def store_refreshed(
    connection: Connection, lease: Lease, cipher: TokenCipher, spent: str, pair: TokenPair, at: datetime
) -> bool:
    """Store the pair that an exchange returned, and release the lease.

    An expired lease does not matter while `spent` is the stored refresh token: the new pair is then the only
    valid one.

    Args:
        spent: The refresh token that was exchanged.
        pair: What WHOOP returned. Without a refresh token, `spent` stays in use.
        at: The time by the database clock.

    Returns:
        False if a newer pair is stored already.
    """
    key_id = keys.for_storing(connection, cipher, lease.key_id, at)
    row = connection.execute(
        select(tokens.c.fence, tokens.c.refresh_token, tokens.c.key_id)
        .where(tokens.c.user_id == lease.user_id)
        .with_for_update()
    ).first()
    if row is None:
        return False
    if row.fence != lease.fence and not _is(row.refresh_token, row.key_id, spent, cipher):
        return False
    new = replace(pair, refresh_token=pair.refresh_token or spent)
    values = pair_columns(cipher, key_id, new, at) | {"fence": row.fence + 1}
    connection.execute(update(tokens).where(tokens.c.user_id == lease.user_id).values(values))
    return True


def _is(stored: str | None, key_id: str | None, token: str, cipher: TokenCipher) -> bool:
    try:
        return stored is not None and cipher.decrypt(stored, key_id) == token
    except ConfigurationError:
        # Another process stored it under a newer key: it may be a newer pair.
        return False


def release(connection: Connection, lease: Lease, *, answered: bool) -> None:
    """Release a lease without a new pair. `answered`: WHOOP responded, so the previous intent is restored."""
    values: dict[str, object] = {"lease_until": None, "lease_holder": None, "fence": lease.fence + 1}
    if answered:
        before = lease.unanswered
        values["intent_at"] = None if before is None else before.since
        values["lease_holder"] = None if before is None else before.stopped_holder
    connection.execute(
        update(tokens).where(tokens.c.user_id == lease.user_id, tokens.c.fence == lease.fence).values(values)
    )
