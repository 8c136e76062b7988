"""Connecting and disconnecting a member."""

import json
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event, func, select

from whoop_assets.errors import ConfigurationError, ReconnectionNeeded, UnknownMember
from whoop_assets.members import sessions
from whoop_assets.members.store import EXPORT_ONLY
from whoop_assets.schema import metadata
from whoop_assets.sync.members import membership
from whoop_assets.sync.members.connecting import Disconnected, ScopesMissing, disconnect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens.key_rotation import rotate
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import delivery_of
from whoop_assets.whoop_api.errors import ApiError, RefreshResponseLost
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=10), connect=False) as home:
        yield home


@pytest.mark.parametrize("left_out", ["offline", "read:profile", "read:cycles"])
def test_a_consent_without_required_scopes_stores_nothing(home, left_out):
    needed = [scope for scope in ("offline", "read:profile", "read:cycles") if scope != left_out]
    with pytest.raises(ScopesMissing, match=left_out):
        home.connect(home.world.user_ids[0], needed)
    assert home.rows("members") == {}
    assert home.rows("tokens") == {}


def test_connecting_keeps_the_scopes_and_todays_profile(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    assert "read:sleep" in home.rows("members")[user_id]["scopes"].split()
    assert home.rows("profiles")[(user_id, TODAY)]["payload"] == home.world.profile(user_id)


def test_connecting_again_keeps_the_data(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    home.load(TODAY, TODAY)
    before = home.rows("cycles")
    home.connect(user_id)
    assert home.rows("cycles") == before
    assert list(home.rows("members")) == [user_id]


def test_connecting_replays_the_members_parked_events(home):
    newcomer, stranger = home.world.user_ids
    announced = [
        {"user_id": newcomer, "type": "sleep.updated", "id": str(UUID(int=1)), "trace_id": "before"},
        {"user_id": newcomer, "type": "sleep.dreamt", "id": str(UUID(int=2)), "trace_id": "of-no-type"},
        {"user_id": stranger, "type": "sleep.updated", "id": str(UUID(int=3)), "trace_id": "of-another"},
    ]
    deliveries = [delivery_of(json.dumps(event).encode(), home.clock.now()) for event in announced]
    with home.database.write() as transaction:
        assert inbox.receive(transaction, deliveries, home.clock.now()) == ["parked"] * 3
    home.connect(newcomer)
    with home.database.read() as transaction:
        states = {event.trace_id: event.state for event in inbox.listed(transaction)}
    assert states == {"before": "open", "of-no-type": "parked", "of-another": "parked"}


def test_an_event_received_during_the_connection_is_replayed(postgres_url):
    """SQLite has one writer at a time, so an event comes before or after the connection."""
    with at_home(postgres_url, frozen_world(days=10), connect=False) as home:
        (newcomer,) = home.world.user_ids
        announced = {"user_id": newcomer, "type": "sleep.updated", "id": str(UUID(int=1)), "trace_id": "t"}
        delivery = delivery_of(json.dumps(announced).encode(), home.clock.now())
        receiving = ExitStack()
        transaction = receiving.enter_context(home.database.write())
        assert inbox.receive(transaction, [delivery], home.clock.now()) == ["parked"]

        @event.listens_for(home.database.engine, "commit")
        def commit_event_first(connection):
            if connection.scalar(select(func.count()).select_from(metadata.tables["members"])):
                receiving.close()

        home.connect(newcomer)
        assert [row["state"] for row in home.rows("webhook_events").values()] == ["open"]


def test_disconnecting_ends_the_grant_at_whoop_and_keeps_the_data(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    home.load(TODAY, TODAY)
    assert disconnect_member(home.connection, user_id, erase=False) == Disconnected(0, revoked=True)
    assert home.rows("tokens") == {}
    assert home.rows("cycles")
    assert home.rows("members")[user_id]["status"] == "disconnected"
    assert home.world.request_log[-1][1:3] == ("DELETE", "/v2/user/access")


def test_erasing_leaves_no_row_of_the_member_and_every_row_of_the_others(home):
    for user_id in home.world.user_ids:
        home.connect(user_id)
    home.load_and_summarise(TODAY, TODAY)
    erased, other = home.world.user_ids
    kept = {name: len(rows_of(home, name, other)) for name in with_members()}
    count = sum(len(rows_of(home, name, erased)) for name in with_members())
    assert disconnect_member(home.connection, erased, erase=True) == Disconnected(count, revoked=True)
    for name in with_members():
        assert rows_of(home, name, erased) == []
        assert len(rows_of(home, name, other)) == kept[name]


def with_members():
    return [table.name for table in metadata.sorted_tables if "user_id" in table.c]


def rows_of(home, table, user_id):
    return [row for row in home.rows(table, deleted=True).values() if row["user_id"] == user_id]


def test_a_grant_that_whoop_no_longer_knows_can_be_disconnected_too(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    home.world.revoke_tokens(user_id)
    disconnect_member(home.connection, user_id, erase=False)
    assert home.rows("members")[user_id]["status"] == "disconnected"


def test_a_member_from_an_export_leaves_without_a_request(home):
    with home.database.write() as connection:
        user_id = membership.add_export_only(connection, NOW)
        sessions.begin(connection, user_id, NOW)
    assert disconnect_member(home.connection, user_id, erase=False) == Disconnected(0, revoked=True)
    assert home.rows("member_sessions") == {}
    assert home.rows("members")[user_id]["status"] == EXPORT_ONLY
    assert disconnect_member(home.connection, user_id, erase=True) == Disconnected(1, revoked=True)
    assert home.rows("members") == {}
    assert home.world.stats()["requests"] == 0


def test_an_unknown_member_cannot_be_disconnected(home):
    with pytest.raises(UnknownMember, match=r"whoop-assets members"):
        disconnect_member(home.connection, 42, erase=False)


def test_a_member_can_be_erased_without_the_key(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    home.load(TODAY, TODAY)
    lost = home.connection.settings.replace(token_key=Fernet.generate_key().decode())
    with WhoopSession(lost, home.database) as without_key:
        with pytest.raises(ConfigurationError, match="another key"):
            disconnect_member(without_key, user_id, erase=False)
        assert home.rows("tokens")
        assert not disconnect_member(without_key, user_id, erase=True).revoked
    for name in with_members():
        assert rows_of(home, name, user_id) == []


def test_only_whoops_response_proves_the_end_of_a_grant(home, monkeypatch):
    # A proxy's page must not delete the only token that can end the grant.
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    elsewhere = home.connection.settings.replace(api_url=f"{home.simulator.base_url}/_control/stats?")
    with WhoopSession(elsewhere, home.database) as connection, pytest.raises(ApiError):
        disconnect_member(connection, user_id, erase=False)
    assert home.rows("tokens")
    assert home.rows("members")[user_id]["status"] == "connected"


def lose_the_answer_to_a_refresh(home, user_id):
    """WHOOP has refreshed the token, but the response with the new pair was lost."""
    home.advance(timedelta(hours=2))
    home.world.inject_fault(kind="reset", count=1, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshResponseLost):
        home.connection.client(user_id, "schedule").profile()


@pytest.mark.parametrize("found_out_before", [True, False])
def test_a_grant_with_lost_tokens_is_not_reported_as_ended(home, found_out_before):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    lose_the_answer_to_a_refresh(home, user_id)
    if found_out_before:
        with pytest.raises(ReconnectionNeeded):
            home.connection.client(user_id, "schedule").profile()
    assert not disconnect_member(home.connection, user_id, erase=False).revoked
    assert home.rows("members")[user_id]["status"] == "disconnected"
    assert "could not be ended" in home.rows("members")[user_id]["status_reason"]
    assert not disconnect_member(
        home.connection, user_id, erase=True
    ).revoked  # and still not the second time


def test_a_grant_that_whoop_rejects_has_ended(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    home.world.revoke_tokens(user_id)
    with pytest.raises(ReconnectionNeeded):
        home.connection.client(user_id, "schedule").profile()
    assert disconnect_member(home.connection, user_id, erase=False).revoked


def test_after_a_key_was_given_up_as_lost_its_member_can_leave(home):
    user_id = home.world.user_ids[0]
    home.connect(user_id)
    new = Fernet.generate_key().decode()
    rotate(home.database, new, lost=True)
    lost = home.connection.settings.replace(token_key=new)
    with WhoopSession(lost, home.database) as connection:
        assert not disconnect_member(connection, user_id, erase=False).revoked
    assert home.rows("tokens") == {}
    assert home.rows("members")[user_id]["status"] == "disconnected"
