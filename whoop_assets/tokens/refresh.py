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

from whoop_assets.errors import RECONNECT, DatabaseError, ReconnectionNeeded, WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.lease import Lease
from whoop_assets.tokens.store import StoredPair
from whoop_assets.whoop_api.errors import (
    InvalidGrant,
    NetworkFault,
    RateLimited,
    RefreshResponseLost,
    UnreadableTokenResponse,
)
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets.whoop_api.token_response import TOKEN_PATH

if TYPE_CHECKING:
    from whoop_assets.sync.session import Connection

log = logging.getLogger(__name__)

EXPIRY_MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it ends; one that lives only minutes in the last quarter of its life."""
LOSERS_PATIENCE = leases.LONGEST_EXCHANGE + leases.LEASE + leases.GRACE
MOST_EXCHANGES = 2
"""Pairs that one call gets from WHOOP for itself, when they are not what was wanted."""
LIMITED_FIRST, LIMITED_PATIENCE = 1.0, 60.0
"""Seconds: the first wait after a 429 of the token endpoint that says nothing, and all such waits of one call."""
_LOOK_AGAIN = 0.25
_STORE_ATTEMPTS, _STORE_PAUSE = 8, 1.0

Wanted = Callable[[StoredPair, datetime], bool]


class StillRefreshing(WhoopError):
    """Another process has held the lease for longer than an exchange takes."""

    transient = True


class PairLost(DatabaseError):
    """WHOOP gave a pair, and the database did not take it however often it was asked."""


class UselessPairs(WhoopError):
    """WHOOP exchanges the refresh token, and what it gives is no better than what there was."""

    transient = True


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
            pair = token_store.load(connection, self._user_id, self._connection.cipher)
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
        limited, pairs = Limited(), 0
        while True:
            with database.read() as connection:
                now = database.now(connection)
                pair = token_store.load(connection, self._user_id, self._connection.cipher)
                dead = member_store.reason_to_reconnect(connection, self._user_id)
            if pair is None:
                raise self._reconnection("no tokens are stored")
            if wanted(pair, now):
                self._in_hand = pair
                return pair.access_token
            if dead is not None:
                raise self._reconnection(dead)  # it was found out by one process, and need not be by each
            if pair.refresh_token is None:
                raise self._reconnection("the offline scope was not granted and the access token has ended")
            if pairs == MOST_EXCHANGES:
                raise UselessPairs(
                    f"WHOOP renewed the tokens of member {self._user_id} {pairs} times in a row and gave no access token that"
                    " can be used (it came back unchanged, or had ended by the time it was stored): try again later."
                )
            if not leases.held(pair.lease_until, now):
                self._connection.fault_time.require("POST", TOKEN_PATH)
                lease = self._take(pair)
                if lease is not None:
                    try:
                        pairs += self._under(lease, pair.refresh_token)
                    except RateLimited as error:
                        clock.sleep(limited.wait_after(error))
                continue  # else somebody was faster
            if clock.now() > give_up:
                raise StillRefreshing(
                    f"Another process is still refreshing the tokens of member {self._user_id}: try again."
                )
            clock.sleep(_LOOK_AGAIN)

    def _take(self, pair: StoredPair) -> Lease | None:
        # Without the member's lock, which a load may hold for long: it touches this one row.
        database = self._connection.database
        with database.write() as connection:
            return leases.take(connection, pair, self._connection.cipher, database.now(connection))

    def _under(self, lease: Lease, refresh_token: str) -> bool:
        """Exchange under the lease, and renew it until that has come to an end. Whether WHOOP gave a pair.

        A Ctrl-C, or what else interrupts this thread, goes on its way only then: without a lease another process would
        send the same token, and find it spent.
        """
        interrupted: BaseException | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="token-exchange") as pool:
            exchange = pool.submit(self.exchange, lease, refresh_token)
            while not exchange.done():
                try:
                    while wait([exchange], timeout=leases.BEAT.total_seconds()).not_done:
                        self._beat(lease)
                except BaseException as error:  # noqa: BLE001 - raised again below
                    interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted
        return exchange.result()

    def _beat(self, lease: Lease) -> None:
        database = self._connection.database
        try:
            with database.write() as connection:
                leases.renew(connection, lease, database.now(connection))
        except WhoopError as error:
            log.info("The lease of member %d could not be renewed: %s", self._user_id, error)

    def exchange(self, lease: Lease, refresh_token: str) -> bool:
        """Exchange the refresh token under the lease and store the new pair.

        Returns:
            True if the new pair is stored. False if WHOOP rejected the token and another pair may be stored.
        """
        database, fault_time = self._connection.database, self._connection.fault_time
        began = self._connection.clock.now()
        try:
            fresh = self._connection.oauth.refresh(refresh_token)
        except InvalidGrant:
            fault_time.record_response(TOKEN_PATH)
            self._refused(lease, refresh_token)
            return False
        except WhoopError as error:
            lost = isinstance(error, RefreshResponseLost)
            if lost or isinstance(error, NetworkFault):
                fault_time.add(TOKEN_PATH, (self._connection.clock.now() - began).total_seconds())
            with database.write() as connection:
                leases.give_back(connection, lease, answered=not lost)
            if lost:
                raise self._answer_lost(error) from None
            raise
        fault_time.record_response(TOKEN_PATH)
        self._store_surely(lease, refresh_token, fresh)
        return True

    def _answer_lost(self, error: WhoopError) -> RefreshResponseLost:
        """The same with whose it is and what to do."""
        whose = f"WHOOP's answer to a token refresh of member {self._user_id}"
        if isinstance(error, UnreadableTokenResponse):
            return UnreadableTokenResponse(
                f"{whose} could not be read, and the refresh token is spent: run `{RECONNECT}`.",
                path=error.path,
                status=error.status,
            )
        return RefreshResponseLost(
            f"{whose} was lost, and the refresh token may be spent: try again; if it is, that says so, and `{RECONNECT}`"
            " mends it."
        )

    def _store_surely(self, lease: Lease, spent: str, fresh: TokenPair) -> None:
        for attempt in range(1, _STORE_ATTEMPTS + 1):
            try:
                self.store(lease, spent, fresh)
                return
            except DatabaseError as error:
                # There is no second copy of this pair: whatever a database says while it is away must not cost it.
                if attempt == _STORE_ATTEMPTS:
                    raise PairLost(
                        f"New tokens of member {self._user_id} could not be stored and are lost, and those that are stored"
                        f" are spent: mend the database, then run `{RECONNECT}`. {error}"
                    ) from None
                self._connection.clock.sleep(_STORE_PAUSE * attempt)

    def store(self, lease: Lease, spent: str, fresh: TokenPair) -> None:
        """Store the pair that WHOOP gave for the spent refresh token, unless a later lease stored another."""
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
                member_store.mend(connection, self._user_id)

    def _refused(self, lease: Lease, refresh_token: str) -> None:
        """WHOOP says invalid_grant. Raises ReconnectionNeeded when that is confirmed; returns when the stored pair, or
        another process's lease on it, has to be looked at again."""
        database, clock = self._connection.database, self._connection.clock
        until: datetime | None = None
        while True:
            with database.write([self._user_id]) as connection:
                now = database.now(connection)
                until = until or now + (leases.GRACE if lease.taken_over else timedelta(0))
                stored = token_store.load(connection, self._user_id, self._connection.cipher)
                if stored is None or stored.refresh_token != refresh_token or stored.fence != lease.fence:
                    return
                if now >= until:
                    reason = member_store.NO_LONGER_ACCEPTED
                    if lease.broken is not None:
                        reason += f", which was probably spent when {lease.broken}"
                    leases.give_back(connection, lease, answered=True)
                    member_store.set_status(
                        connection, self._user_id, member_store.RECONNECTION_NEEDED, reason
                    )
                    break
            clock.sleep(_LOOK_AGAIN)
        raise self._reconnection(reason) from None

    def _reconnection(self, reason: str) -> ReconnectionNeeded:
        return ReconnectionNeeded.because(reason, user_id=self._user_id)


class Limited:
    """The token endpoint's 429s within one call. They spend nothing, so that it is asked again, without a lease meanwhile:
    after what the answer says, or a little more each time, and LIMITED_PATIENCE in all."""

    def __init__(self) -> None:
        self._times = 0
        self._waited = 0.0

    def wait_after(self, error: RateLimited) -> float:
        """Seconds to wait now; raises the error when that would be too long."""
        self._times += 1
        wait: float = max(error.retry_after or 0.0, LIMITED_FIRST * 2 ** (self._times - 1))
        self._waited += wait
        if self._waited > LIMITED_PATIENCE:
            raise error
        return wait


def _lasts(pair: StoredPair, now: datetime) -> bool:
    margin = min(EXPIRY_MARGIN, (pair.expires_at - pair.refreshed_at) / 4)
    return pair.expires_at > now + margin
