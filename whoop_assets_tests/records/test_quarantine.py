"""Quarantine: a rejected record is stored once, until a valid record of its key is stored."""

from datetime import timedelta

import pytest

from whoop_assets.errors import UnknownEntry
from whoop_assets.quality import quarantine_entries
from whoop_assets.records import quarantine
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets_tests.support.data.factories import MEMBER, NOW, rows

HOUR = timedelta(hours=1)


def rejected(key, content):
    return RejectedRecord(
        key, f'{{"content": "{content}"}}', f"hash of {content}", "strain: not a number", "/v2/cycle"
    )


def kept(connection):
    return {key[2]: row for key, row in rows(connection, "quarantine").items()}


def test_a_record_rejected_twice_is_one_row_with_two_times(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected("1", "a")], NOW)
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected(None, "b")], NOW + HOUR)
        found = kept(connection)
        assert found.keys() == {"hash of a", "hash of b"}
        assert (found["hash of a"]["first_seen_at"], found["hash of a"]["last_seen_at"]) == (NOW, NOW + HOUR)
        assert found["hash of b"]["record_key"] is None
        assert found["hash of a"]["reason"] == "strain: not a number"


def test_a_valid_record_closes_the_open_entries_of_its_key_only(database):
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


def test_the_same_invalid_content_opens_its_entry_again(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a")], NOW)
        quarantine.resolve(connection, MEMBER, "cycles", ["1"], NOW + HOUR)
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a")], NOW + 2 * HOUR)
        assert kept(connection)["hash of a"]["resolved_at"] is None


def test_a_dismissed_record_stays_closed_if_the_same_content_is_read_again(database):
    with database.write([MEMBER]) as connection:
        quarantine.keep(connection, MEMBER, "cycles", [rejected("1", "a"), rejected(None, "b")], NOW)
        keyless = next(entry for entry in quarantine_entries.entries(connection) if entry.place is None)
        assert keyless.id == "hash of b"
        assert quarantine_entries.dismiss(connection, ["hash of b"], NOW + HOUR) == 1
        quarantine.keep(
            connection, MEMBER, "cycles", [rejected(None, "b"), rejected(None, "c")], NOW + 2 * HOUR
        )
        assert [entry.id for entry in quarantine_entries.entries(connection)] == ["hash of a", "hash of c"]
        row = kept(connection)["hash of b"]
        assert (row["resolved_at"], row["dismissed_at"]) == (NOW + HOUR, NOW + HOUR)
        assert row["last_seen_at"] == NOW + 2 * HOUR


def test_dismiss_closes_entries_of_one_member_or_all_and_rejects_an_ambiguous_id(database):
    with database.write([MEMBER, MEMBER + 1]) as connection:
        for member in (MEMBER, MEMBER + 1):
            quarantine.keep(connection, member, "cycles", [rejected("1", "a"), rejected("2", "b")], NOW)
        for unclear in ("hash of", "hash of z", "hash"):
            with pytest.raises(UnknownEntry, match="quarantine list"):
                quarantine_entries.dismiss(connection, ["hash of a", unclear], NOW)
        assert len(quarantine_entries.entries(connection)) == 4
        assert quarantine_entries.dismiss(connection, ["hash of a"], NOW, MEMBER) == 1
        assert {entry.user_id for entry in quarantine_entries.entries(connection, MEMBER + 1)} == {MEMBER + 1}
        assert quarantine_entries.dismiss(connection, None, NOW) == 3
        assert quarantine_entries.entries(connection) == []
