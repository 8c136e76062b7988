"""A member's client: the WHOOP API with the member's stored tokens and the budget that everybody shares."""

from datetime import timedelta
from types import TracebackType
from typing import Self

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError, ReconnectionNeeded, WhoopError
from whoop_assets.settings import Settings
from whoop_assets.warehouse import members, tokens
from whoop_assets.warehouse.budget import RequestBudget
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.keys import TokenCipher, token_cipher
from whoop_assets.whoop.client import WhoopClient
from whoop_assets.whoop.errors import InvalidGrant, RefreshAnswerLost
from whoop_assets.whoop.oauth import OAuth
from whoop_assets.whoop.sending import open_http

EXPIRY_MARGIN = timedelta(seconds=60)
LOSERS_PATIENCE = tokens.LEASE + timedelta(seconds=15)
_LOOK_AGAIN = 0.25


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

    def client(self, user_id: int, lane: str) -> WhoopClient:
        """A client that reads this member's data in this lane."""
        source = self._tokens.setdefault(user_id, MemberTokens(self, user_id))
        return WhoopClient(
            base_url=self.settings.api_url,
            tokens=source,
            budget=self.budget,
            clock=self.clock,
            lane=lane,
            http=self._http,
        )

    def client_for_new(self, access_token: str) -> WhoopClient:
        """A client for a token whose member is not known yet."""
        return WhoopClient(
            base_url=self.settings.api_url,
            tokens=GivenToken(access_token),
            budget=self.budget,
            clock=self.clock,
            lane="schedule",
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


class MemberTokens:
    """One member's tokens, as kept in the database; refreshed by one process at a time.

    The token in hand is kept in memory until shortly before it ends: a request costs no query.
    """

    def __init__(self, connection: Connection, user_id: int) -> None:
        self._connection = connection
        self._user_id = user_id
        self._in_hand: tokens.StoredPair | None = None

    def access_token(self) -> str:
        """A token good for at least another minute; raises ReconnectionNeeded when there is none to be had."""
        pair = self._in_hand
        if pair is not None and pair.expires_at > self._connection.clock.now() + EXPIRY_MARGIN:
            return pair.access_token
        return self._current(rejected=None)

    def after_rejection(self, rejected: str) -> str:
        """Another token than the one that WHOOP has just rejected."""
        return self._current(rejected=rejected)

    def _current(self, rejected: str | None) -> str:
        database, cipher, clock = self._connection.database, self._connection.cipher, self._connection.clock
        give_up = clock.now() + LOSERS_PATIENCE
        while True:
            with database.write([self._user_id]) as connection:
                now = database.now(connection)
                pair = tokens.load(connection, self._user_id, cipher)
                if pair is None:
                    raise self._reconnection("no tokens are stored")
                if pair.access_token != rejected and pair.expires_at > now + EXPIRY_MARGIN:
                    self._in_hand = pair
                    return pair.access_token
                if pair.refresh_token is None:
                    raise self._reconnection(
                        "the offline scope was not granted and the access token has ended"
                    )
                lease = tokens.take_lease(connection, self._user_id, now)
            if lease is not None:
                self._exchange(lease, pair.refresh_token)
            elif clock.now() > give_up:
                raise WhoopError(
                    f"Another process is still refreshing the tokens of member {self._user_id}: try again."
                )
            else:
                clock.sleep(_LOOK_AGAIN)

    def _exchange(self, lease: tokens.Lease, refresh_token: str) -> None:
        database, cipher = self._connection.database, self._connection.cipher
        try:
            fresh = self._connection.oauth.refresh(refresh_token)
        except InvalidGrant:
            with database.write([self._user_id]) as connection:
                tokens.give_back(connection, lease, answered=True)
                stored = tokens.load(connection, self._user_id, cipher)
                # Somebody else's exchange may have spent it; then the new pair is there and all is well.
                if stored is None or stored.refresh_token == refresh_token:
                    members.set_status(
                        connection,
                        self._user_id,
                        members.RECONNECTION_NEEDED,
                        "WHOOP no longer accepts the refresh token",
                    )
            if stored is None or stored.refresh_token == refresh_token:
                raise self._reconnection("WHOOP no longer accepts the refresh token") from None
            return
        except WhoopError as error:
            with database.write([self._user_id]) as connection:
                tokens.give_back(connection, lease, answered=not isinstance(error, RefreshAnswerLost))
            raise
        with database.write([self._user_id]) as connection:
            now = database.now(connection)
            stored_ours = tokens.store_refreshed(
                connection,
                lease,
                cipher,
                spent=refresh_token,
                access_token=fresh.access_token,
                refresh_token=fresh.refresh_token or refresh_token,
                expires_at=now + timedelta(seconds=fresh.expires_in),
                at=now,
            )
            if stored_ours:
                # Somebody who came while our answer was late may have been told that the token is spent.
                members.mend(connection, self._user_id)

    def _reconnection(self, reason: str) -> ReconnectionNeeded:
        return ReconnectionNeeded(
            f"Member {self._user_id} must be connected again, because {reason}: run `whoop-assets connect`.",
            user_id=self._user_id,
        )
