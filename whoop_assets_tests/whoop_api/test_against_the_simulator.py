"""The client over HTTP with the simulator: consent, tokens, endpoints, pagination, limits and faults."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import (
    BadRequest,
    ConsentDenied,
    ConsentFailed,
    CursorRepeated,
    InvalidClient,
    InvalidGrant,
    NetworkFault,
    NotFound,
    RateLimited,
    RefreshResponseLost,
    ServerFault,
    TokenResponseLost,
    Unauthorized,
    UnreadableResponse,
)
from whoop_assets.whoop_api.http.transport import open_http
from whoop_assets.whoop_api.models import BodyMeasurement, Cycle, Sleep, UserProfile, Workout
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets.whoop_api.protocols import RateLimit
from whoop_assets.whoop_api.scopes import SCOPE_OF, SCOPES, allows
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, WORKOUTS, Stream
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_assets_tests.whoop_api.doubles import CountingBudget, TokenRow
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAYS = 40
REDIRECT = "http://localhost:8765/callback"
STATE = "state-of-this-attempt"


class WorldClock(ManualClock):
    """A clock for client and simulator: a wait advances both."""

    def __init__(self, world: World) -> None:
        super().__init__(world.moment)
        self._world = world

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._world.advance(seconds)


class RefreshingTokens:
    """A token source that refreshes its pair after a rejection."""

    def __init__(self, oauth: OAuth, access_token: str, refresh_token: str, user_id: int) -> None:
        self.oauth = oauth
        self.pair = (access_token, refresh_token)
        self.user_id = user_id

    def access_token(self) -> str:
        return self.pair[0]

    def after_rejection(self, rejected: str) -> str:
        try:
            fresh = self.oauth.refresh(self.pair[1])
        except InvalidGrant:
            raise ReconnectionNeeded("its tokens were rejected", user_id=self.user_id) from None
        assert fresh.refresh_token is not None
        self.pair = (fresh.access_token, fresh.refresh_token)
        return fresh.access_token

    def stored_since(self, rejected: str) -> str | None:
        return None


class Account:
    """A simulated member and what the tests of one client need."""

    def __init__(self, sim: RunningSimulator) -> None:
        self.sim = sim
        self.world = sim.world
        self.user_id = sim.world.user_ids[0]
        self.clock = WorldClock(sim.world)
        self.budget = CountingBudget(self.clock)
        self.http = open_http()
        app = sim.world.app
        self.oauth = OAuth(
            sim.oauth_url, app.client_id, app.client_secret, REDIRECT, clock=self.clock, http=self.http
        )

    def client(self, scopes: tuple[str, ...] = SCOPES) -> WhoopClient:
        pair = self.world.issue_tokens(self.user_id, scopes)
        return self.client_of(
            RefreshingTokens(self.oauth, pair["access_token"], pair["refresh_token"], self.user_id)
        )

    def client_of(self, tokens: RefreshingTokens | TokenRow) -> WhoopClient:
        return WhoopClient(
            base_url=self.sim.api_url, tokens=tokens, budget=self.budget, clock=self.clock, http=self.http
        )

    def truth(self, stream: Stream) -> list[dict[str, Any]]:
        return self.world.truth(self.user_id)[stream.name]


@pytest.fixture(scope="module")
def sim() -> Iterator[RunningSimulator]:
    with RunningSimulator(members=1, days=DAYS, seed=11, now=NOW, frozen=True, limits=False) as running:
        yield running


@pytest.fixture
def account(sim: RunningSimulator) -> Iterator[Account]:
    sim.world.set_clock(NOW)
    sim.world.reset_stats()
    account = Account(sim)
    yield account
    sim.world.clear_faults()
    sim.world.revoke_tokens(account.user_id)
    sim.world.limits.enabled = False
    account.http.close()


# Consent and tokens


def test_a_consent_gives_a_code_for_working_tokens(account: Account) -> None:
    redirect = account.sim.consent(account.oauth.authorization_url(SCOPES, STATE), account.user_id)
    pair = account.oauth.exchange_code(account.oauth.read_redirect(redirect, STATE))
    assert pair.scopes == set(SCOPES)
    assert pair.refresh_token is not None
    profile = account.client_of(TokenRow(pair.access_token)).profile()
    assert UserProfile.model_validate(profile.payload).user_id == account.user_id


def test_a_code_works_once(account: Account) -> None:
    redirect = account.sim.consent(account.oauth.authorization_url(SCOPES, STATE), account.user_id)
    code = account.oauth.read_redirect(redirect, STATE)
    account.oauth.exchange_code(code)
    with pytest.raises(InvalidGrant):
        account.oauth.exchange_code(code)


def test_a_declined_consent_is_an_error(account: Account) -> None:
    redirect = account.sim.consent(account.oauth.authorization_url(SCOPES, STATE), account.user_id, "deny")
    with pytest.raises(ConsentDenied):
        account.oauth.read_redirect(redirect, STATE)


def test_an_unknown_scope_fails_the_consent(account: Account) -> None:
    redirect = account.sim.consent(account.oauth.authorization_url(["read:workouts"], STATE), account.user_id)
    with pytest.raises(ConsentFailed, match="invalid_scope"):
        account.oauth.read_redirect(redirect, STATE)


def test_without_offline_there_is_no_refresh_token(account: Account) -> None:
    redirect = account.sim.consent(account.oauth.authorization_url(["read:cycles"], STATE), account.user_id)
    pair = account.oauth.exchange_code(account.oauth.read_redirect(redirect, STATE))
    assert pair.refresh_token is None
    assert pair.scopes == {"read:cycles"}


def test_a_refresh_invalidates_the_old_pair(account: Account) -> None:
    old = account.world.issue_tokens(account.user_id)
    new = account.oauth.refresh(old["refresh_token"])
    with pytest.raises(InvalidGrant):
        account.oauth.refresh(old["refresh_token"])
    with pytest.raises(ReconnectionNeeded):
        account.client_of(TokenRow(old["access_token"])).profile()
    assert account.client_of(TokenRow(new.access_token)).profile().payload["user_id"] == account.user_id


def test_the_error_for_a_wrong_client_secret_names_the_setting(account: Account) -> None:
    oauth = OAuth(account.sim.oauth_url, account.world.app.client_id, "wrong", REDIRECT, clock=account.clock)
    with pytest.raises(InvalidClient, match="WHOOP_CLIENT_SECRET"):
        oauth.refresh(account.world.issue_tokens(account.user_id)["refresh_token"])
    oauth.close()


def test_a_token_that_expires_between_pages_is_refreshed(account: Account) -> None:
    client = account.client()
    pages = client.pages(SLEEPS, limit=10)
    records = list(next(pages).records)
    account.world.expire_tokens(account.user_id)
    for page in pages:
        records += page.records
    assert records == account.truth(SLEEPS)
    assert [status for status, _ in account.budget.observed].count(401) == 1
    assert client.requests == len(account.budget.lanes) == account.world.requests


def test_a_revoked_grant_needs_a_new_consent(account: Account) -> None:
    client = account.client()
    client.revoke_access()
    with pytest.raises(ReconnectionNeeded):
        client.profile()


@pytest.mark.parametrize("name", SCOPE_OF)
def test_a_scope_gives_access_only_to_its_stream(account: Account, name: str) -> None:
    granted = ("offline", SCOPE_OF[name])
    client = account.client(granted)
    reads = {"profile": client.profile, "body_measurement": client.body_measurement} | {
        stream.name: lambda stream=stream: client.page(stream) for stream in STREAMS.values()
    }
    for stream_name, read in reads.items():
        if allows(granted, stream_name):
            read()
        else:
            with pytest.raises(Unauthorized):
                read()


# Endpoints


def test_profile_and_body_measurement_are_the_members(account: Account) -> None:
    client = account.client()
    assert client.profile().payload == account.world.profile(account.user_id)
    assert client.body_measurement().payload == account.world.body_measurement(account.user_id)
    assert BodyMeasurement.model_validate(client.body_measurement().payload).height_meter


def test_each_record_has_its_url(account: Account) -> None:
    client = account.client()
    for stream in (CYCLES, SLEEPS, WORKOUTS):
        record = account.truth(stream)[3]
        assert client.record(stream, record["id"]).payload == record
    night = next(sleep for sleep in account.truth(SLEEPS) if not sleep["nap"])
    recovery = next(record for record in account.truth(RECOVERIES) if record["sleep_id"] == night["id"])
    assert client.record(RECOVERIES, night["cycle_id"]).payload == recovery
    assert client.record(RECOVERIES, night["cycle_id"]).payload == recovery
    assert client.cycle_sleep(night["cycle_id"]).payload == night


def test_a_v1_id_is_mapped_to_the_v2_id() -> None:
    # Only activities from before v2 have a v1 id.
    with RunningSimulator(members=1, days=2, seed=11, now=datetime(2025, 6, 1, 12, tzinfo=UTC)) as sim:
        account = Account(sim)
        number, uuid = next(iter(sim.world.member(account.user_id).source.v1_ids.items()))
        assert account.client().activity_mapping(number).payload == {"v2_activity_id": uuid}
        with pytest.raises(NotFound):
            account.client().activity_mapping(1)
        account.http.close()


def test_an_unknown_id_or_path_is_a_not_found_error(account: Account) -> None:
    client = account.client()
    for stream, key in ((CYCLES, 5), (RECOVERIES, 5), (SLEEPS, "0" * 8 + "-0000-4000-8000-" + "0" * 12)):
        with pytest.raises(NotFound):
            client.record(stream, key)
    with pytest.raises(NotFound):
        client.get("/v2/recovery/0c5d6d71-7e4c-4a8b-9f62-2f2b37a7a6b1")


def test_an_invalid_query_is_a_bad_request_error(account: Account) -> None:
    with pytest.raises(BadRequest):
        account.client().get("/v2/cycle", {"limit": "26"})


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_every_simulated_record_is_valid_and_dumped_unchanged(account: Account, stream: Stream) -> None:
    for raw in account.truth(stream):
        assert stream.model.model_validate(raw).model_dump(mode="json", exclude_unset=True) == raw


# Pagination


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_all_pages_have_every_record_once_newest_first(account: Account, stream: Stream) -> None:
    pages = list(account.client().pages(stream, limit=7))
    records = [record for page in pages for record in page.records]
    assert records == account.truth(stream)
    assert len(pages) == -(-len(records) // 7)
    log = account.world.request_log
    assert len({entry.query["end"] for entry in log}) == 1
    assert [("nextToken" in entry.query) for entry in log] == [False] + [True] * (len(pages) - 1)
    assert all(earlier.requested_at <= later.requested_at for earlier, later in pairwise(pages))


def test_typed_iterators_read_a_span(account: Account) -> None:
    client = account.client()
    start, end = NOW - timedelta(days=20), NOW - timedelta(days=10)
    records: list[Cycle | Sleep | Workout] = [
        *client.cycles(start, end),
        *client.sleeps(start, end),
        *client.workouts(start, end),
    ]
    assert {type(record) for record in records} == {Cycle, Sleep, Workout}
    assert all(record.start < end and (record.end is None or record.end >= start) for record in records)
    assert list(client.recoveries(start, end))


def test_a_cursor_that_is_always_repeated_is_an_error(account: Account) -> None:
    client = account.client()
    account.world.inject_fault("repeat_cursor", count=None)
    with pytest.raises(CursorRepeated):
        list(client.pages(SLEEPS, limit=10))
    assert 5 < client.requests < 30


def test_a_page_with_a_temporarily_repeated_cursor_is_requested_again(account: Account) -> None:
    client = account.client()
    expected = [page.records for page in client.pages(SLEEPS, limit=10)]
    assert len(expected) > 2
    account.world.inject_fault("repeat_cursor", count=3)
    client = account.client()
    assert [page.records for page in client.pages(SLEEPS, limit=10)] == expected
    assert client.requests == len(expected) + 2  # the first page has no cursor to repeat


# Limits


def test_the_budget_gets_the_limits_from_the_headers(account: Account) -> None:
    account.world.set_limits(100, 10_000)
    account.client().profile()
    status, limit = account.budget.observed[-1]
    assert status == 200
    assert isinstance(limit, RateLimit)
    assert limit.limits == ((100, 60), (10_000, 86_400))
    assert (limit.nearest, 0 < limit.reset_seconds <= 60) == (100, True)


def test_the_client_waits_for_the_reset_of_a_minute_limit(account: Account) -> None:
    account.clock.sleep(61)
    account.world.set_limits(3, 10_000)
    client = account.client()
    records = [record for page in client.pages(SLEEPS, end=NOW, limit=7) for record in page.records]
    assert records == account.truth(SLEEPS)
    assert client.limited >= 1
    assert client.waited_seconds >= 30
    assert account.world.stats()["worst_minute"] <= 8


def test_an_exhausted_day_limit_is_an_error(account: Account) -> None:
    account.clock.sleep(200)
    account.world.set_limits(100, account.world.limits.day.used)
    client = account.client()
    with pytest.raises(RateLimited) as caught:
        client.profile()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 3600
    assert client.waited_seconds == 0


# Faults


@pytest.mark.parametrize("kind", ["status", "reset", "truncate", "not_json"])
def test_a_fault_between_pages_loses_no_record(account: Account, kind: str) -> None:
    client = account.client()
    pages = client.pages(WORKOUTS, limit=10)
    records = list(next(pages).records)
    account.world.inject_fault(kind, count=2)
    for page in pages:
        records += page.records
    assert records == account.truth(WORKOUTS)
    assert client.retries == 2
    assert len(account.budget.lanes) == client.requests == account.world.requests


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("status", ServerFault),
        ("reset", NetworkFault),
        ("truncate", NetworkFault),
        ("not_json", UnreadableResponse),
    ],
)
def test_a_lasting_fault_is_an_error(account: Account, kind: str, error: type[Exception]) -> None:
    account.world.inject_fault(kind, count=None)
    client = account.client()
    with pytest.raises(error):
        client.page(CYCLES)
    assert client.requests >= 9


def test_a_slow_response_is_read(account: Account) -> None:
    account.world.inject_fault("latency", seconds=0.2)
    assert account.client().profile().payload["user_id"] == account.user_id


def test_revoking_succeeds_if_only_the_response_was_lost(account: Account) -> None:
    client = account.client()
    account.world.inject_fault("reset")
    client.revoke_access()
    with pytest.raises(ReconnectionNeeded):
        client.profile()


@pytest.mark.parametrize("kind", ["reset", "truncate", "not_json", "status"])
def test_a_refresh_with_a_lost_response_is_not_repeated(account: Account, kind: str) -> None:
    pair = account.world.issue_tokens(account.user_id)
    account.world.inject_fault(kind, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshResponseLost):
        account.oauth.refresh(pair["refresh_token"])
    assert account.world.stats()["token_requests"] <= 1


def test_a_code_exchange_with_a_lost_response_is_an_error(account: Account) -> None:
    code = account.world.grant_code(account.user_id, SCOPES, REDIRECT)
    account.world.inject_fault("reset", path_prefix="/oauth/oauth2/token")
    with pytest.raises(TokenResponseLost):
        account.oauth.exchange_code(code)


def test_a_refused_connection_is_a_network_fault(account: Account) -> None:
    tokens = TokenRow("token")
    with (
        WhoopClient(
            base_url=f"http://127.0.0.1:{REFUSING_PORT}",
            tokens=tokens,
            budget=account.budget,
            clock=account.clock,
        ) as client,
        pytest.raises(NetworkFault),
    ):
        client.profile()
