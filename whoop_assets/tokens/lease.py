"""The lease under which one process at a time refreshes a member's tokens.

WHOOP's refresh tokens are good for one exchange, and an answer that is not stored is lost with the grant. So:

- A lease is taken by compare-and-swap on the fence, a number that every later change of the pair's row moves on. It lasts
  a few seconds, and its holder renews it while the exchange goes on: a holder that dies blocks the others for LEASE and no
  longer, one that lives is waited for however slowly WHOOP answers (LONGEST_EXCHANGE at most). All times are the
  database's.
- The intent to exchange is stored with the lease. It goes when an answer is stored; what is left of it says that a
  process stopped, or that an answer was lost, and when.
- A holder can be stalled for longer than its lease (the machine slept, the database was locked) and come back with the
  only good pair, while another process has taken over and sent the same refresh token. So a new pair is stored also
  under an old fence as long as the token it was given for is the one stored; and who has taken over does not believe a
  refusal at once but holds its lease and looks again for GRACE whether the other brings a pair. What comes later still
  is stored all the same, and mends the member.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select, update

from whoop_assets.errors import ConfigurationError
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens.cipher import TokenCipher
from whoop_assets.tokens.store import StoredPair, encrypted
from whoop_assets.tokens.tables import tokens

LEASE = timedelta(seconds=5)
"""How long a holder that died is in the way of the others."""
BEAT = LEASE / 3
"""How often a holder renews its lease: two beats may fail."""
LONGEST_EXCHANGE = timedelta(seconds=75)
"""Longer than an exchange takes at its time-outs (three connections, one answer: about a minute): then no more renewals."""
_FARTHEST_END = 2 * LEASE
"""With room for a renewal that comes while we look."""
GRACE = timedelta(seconds=5)
"""How long who has taken over waits for a pair of the one before, when WHOOP refuses the token."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The last exchange of the same refresh token, whose answer never was stored.

    `stopped_holder`: host and process that never ended its lease; None when it said that the answer was lost.
    """

    since: datetime
    stopped_holder: str | None

    def __str__(self) -> str:
        moment = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.stopped_holder is None:
            return f"WHOOP's answer to a token exchange of {moment} was lost"
        # Without the host, which may be called after somebody; it stands in the row.
        pid = self.stopped_holder.rpartition(":")[2]
        return f"a process (pid {pid}) stopped in the middle of a token exchange begun at {moment}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to refresh the member's tokens; `key_id` was the key that encrypts when it was taken."""

    user_id: int
    fence: int
    taken_at: datetime
    key_id: str
    broken: Broken | None

    @property
    def taken_over(self) -> bool:
        """Whether another process may still come back with an answer."""
        return self.broken is not None and self.broken.stopped_holder is not None


def this_process() -> str:
    """Host and process, to be found again by who looks why a token was lost."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


def take(connection: Connection, pair: StoredPair, cipher: TokenCipher, at: datetime) -> Lease | None:
    """Take the lease on this pair and enter the intent to exchange; None when another process holds it, or was faster.

    Raises ConfigurationError when the key that encrypts now is not at hand: what the exchange gives could not be kept.
    """
    key_id = keys.claim(connection, cipher, at)
    taken = connection.execute(
        update(tokens)
        .where(
            tokens.c.user_id == pair.user_id,
            tokens.c.fence == pair.fence,
            _free(at),
        )
        .values(fence=pair.fence + 1, lease_until=at + LEASE, intent_at=at, lease_holder=this_process())
    )
    if taken.rowcount != 1:
        return None
    broken = None if pair.intent_at is None else Broken(pair.intent_at, pair.lease_holder)
    return Lease(pair.user_id, pair.fence + 1, at, key_id, broken)


def unanswered(connection: Connection, at: datetime) -> dict[int, Broken]:
    """The members whose refresh token may be spent, because an exchange that nobody is waiting for has no answer."""
    c = tokens.c
    query = select(c.user_id, c.intent_at, c.lease_holder).where(c.intent_at.is_not(None), _free(at))
    return {user_id: Broken(since, holder) for user_id, since, holder in connection.execute(query)}


def _free(at: datetime) -> ColumnElement[bool]:
    """Nobody holds a lease: none was taken, it has run out, or it was taken by a clock that has been set back since."""
    until = tokens.c.lease_until
    return or_(until.is_(None), until <= at, until > at + _FARTHEST_END)


def held(until: datetime | None, at: datetime) -> bool:
    """Whether a lease of that end is still somebody's."""
    return until is not None and at < until <= at + _FARTHEST_END


def renew(connection: Connection, lease: Lease, at: datetime) -> bool:
    """Hold the lease for another while. False when another process has taken over, or it has been held long enough."""
    if at > lease.taken_at + LONGEST_EXCHANGE:
        return False
    return (
        connection.execute(
            update(tokens)
            .where(
                tokens.c.user_id == lease.user_id,
                tokens.c.fence == lease.fence,
                tokens.c.lease_until.is_not(None),
            )
            .values(lease_until=at + LEASE)
        ).rowcount
        == 1
    )


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
    connection.execute(
        update(tokens)
        .where(tokens.c.user_id == lease.user_id)
        .values(
            **encrypted(cipher, key_id, access_token, refresh_token),
            expires_at=expires_at,
            refreshed_at=at,
            fence=row.fence + 1,
            lease_until=None,
            intent_at=None,
            lease_holder=None,
        )
    )
    return True


def _is(stored: str | None, key_id: str | None, token: str, cipher: TokenCipher) -> bool:
    try:
        return stored is not None and cipher.decrypt(stored, key_id) == token
    except ConfigurationError:
        # Stored under a key that came after our time, by a process that has taken over: it may be a newer pair.
        return False


def give_back(connection: Connection, lease: Lease, *, answered: bool) -> None:
    """End a lease that gave no new pair. With an answer its intent goes, and what was on record before comes back."""
    values: dict[str, object] = {"lease_until": None, "lease_holder": None, "fence": lease.fence + 1}
    if answered:
        before = lease.broken
        values["intent_at"] = None if before is None else before.since
        values["lease_holder"] = None if before is None else before.stopped_holder
    connection.execute(
        update(tokens).where(tokens.c.user_id == lease.user_id, tokens.c.fence == lease.fence).values(values)
    )
