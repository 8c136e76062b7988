"""A member's client: the WHOOP API with the member's stored tokens and the budget that everybody shares."""

from copy import copy
from datetime import datetime
from types import TracebackType
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
from whoop_assets.whoop_api.fault_time import FaultTime
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets.whoop_api.protocols import RateLimitLike, TokenSource
from whoop_assets.whoop_api.transport import open_http

CONNECT_LANE = "schedule"
"""The lane of the requests that connecting a member takes."""

MAX_RETRY_SECONDS = {"webhook": 30.0, "schedule": 90.0, "backfill": 90.0}
"""Lane -> how long a request is retried. A webhook event whose load fails is retried by the inbox."""
MAX_CONNECT_RETRY_SECONDS = 30.0
"""The same while a member waits in a browser for the outcome of connecting."""


class Connection:
    """Everything one run or command needs to talk to WHOOP for any member: settings, database, keys, budget, HTTP.

    `used_by` says on whose behalf (a Dagster run, a command), for who looks at what was used of the budget.
    """

    def __init__(self, settings: Settings, database: Database, used_by: str = "") -> None:
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
        # Looked for here, where no transaction is open, and missed only by who needs it: a member can be erased without.
        self._cipher = _cipher_or_error(database, settings.token_key.get_secret_value())
        self._http = open_http()
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
        self._nothing_left: WhoopError | None = None

    @property
    def cipher(self) -> TokenCipher:
        """The keys of the stored tokens; raises ConfigurationError when they are not to be had."""
        if isinstance(self._cipher, ConfigurationError):
            raise self._cipher
        return self._cipher

    def require_key(self) -> None:
        """Raise ConfigurationError when tokens that WHOOP gives now could not be kept as they should."""
        with self.database.read() as transaction:
            keys.current(transaction, self.cipher)

    def tokens(self, user_id: int) -> MemberTokens:
        """This member's tokens; the same for all clients, so that they share the one in hand."""
        return self._tokens.setdefault(user_id, MemberTokens(self, user_id))

    def client(self, user_id: int, lane: str, max_retry_seconds: float | None = None) -> WhoopClient:
        """A client that reads this member's data in this lane.

        Args:
            max_retry_seconds: How long one request is retried; the lane's time if not given.
        """
        return self._client(self.tokens(user_id), lane, max_retry_seconds=max_retry_seconds)

    def client_for_new(self, access_token: str) -> WhoopClient:
        """A client for a token whose member is not known yet."""
        # `serve` connects members for as long as it runs: a fault that one member meets costs the next one no time.
        return self._client(
            GivenToken(access_token), CONNECT_LANE, FaultTime(self.clock), MAX_CONNECT_RETRY_SECONDS
        )

    def client_for_trial(self, access_token: str, lane: str) -> WhoopClient:
        """A client that tries this access token as it is: a 401 renews nothing."""
        return self._client(TriedToken(access_token), lane)

    def without_requests(self, error: WhoopError) -> Self:
        """The same, but whoever is about to send a request through a client gets this error instead."""
        other = copy(self)
        other._nothing_left = error
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
            budget=self.budget if self._nothing_left is None else NothingLeft(self._nothing_left),
            clock=self.clock,
            lane=lane,
            http=self._http,
            fault_time=fault_time or self.fault_time,
            max_retry_seconds=max_retry_seconds or MAX_RETRY_SECONDS[lane],
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cipher_or_error(database: Database, token_key: str) -> TokenCipher | ConfigurationError:
    try:
        return token_cipher(database, token_key)
    except ConfigurationError as error:
        return error


class NothingLeft:
    """A budget of which it is known already that it gives nothing."""

    def __init__(self, error: WhoopError) -> None:
        self._error = error

    def acquire(self, lane: str) -> datetime:
        raise self._error

    def observe(
        self, status: int, rate_limit: RateLimitLike | None, seconds_to_wait: float | None = None
    ) -> None:
        """There is no answer to learn from."""


class GivenToken:
    """A token source of one token, for the moment between the consent and the first look at who gave it."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def access_token(self) -> str:
        return self._access_token

    def after_rejection(self, rejected: str) -> str:
        raise WhoopError(
            "WHOOP does not accept the access token it has just been given: start `connect` afresh."
        )

    def stored_since(self, rejected: str) -> str | None:
        return None


class TriedToken(GivenToken):
    """A token source of one token of which it is to be found out whether WHOOP takes it."""

    def after_rejection(self, rejected: str) -> str:
        raise Unauthorized("WHOOP does not accept the access token.", status=401)
