"""Quarantine: what was not taken is kept once, with its reason, until a valid record of its key came."""

from datetime import timedelta

from whoop_assets.warehouse import quarantine
from whoop_assets.warehouse.quarantine import Rejected
from whoop_assets_tests.warehouse.factories import MEMBER, NOW, rows

HOUR = timedelta(hours=1)


def rejected(key, content):
    return Rejected(
        key, f'{{"content": "{content}"}}', f"hash of {content}", "strain: not a number", "/v2/cycle"
    )


def kept(connection):
    return {key[2]: row for key, row in rows(connection, "quarantine").items()}


def test_a_record_that_is_rejected_again_is_the_same_row_seen_again(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected("1", "a")], NOW)
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected(None, "b")], NOW + HOUR)
        found = kept(connection)
        assert found.keys() == {"hash of a", "hash of b"}
        assert (found["hash of a"]["first_seen_at"], found["hash of a"]["last_seen_at"]) == (NOW, NOW + HOUR)
        assert found["hash of b"]["record_key"] is None
        assert found["hash of a"]["reason"] == "strain: not a number"


def test_a_valid_record_of_the_key_closes_what_was_open_and_nothing_else(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected("2", "b")], NOW)
        quarantine.keep(connection, MEMBER, "sleeps", [rejected("1", "c")], NOW)
        quarantine.keep(connection, MEMBER, "cycles", [rejected(None, "d")], NOW)
        quarantine.keep(connection, MEMBER + 1, "cycles", [rejected("1", "e")], NOW)
        quarantine.resolve(connection, MEMBER, "cycles", ["1"], NOW + HOUR)
        quarantine.resolve(connection, MEMBER, "cycles", ["1"], NOW + 2 * HOUR)
        assert {key: row["resolved_at"] for key, row in kept(connection).items()} == {
            "hash of a": NOW + HOUR,
            "hash of b": None,
            "hash of c": None,
            "hash of d": None,
            "hash of e": None,
        }


def test_the_same_broken_content_that_comes_back_is_open_again(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a")], NOW)
        quarantine.resolve(connection, MEMBER, "cycles", ["1"], NOW + HOUR)
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a")], NOW + 2 * HOUR)
        assert kept(connection)["hash of a"]["resolved_at"] is None
