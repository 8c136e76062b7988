"""One member's tokens, as kept in the database: renewed in time, by one process at a time, and never lost by us.

What the lease promises is in `warehouse.leases`; here is who does what under it. The exchange runs in a thread of its own
while the thread that asked for it renews the lease; a Ctrl-C waits for the answer to be stored. No database transaction is
open during HTTP.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from whoop_assets.errors import DatabaseUnreachable, ReconnectionNeeded, WhoopError
from whoop_assets.warehouse import leases, members, tokens
from whoop_assets.warehouse.leases import Lease
from whoop_assets.warehouse.tokens import StoredPair
from whoop_assets.whoop.errors import InvalidGrant, RefreshAnswerLost
from whoop_assets.whoop.oauth import TokenPair

if TYPE_CHECKING:
    from whoop_assets.ingest.connection import Connection

log = logging.getLogger(__name__)

EXPIRY_MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it ends; one that lives only minutes in the last quarter of its life."""
LOSERS_PATIENCE = leases.LONGEST_EXCHANGE + leases.LEASE + leases.GRACE
NO_LONGER_ACCEPTED = "WHOOP no longer accepts the refresh token"
_LOOK_AGAIN = 0.25
_STORE_ATTEMPTS, _STORE_PAUSE = 8, 1.0

Wanted = Callable[[StoredPair, datetime], bool]


class MemberTokens:
    """One member's access token for one process; the one in hand is kept in memory until shortly before it ends, so
    that a request costs no query. Every method may raise ReconnectionNeeded, ConfigurationError (the key that encrypts
    tokens is not at hand: nothing is exchanged), DatabaseError and the token endpoint's errors."""

    def __init__(self, connection: "Connection", user_id: int) -> None:
        self._connection = connection
        self._user_id = user_id
        self._in_hand: StoredPair | None = None

    def access_token(self) -> str:
        """A token that does not end within the next minute."""
        pair = self._in_hand
        if pair is not None and _lasts(pair, self._connection.clock.now()):
            return pair.access_token
        return self._get(_lasts)

    def after_rejection(self, rejected: str) -> str:
        """Another token than the one that WHOOP has just rejected: what another process stored since, or a new one."""
        return self._get(lambda pair, now: pair.access_token != rejected and _lasts(pair, now))

    def stored_since(self, rejected: str) -> str | None:
        """What another process has stored in place of this token; None when it is still the one stored."""
        with self._connection.database.read() as connection:
            pair = tokens.load(connection, self._user_id, self._connection.cipher)
        if pair is None or pair.access_token == rejected:
            return None
        self._in_hand = pair
        return pair.access_token

    def renew_unless_since(self, moment: datetime) -> None:
        """See to it that the tokens have been renewed after that moment."""
        self._get(lambda pair, _: pair.refreshed_at > moment)

    def _get(self, wanted: Wanted) -> str:
        """The stored pair's access token as soon as the pair is as wanted, by our own exchange if need be."""
        database, clock = self._connection.database, self._connection.clock
        give_up = clock.now() + LOSERS_PATIENCE
        while True:
            with database.read() as connection:
                now = database.now(connection)
                pair = tokens.load(connection, self._user_id, self._connection.cipher)
                dead = members.reason_to_reconnect(connection, self._user_id)
            if pair is None:
                raise self._reconnection("no tokens are stored")
            if wanted(pair, now):
                self._in_hand = pair
                return pair.access_token
            if dead is not None:
                raise self._reconnection(dead)  # it was found out by one process, and need not be by each
            if pair.refresh_token is None:
                raise self._reconnection("the offline scope was not granted and the access token has ended")
            if pair.lease_until is None or pair.lease_until <= now:
                lease = self._take(pair)
                if lease is not None:
                    self._under(lease, pair.refresh_token)
                continue  # else somebody was faster
            if clock.now() > give_up:
                raise WhoopError(
                    f"Another process is still refreshing the tokens of member {self._user_id}: try again."
                )
            clock.sleep(_LOOK_AGAIN)

    def _take(self, pair: StoredPair) -> Lease | None:
        # Without the member's lock, which a load may hold for long: it touches this one row.
        database = self._connection.database
        with database.write() as connection:
            return leases.take(connection, pair, self._connection.cipher, database.now(connection))

    def _under(self, lease: Lease, refresh_token: str) -> None:
        """Exchange under the lease, and renew it until that has come to an end."""
        with ThreadPoolExecutor(1, thread_name_prefix="token-exchange") as pool:
            exchange = pool.submit(self._exchange, lease, refresh_token)
            while wait([exchange], timeout=leases.BEAT.total_seconds()).not_done:
                self._beat(lease)
        exchange.result()

    def _beat(self, lease: Lease) -> None:
        database = self._connection.database
        try:
            with database.write() as connection:
                leases.renew(connection, lease, database.now(connection))
        except WhoopError as error:
            log.info("The lease of member %d could not be renewed: %s", self._user_id, error)

    def _exchange(self, lease: Lease, refresh_token: str) -> None:
        database = self._connection.database
        try:
            fresh = self._connection.oauth.refresh(refresh_token)
        except InvalidGrant:
            self._refused(lease, refresh_token)
            return
        except WhoopError as error:
            with database.write() as connection:
                leases.give_back(connection, lease, answered=not isinstance(error, RefreshAnswerLost))
            raise
        for attempt in range(1, _STORE_ATTEMPTS + 1):
            try:
                self._store(lease, refresh_token, fresh)
                return
            except DatabaseUnreachable:
                # There is no second copy of this pair: a database that is away for a moment must not cost it.
                if attempt == _STORE_ATTEMPTS:
                    raise
                self._connection.clock.sleep(_STORE_PAUSE * attempt)

    def _store(self, lease: Lease, spent: str, fresh: TokenPair) -> None:
        database = self._connection.database
        with database.write([self._user_id]) as connection:
            now = database.now(connection)
            stored_ours = leases.store_refreshed(
                connection,
                lease,
                self._connection.cipher,
                spent=spent,
                access_token=fresh.access_token,
                refresh_token=fresh.refresh_token or spent,
                expires_at=now + timedelta(seconds=fresh.expires_in),
                at=now,
            )
            if stored_ours:
                # Somebody who came while our answer was late may have been told that the token is spent.
                members.mend(connection, self._user_id)

    def _refused(self, lease: Lease, refresh_token: str) -> None:
        """WHOOP says invalid_grant. Raises ReconnectionNeeded when that is confirmed; returns when the stored pair, or
        another process's lease on it, has to be looked at again."""
        database, clock = self._connection.database, self._connection.clock
        until: datetime | None = None
        while True:
            with database.write([self._user_id]) as connection:
                now = database.now(connection)
                until = until or now + (leases.GRACE if lease.taken_over else timedelta(0))
                stored = tokens.load(connection, self._user_id, self._connection.cipher)
                if stored is None or stored.refresh_token != refresh_token or stored.fence != lease.fence:
                    return
                if now >= until:
                    reason = NO_LONGER_ACCEPTED
                    if lease.broken is not None:
                        reason += f", which was probably spent when {lease.broken}"
                    leases.give_back(connection, lease, answered=True)
                    members.set_status(connection, self._user_id, members.RECONNECTION_NEEDED, reason)
                    break
            clock.sleep(_LOOK_AGAIN)
        raise self._reconnection(reason) from None

    def _reconnection(self, reason: str) -> ReconnectionNeeded:
        return ReconnectionNeeded(
            f"Member {self._user_id} must be connected again, because {reason}: run `whoop-assets connect`.",
            user_id=self._user_id,
        )


def _lasts(pair: StoredPair, now: datetime) -> bool:
    margin = min(EXPIRY_MARGIN, (pair.expires_at - pair.refreshed_at) / 4)
    return pair.expires_at > now + margin
