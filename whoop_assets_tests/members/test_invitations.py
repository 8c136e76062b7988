"""Invitation links: one member per link, one attempt at a time, and no usable secret in the database."""

from datetime import timedelta

import pytest

from whoop_assets.db.database import Database
from whoop_assets.members import invitations
from whoop_assets_tests.support.data.factories import NOW, rows
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.processes import together

DAY = timedelta(days=1)
MINUTES = timedelta(minutes=9)


def test_a_link_is_valid_until_a_member_connected_or_it_expired(database):
    with database.write() as connection:
        secret = invitations.invite(connection, NOW, DAY)
        assert not invitations.begin(connection, "guessed", "state-0", NOW)
        assert not invitations.begin(connection, secret, "state-0", NOW + DAY)
        assert invitations.begin(connection, secret, "state-1", NOW)
        link = invitations.take(connection, "state-1", NOW + MINUTES)
        assert link is not None
        assert not invitations.begin(connection, secret, "state-2", NOW)
        invitations.give_back(connection, link)
        assert invitations.begin(connection, secret, "state-3", NOW), (
            "a failed attempt must leave the link valid"
        )


def test_an_attempt_can_be_completed_once_within_ten_minutes(database):
    with database.write() as connection:
        secret = invitations.invite(connection, NOW, DAY)
        invitations.begin(connection, secret, "state-1", NOW)
        link = invitations.take(connection, "state-1", NOW)
        invitations.give_back(connection, link)
        assert invitations.take(connection, "state-1", NOW) is None
        invitations.begin(connection, secret, "state-2", NOW)
        assert invitations.take(connection, "state-2", NOW + timedelta(minutes=10)) is None
        assert invitations.take(connection, "state-2", NOW) is None


def test_opening_a_link_again_ends_the_previous_attempt(database):
    with database.write() as connection:
        secret = invitations.invite(connection, NOW, DAY)
        invitations.begin(connection, secret, "state-1", NOW)
        invitations.begin(connection, secret, "state-2", NOW)
        assert invitations.take(connection, "state-1", NOW) is None
        assert invitations.take(connection, "state-2", NOW) is not None


def test_the_database_contains_no_link_and_no_state(database):
    with database.write() as connection:
        secret = invitations.invite(connection, NOW, DAY)
        invitations.begin(connection, secret, "state-1", NOW)
        stored = str(rows(connection, "invitations"))
    assert secret not in stored
    assert "state-1" not in stored
    assert len(secret) >= 43


def take_at(url, state):
    database = Database(url, ManualClock(NOW))
    with database.write() as connection:
        link = invitations.take(connection, state, NOW)
    database.close()
    return link is not None


@pytest.mark.slow
def test_one_of_several_concurrent_attempts_succeeds(database, database_url):
    with database.write() as connection:
        invitations.begin(connection, invitations.invite(connection, NOW, DAY), "state-1", NOW)
    assert sorted(together(3, take_at, database_url, "state-1")) == [False, False, True]


def test_expired_links_are_deleted(database):
    with database.write() as connection:
        invitations.invite(connection, NOW, DAY)
        invitations.invite(connection, NOW + timedelta(days=40), DAY)
        assert len(rows(connection, "invitations")) == 1
