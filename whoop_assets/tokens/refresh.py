"""One member's tokens: refreshed in time, by one process at a time, and never lost.

`lease` describes the guarantees. The exchange runs in its own thread, while the calling thread renews the
lease. Ctrl-C takes effect after the response is stored. No database transaction is open during HTTP.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Protocol

from whoop_assets.clock import Clock
from whoop_assets.db.database import Database
from whoop_assets.errors import RECONNECT, DatabaseError, ReconnectionNeeded, WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.cipher import TokenCipher
from whoop_assets.tokens.lease import Lease
from whoop_assets.tokens.store import StoredPair
from whoop_assets.whoop_api.errors import (
    InvalidGrant,
    NetworkFault,
    RateLimited,
    RefreshResponseLost,
    UnreadableTokenResponse,
)
from whoop_assets.whoop_api.http.fault_time import FaultTime
from whoop_assets.whoop_api.oauth import OAuth, TokenPair
from whoop_assets.whoop_api.token_response import TOKEN_PATH

log = logging.getLogger(__name__)

EXPIRY_MARGIN = timedelta(seconds=60)
"""An access token is refreshed this long before it expires, or in the last quarter of a lifetime of a few
minutes."""
MAX_WAIT_FOR_OTHERS = leases.MAX_EXCHANGE_DURATION + leases.LEASE_DURATION + leases.GRACE_PERIOD
MAX_EXCHANGES = 2
"""Per call, if the new pairs are not usable."""
MIN_RATE_LIMIT_WAIT_SECONDS, MAX_RATE_LIMIT_WAIT_SECONDS = 1.0, 60.0
"""The first wait after a 429 of the token endpoint, and the total of one call."""
_POLL_SECONDS = 0.25
_MAX_STORE_ATTEMPTS, _STORE_PAUSE_SECONDS = 8, 1.0

Wanted = Callable[[StoredPair, datetime], bool]


class TokenServices(Protocol):
    """Dependencies of the token refresh; a WHOOP session provides them."""

    database: Database
    clock: Clock
    oauth: OAuth
    fault_time: FaultTime

    @property
    def cipher(self) -> TokenCipher:
        """The available keys. Raises ConfigurationError without any."""


class StillRefreshing(WhoopError):
    """Another process has held the lease for longer than an exchange takes."""

    transient = True


class PairLost(DatabaseError):
    """WHOOP returned a pair, and the database did not store it after all retries."""


class UselessPairs(WhoopError):
    """WHOOP exchanges the refresh token, but the new access tokens are not usable."""

    transient = True


class MemberTokens:
    """One member's access token in one process.

    The valid token stays in memory, so that a request needs no query. Every method may raise
    ReconnectionNeeded, ConfigurationError (the key is not available; nothing is exchanged), DatabaseError and
    errors of the token endpoint.
    """

    def __init__(
        self,
        services: TokenServices,
        user_id: int,
        *,
        renewal_interval: timedelta = leases.RENEWAL_INTERVAL,
    ) -> None:
        self._services = services
        self._user_id = user_id
        self._renewal_seconds = renewal_interval.total_seconds()
        self._cached: StoredPair | None = None

    def access_token(self) -> str:
        """Return a token that is valid for at least another minute."""
        pair = self._cached
        if pair is not None and _lasts(pair, self._services.clock.now()):
            return pair.access_token
        return self._get(_lasts)

    def after_rejection(self, rejected: str) -> str:
        """Return another token than the rejected one: stored by another process, or refreshed now."""
        return self._get(lambda pair, now: pair.access_token != rejected and _lasts(pair, now))

    def stored_since(self, rejected: str) -> str | None:
        """Return the token that another process stored in place of this one.

        None if this one is still stored.
        """
        with self._services.database.read() as connection:
            pair = token_store.load(connection, self._user_id, self._services.cipher)
        if pair is None or pair.access_token == rejected:
            return None
        self._cached = pair
        return pair.access_token

    def renew_unless_since(self, moment: datetime) -> None:
        """Refresh the tokens unless they were refreshed after that time."""
        self._get(lambda pair, _: pair.refreshed_at > moment)

    def _get(self, wanted: Wanted) -> str:
        """Return the access token of the stored pair when the pair is as wanted; exchange it if necessary."""
        database, clock = self._services.database, self._services.clock
        deadline = clock.now() + MAX_WAIT_FOR_OTHERS
        rate_limit, pairs = TokenRateLimit(), 0
        while True:
            with database.read() as connection:
                now = database.now(connection)
                pair = token_store.load(connection, self._user_id, self._services.cipher)
                reason = member_store.reason_to_reconnect(connection, self._user_id)
            if pair is None:
                raise self._reconnection("no tokens are stored")
            if wanted(pair, now):
                self._cached = pair
                return pair.access_token
            if reason is not None:
                raise self._reconnection(reason)
            if pair.refresh_token is None:
                raise self._reconnection("the offline scope was not granted and the access token has ended")
            if pairs == MAX_EXCHANGES:
                raise UselessPairs(
                    f"WHOOP renewed the tokens of member {self._user_id} {pairs} times in a row and"
                    " returned no usable access"
                    " token (it was unchanged, or expired before it was stored): try again later."
                )
            if not leases.held(pair.lease_until, now):
                self._services.fault_time.require("POST", TOKEN_PATH)
                lease = self._take(pair)
                if lease is not None:
                    try:
                        pairs += self._under(lease, pair.refresh_token)
                    except RateLimited as error:
                        clock.sleep(rate_limit.seconds_to_wait(error))
                continue
            if clock.now() > deadline:
                raise StillRefreshing(
                    f"Another process is still refreshing the tokens of member {self._user_id}: try again."
                )
            clock.sleep(_POLL_SECONDS)

    def _take(self, pair: StoredPair) -> Lease | None:
        # Without the member's lock, which a load can hold for long: this changes one row.
        database = self._services.database
        with database.write() as connection:
            return leases.take(connection, pair, self._services.cipher, database.now(connection))

    def _under(self, lease: Lease, refresh_token: str) -> bool:
        """Exchange the refresh token while renewing the lease. Returns whether a new pair is stored.

        An interruption of this thread (Ctrl-C) is raised after the exchange. Without the lease another
        process would send the same refresh token.
        """
        interrupted: BaseException | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="token-exchange") as pool:
            exchange = pool.submit(self.exchange, lease, refresh_token)
            while not exchange.done():
                try:
                    while wait([exchange], timeout=self._renewal_seconds).not_done:
                        self._renew(lease)
                except BaseException as error:  # noqa: BLE001 - raised again below
                    interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted
        return exchange.result()

    def _renew(self, lease: Lease) -> None:
        database = self._services.database
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
        database, fault_time = self._services.database, self._services.fault_time
        began = self._services.clock.now()
        try:
            fresh = self._services.oauth.refresh(refresh_token)
        except InvalidGrant:
            fault_time.record_response(TOKEN_PATH)
            self._confirm_rejection(lease, refresh_token)
            return False
        except WhoopError as error:
            lost = isinstance(error, RefreshResponseLost)
            if lost or isinstance(error, NetworkFault):
                fault_time.add(TOKEN_PATH, (self._services.clock.now() - began).total_seconds())
            with database.write() as connection:
                leases.release(connection, lease, answered=not lost)
            if lost:
                raise self._response_lost(error) from None
            raise
        fault_time.record_response(TOKEN_PATH)
        self._store_with_retries(lease, refresh_token, fresh)
        return True

    def _response_lost(self, error: WhoopError) -> RefreshResponseLost:
        """Return the error with the member and the way out."""
        what = f"WHOOP's response to a token refresh of member {self._user_id}"
        if isinstance(error, UnreadableTokenResponse):
            return UnreadableTokenResponse(
                f"{what} could not be read, and the refresh token is used up: run `{RECONNECT}`.",
                path=error.path,
                status=error.status,
            )
        return RefreshResponseLost(
            f"{what} was lost, and the refresh token may be used up: try again; if that fails, run"
            f" `{RECONNECT}`."
        )

    def _store_with_retries(self, lease: Lease, spent: str, fresh: TokenPair) -> None:
        for attempt in range(1, _MAX_STORE_ATTEMPTS + 1):
            try:
                self.store(lease, spent, fresh)
                return
            except DatabaseError as error:
                # There is no other copy of this pair, so every error of the database is retried.
                if attempt == _MAX_STORE_ATTEMPTS:
                    raise PairLost(
                        f"New tokens of member {self._user_id} could not be stored and are lost, and the"
                        f" stored ones are used up: repair the database, then run `{RECONNECT}`. {error}"
                    ) from None
                self._services.clock.sleep(_STORE_PAUSE_SECONDS * attempt)

    def store(self, lease: Lease, spent: str, fresh: TokenPair) -> None:
        """Store the pair that WHOOP returned for the refresh token `spent`.

        Does nothing if a later lease stored another pair.
        """
        database = self._services.database
        with database.write([self._user_id]) as connection:
            now = database.now(connection)
            if leases.store_refreshed(connection, lease, self._services.cipher, spent, fresh, now):
                # While the response was late, WHOOP may have rejected the token of another process.
                member_store.mend(connection, self._user_id)

    def _confirm_rejection(self, lease: Lease, refresh_token: str) -> None:
        """Handle invalid_grant: return if the stored pair has changed.

        Raises ReconnectionNeeded if it concerns the stored token.
        """
        database, clock = self._services.database, self._services.clock
        until: datetime | None = None
        while True:
            with database.write([self._user_id]) as connection:
                now = database.now(connection)
                until = until or now + (leases.GRACE_PERIOD if lease.taken_over else timedelta(0))
                stored = token_store.load(connection, self._user_id, self._services.cipher)
                if stored is None or stored.refresh_token != refresh_token or stored.fence != lease.fence:
                    return
                if now >= until:
                    reason = member_store.NO_LONGER_ACCEPTED
                    if lease.unanswered is not None:
                        reason += f", which was probably used up when {lease.unanswered}"
                    leases.release(connection, lease, answered=True)
                    member_store.set_status(
                        connection, self._user_id, member_store.RECONNECTION_NEEDED, reason
                    )
                    break
            clock.sleep(_POLL_SECONDS)
        raise self._reconnection(reason) from None

    def _reconnection(self, reason: str) -> ReconnectionNeeded:
        return ReconnectionNeeded(reason, user_id=self._user_id)


class TokenRateLimit:
    """The 429 responses of the token endpoint within one call.

    They use up nothing, so the exchange is repeated. No lease is held during the wait, which is the stated
    one or doubles each time.
    """

    def __init__(self) -> None:
        self._times = 0
        self._waited = 0.0

    def seconds_to_wait(self, error: RateLimited) -> float:
        """Return the wait. Raises the error if the total would exceed `MAX_RATE_LIMIT_WAIT_SECONDS`."""
        self._times += 1
        wait: float = max(error.retry_after or 0.0, MIN_RATE_LIMIT_WAIT_SECONDS * 2 ** (self._times - 1))
        self._waited += wait
        if self._waited > MAX_RATE_LIMIT_WAIT_SECONDS:
            raise error
        return wait


def _lasts(pair: StoredPair, now: datetime) -> bool:
    margin = min(EXPIRY_MARGIN, (pair.expires_at - pair.refreshed_at) / 4)
    return pair.expires_at > now + margin
