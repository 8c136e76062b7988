"""The ledger of stale days: a changed day stays stale until a summary of the change was built."""

from datetime import date, timedelta

from whoop_assets.records import upsert
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets_tests.support.data.factories import MEMBER, NOW, UPDATED, at, cycle, stale

FIRST, SECOND = date(2026, 5, 3), date(2026, 5, 4)


def test_a_change_during_a_build_stays_stale(database):
    with database.write() as connection:
        STALE_DAYS.mark(connection, MEMBER, [FIRST, SECOND], NOW)
        seen = STALE_DAYS.generations(connection, [MEMBER], FIRST, SECOND)
    with database.write() as connection:
        STALE_DAYS.mark(connection, MEMBER, [SECOND], NOW)
    with database.write() as connection:
        STALE_DAYS.clear(connection, seen)
        assert stale(connection) == {SECOND}


def test_clearing_the_same_generation_twice_keeps_a_newer_one(database):
    with database.write() as connection:
        STALE_DAYS.mark(connection, MEMBER, [FIRST], NOW)
        seen = STALE_DAYS.generations(connection, [MEMBER], FIRST, FIRST)
        STALE_DAYS.clear(connection, seen)
        STALE_DAYS.mark(connection, MEMBER, [FIRST], NOW)
        STALE_DAYS.clear(connection, seen)
        assert stale(connection) == {FIRST}


def test_stale_counts_have_one_entry_per_day_and_change_with_new_work(database):
    with database.write() as connection:
        for user_id in range(MEMBER, MEMBER + 20):
            STALE_DAYS.mark(connection, user_id, [FIRST], NOW)
        STALE_DAYS.mark(connection, MEMBER, [SECOND], NOW + timedelta(hours=1))
        found = {count.day: count for count in STALE_DAYS.days(connection)}
        assert {day: count.members for day, count in found.items()} == {FIRST: 20, SECOND: 1}
        assert found[SECOND].state[2] == NOW + timedelta(hours=1)
        assert [count.day for count in STALE_DAYS.days(connection, before=NOW + timedelta(minutes=1))] == [
            FIRST
        ]
        STALE_DAYS.mark(connection, MEMBER, [SECOND], NOW + timedelta(hours=1))
        again = {count.day: count for count in STALE_DAYS.days(connection)}
        assert again[SECOND].state != found[SECOND].state
        assert again[FIRST] == found[FIRST]


def test_the_ledger_is_written_in_the_transaction_of_the_change(database):
    try:
        with database.write([MEMBER]) as connection:
            upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4))], NOW)
            assert stale(connection) == {FIRST}
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with database.read() as connection:
        assert stale(connection) == set()


def test_stale_days_are_listed_newest_first_without_unchanged_days(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4)), cycle(2, at(4), at(5))], NOW)
        STALE_DAYS.mark(connection, MEMBER + 1, [SECOND], NOW)
        days = [(entry.day, entry.user_id) for entry in STALE_DAYS.stale(connection)]
        assert days == [(SECOND, MEMBER), (SECOND, MEMBER + 1), (FIRST, MEMBER)]
        assert [entry.day for entry in STALE_DAYS.stale(connection, limit=1)] == [SECOND]
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        again = cycle(1, at(3), at(4), requested_at=NOW.replace(hour=13), updated_at=UPDATED)
        upsert.store(connection, MEMBER, "cycles", [again], NOW)
        assert stale(connection) == set()
