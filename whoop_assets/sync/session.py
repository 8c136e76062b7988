"""The WHOOP session of a run or command: settings, database, keys, shared request budget and HTTP clients."""

from copy import copy
from datetime import datetime
from typing import Self

from whoop_assets.clock import Clock
from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.settings import Settings
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens.cipher import TokenCipher, token_cipher
from whoop_assets.tokens.refresh import MemberTokens
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.http.fault_time import FaultTime
from whoop_assets.whoop_api.http.transport import HttpClient, open_http
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets.whoop_api.protocols import RateLimit, TokenSource

CONNECT_LANE = "schedule"
"""Lane of the requests that connect a member."""

MAX_RETRY_SECONDS = {"webhook": 30.0, "schedule": 90.0, "backfill": 90.0}
"""Lane -> how long a request is retried, in seconds.

The inbox retries a webhook event after a failed load.
"""
MAX_CONNECT_RETRY_SECONDS = 30.0
"""The same while a member waits in the browser for the result of connecting."""


class WhoopSession:
    """Gives a run or command access to WHOOP for any member."""

    def __init__(
        self, settings: Settings, database: Database, used_by: str = "", *, http: HttpClient | None = None
    ) -> None:
        """Create the session; no request is sent.

        Args:
            settings: Addresses, client and limits.
            database: Tokens, budget and clock.
            used_by: Names the run or command in the record of used requests.
            http: An HTTP client to share; `close` leaves it open.

        Raises:
            ConfigurationError: The settings name no client.
        """
        settings.require_client()
        self.settings = settings
        self.database = database
        self.clock: Clock = database.clock
        self.budget = RequestBudget(
            database,
            per_minute=settings.requests_per_minute,
            per_day=settings.requests_per_day,
            used_by=used_by,
        )
        # Read here, where no transaction is open. A missing key is an error only for code that uses it: a
        # member can be erased without.
        self._cipher = _cipher_or_error(database, settings.token_key.get_secret_value())
        self._own_http = http is None
        self._http = http or open_http()
        self.oauth = OAuth(
            settings.oauth_url,
            settings.client_id,
            settings.client_secret.get_secret_value(),
            settings.redirect_uri,
            clock=self.clock,
            http=self._http,
        )
        self.fault_time = FaultTime(self.clock)
        self._tokens: dict[int, MemberTokens] = {}
        self._stopped_by: WhoopError | None = None

    @property
    def cipher(self) -> TokenCipher:
        """The encryption keys of the stored tokens. Raises ConfigurationError if they are missing."""
        if isinstance(self._cipher, ConfigurationError):
            raise self._cipher
        return self._cipher

    def require_key(self) -> None:
        """Raise ConfigurationError if new tokens could not be encrypted with the key in use."""
        with self.database.read() as transaction:
            keys.current(transaction, self.cipher)

    def tokens(self, user_id: int) -> MemberTokens:
        """Return the member's tokens. All clients share this object, and with it the current access token."""
        return self._tokens.setdefault(user_id, MemberTokens(self, user_id))

    def client(self, user_id: int, lane: str, max_retry_seconds: float | None = None) -> WhoopClient:
        """Return a client that reads this member's data in this lane.

        Args:
            max_retry_seconds: How long one request is retried; the lane's value if None.
        """
        return self._client(self.tokens(user_id), lane, max_retry_seconds=max_retry_seconds)

    def client_for_new(self, access_token: str) -> WhoopClient:
        """Return a client for a token, before its member is known."""
        # `serve` runs for long: a fault during one member's connection must not shorten the retries of the
        # next one's.
        return self._client(
            GivenToken(access_token), CONNECT_LANE, FaultTime(self.clock), MAX_CONNECT_RETRY_SECONDS
        )

    def client_for_trial(self, access_token: str, lane: str) -> WhoopClient:
        """Return a client that uses this access token and does not refresh it after a 401."""
        return self._client(TriedToken(access_token), lane)

    def without_requests(self, error: WhoopError) -> Self:
        """Return a copy with clients that raise this error instead of sending a request."""
        other = copy(self)
        other._stopped_by = error
        return other

    def _client(
        self,
        source: TokenSource,
        lane: str,
        fault_time: FaultTime | None = None,
        max_retry_seconds: float | None = None,
    ) -> WhoopClient:
        return WhoopClient(
            base_url=self.settings.api_url,
            tokens=source,
            budget=self.budget if self._stopped_by is None else ExhaustedBudget(self._stopped_by),
            clock=self.clock,
            lane=lane,
            http=self._http,
            fault_time=fault_time or self.fault_time,
            max_retry_seconds=max_retry_seconds or MAX_RETRY_SECONDS[lane],
        )

    def close(self) -> None:
        """Close the HTTP client, unless the caller supplied it."""
        if self._own_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cipher_or_error(database: Database, token_key: str) -> TokenCipher | ConfigurationError:
    try:
        return token_cipher(database, token_key)
    except ConfigurationError as error:
        return error


class ExhaustedBudget:
    """A budget that raises the given error for every request."""

    def __init__(self, error: WhoopError) -> None:
        self._error = error

    def acquire(self, lane: str) -> datetime:
        raise self._error

    def observe(
        self, status: int, rate_limit: RateLimit | None, seconds_to_wait: float | None = None
    ) -> None:
        """Do nothing: no request is sent."""


class GivenToken:
    """A token source with one access token, before its member is known."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def access_token(self) -> str:
        return self._access_token

    def after_rejection(self, rejected: str) -> str:
        raise WhoopError("WHOOP rejects the access token that it has just issued: start `connect` again.")

    def stored_since(self, rejected: str) -> str | None:
        return None


class TriedToken(GivenToken):
    """A token source with one access token, to find out whether WHOOP accepts it."""

    def after_rejection(self, rejected: str) -> str:
        raise Unauthorized("WHOOP rejects the access token.", status=401)
