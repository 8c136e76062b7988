"""A member's client: the WHOOP API with the member's stored tokens and the budget that everybody shares."""

from types import TracebackType
from typing import Self

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.ingest.member_tokens import MemberTokens
from whoop_assets.settings import Settings
from whoop_assets.warehouse import keys
from whoop_assets.warehouse.budget import RequestBudget
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.keys import TokenCipher, token_cipher
from whoop_assets.whoop.client import WhoopClient
from whoop_assets.whoop.errors import Unauthorized
from whoop_assets.whoop.oauth import OAuth
from whoop_assets.whoop.protocols import TokenSource
from whoop_assets.whoop.sending import open_http


class Connection:
    """Everything one process needs to talk to WHOOP for any member: settings, database, keys, budget, HTTP.

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
        self._cipher = _cipher_or_error(database, settings.token_key)
        self._http = open_http()
        self.oauth = OAuth(
            settings.oauth_url,
            settings.client_id,
            settings.client_secret,
            settings.redirect_uri,
            clock=self.clock,
            http=self._http,
        )
        self._tokens: dict[int, MemberTokens] = {}

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

    def client(self, user_id: int, lane: str) -> WhoopClient:
        """A client that reads this member's data in this lane."""
        return self._client(self.tokens(user_id), lane)

    def client_for_new(self, access_token: str) -> WhoopClient:
        """A client for a token whose member is not known yet."""
        return self._client(GivenToken(access_token), "schedule")

    def client_for_trial(self, user_id: int, lane: str) -> WhoopClient:
        """A client that tries this member's present access token as it is: a 401 renews nothing."""
        return self._client(TriedToken(self.tokens(user_id).access_token()), lane)

    def _client(self, source: TokenSource, lane: str) -> WhoopClient:
        return WhoopClient(
            base_url=self.settings.api_url,
            tokens=source,
            budget=self.budget,
            clock=self.clock,
            lane=lane,
            http=self._http,
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
