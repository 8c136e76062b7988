"""Members: who is connected, and nothing left of who asks to be erased."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import BigInteger, Boolean, Date, Double, Integer, func, insert, select

from whoop_assets.db.types import JsonText, UtcDateTime
from whoop_assets.errors import UnknownMember
from whoop_assets.members import store as member_store
from whoop_assets.members import tables as member_tables
from whoop_assets.records import load_failures, upsert
from whoop_assets.records import tables as record_tables
from whoop_assets.schema import metadata
from whoop_assets_tests.support.factories import MEMBER, NOW, at, cycle

OTHER = MEMBER + 1
SCOPES = ["offline", "read:profile", "read:cycles"]
PROFILE = {"email": "ann@example.org", "first_name": "Ann", "last_name": "Example"}


def connect(connection, user_id=MEMBER, scopes=SCOPES):
    member_store.connect(connection, user_id, scopes, PROFILE, NOW)


def test_members_are_listed_by_id_and_their_repr_says_nothing_personal(database):
    with database.write() as connection:
        connect(connection, OTHER)
        connect(connection, MEMBER)
        listed = member_store.listed(connection)
    assert [member.user_id for member in listed] == [MEMBER, OTHER]
    assert listed[0].scopes == frozenset(SCOPES)
    assert not any(value in repr(listed) for value in PROFILE.values())


def test_unless_named_those_are_chosen_who_did_not_leave(database):
    with database.write() as connection:
        for user_id in (MEMBER, OTHER, OTHER + 1):
            connect(connection, user_id)
        member_store.set_status(connection, OTHER, member_store.DISCONNECTED)
        member_store.set_status(connection, OTHER + 1, member_store.RECONNECTION_NEEDED, "the grant is gone")
        assert [member.user_id for member in member_store.chosen(connection, [])] == [MEMBER, OTHER + 1]
        assert [member.user_id for member in member_store.chosen(connection, [OTHER, OTHER])] == [OTHER]
        with pytest.raises(UnknownMember, match="Member 42 is not known here"):
            member_store.chosen(connection, [MEMBER, 42])


def test_connecting_again_forgets_what_was_in_the_way(database):
    failure = load_failures.Failure(
        MEMBER, "sleeps", date(2026, 5, 1), date(2026, 5, 3), "the grant is gone", False, "run"
    )
    with database.write() as connection:
        connect(connection)
        member_store.set_status(connection, MEMBER, member_store.RECONNECTION_NEEDED, "the grant is gone")
        load_failures.record(connection, failure, NOW)
        connect(connection, scopes=[*SCOPES, "read:sleep"])
        (member,) = member_store.listed(connection)
        assert (member.status, member.status_reason) == (member_store.CONNECTED, None)
        assert "read:sleep" in member.scopes
        assert load_failures.open_failures(connection) == []


def test_a_failure_is_one_row_per_run_until_a_later_load_covers_its_days(database):
    first = load_failures.Failure(MEMBER, "sleeps", date(2026, 5, 1), date(2026, 5, 3), "500", True, "run 1")
    again = load_failures.Failure(MEMBER, "sleeps", date(2026, 5, 2), date(2026, 5, 4), "502", True, "run 2")
    later = NOW + timedelta(hours=1)

    def clear(connection, first_day, last_day, began, user_id=MEMBER, stream="sleeps"):
        load_failures.clear(
            connection, user_id, stream, date(2026, 5, first_day), date(2026, 5, last_day), began
        )

    with database.write() as connection:
        load_failures.record(connection, first, NOW)
        load_failures.record(connection, again, NOW)
        load_failures.record(connection, again, later)
        assert load_failures.open_failures(connection) == [first, again]
        assert load_failures.open_failures(connection, run_id="run 1") == [first]
        row = connection.execute(
            select(record_tables.load_failures).where(record_tables.load_failures.c.run_id == "run 2")
        ).one()
        assert (row.first_failed_at, row.last_failed_at) == (NOW, later)
        clear(connection, 1, 9, later, stream="cycles")
        clear(connection, 1, 9, later, user_id=OTHER)
        clear(connection, 2, 3, later)  # not all of either's days
        clear(connection, 1, 9, NOW - timedelta(seconds=1))  # began before they failed
        assert load_failures.open_failures(connection) == [first, again]
        clear(connection, 1, 3, later)
        assert load_failures.open_failures(connection) == [again]
        clear(connection, 1, 9, later)
        assert load_failures.open_failures(connection) == []


def test_holdings_are_the_span_and_number_of_the_members_cycles(database):
    with database.write([MEMBER]) as connection:
        assert member_store.holdings(connection, MEMBER) == member_store.Holdings(None, None, 0)
        known = [cycle(day, at(day), at(day + 1)) for day in (3, 4, 5)]
        upsert.store(connection, MEMBER, "cycles", known, NOW)
        upsert.delete_confirmed(connection, MEMBER, "cycles", {5: NOW + timedelta(hours=1)}, NOW)
        assert member_store.holdings(connection, MEMBER) == member_store.Holdings(
            date(2026, 5, 3), date(2026, 5, 4), 2
        )
        counts = member_store.row_counts(connection, [MEMBER], "cycles", date(2026, 5, 4), date(2026, 5, 9))
        assert counts == {date(2026, 5, 4): 1}


VALUES = {
    BigInteger: lambda number: number,
    Integer: lambda number: number,
    Double: float,
    Boolean: lambda number: number % 2 == 0,
    Date: lambda number: date(2026, 1, 1) + timedelta(days=number),
    UtcDateTime: lambda number: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
    JsonText: lambda number: "{}",
}


def any_row(table, number, user_id):
    """A row with something in every column."""
    row = {}
    for column in table.c:
        kind = next((kind for kind in VALUES if isinstance(column.type, kind)), None)
        row[column.name] = VALUES[kind](number) if kind else f"x{number}"
    return row | {"user_id": user_id}


def test_erasing_a_member_leaves_no_row_of_theirs_in_any_table_and_every_row_of_others(database):
    personal = [table for table in metadata.sorted_tables if "user_id" in table.c]
    with database.write() as connection:
        for table in personal:
            connection.execute(insert(table), [any_row(table, n, MEMBER) for n in (1, 2)][: rows_of(table)])
            connection.execute(insert(table), any_row(table, 3, OTHER))
        erased = member_store.erase(connection, MEMBER)
        assert erased == sum(rows_of(table) for table in personal)
        for table in personal:
            left = connection.execute(select(table.c.user_id, func.count()).group_by(table.c.user_id))
            assert [tuple(row) for row in left] == [(OTHER, 1)], table.name


def rows_of(table):
    """How many rows one member can have in it."""
    return 1 if [column.name for column in table.primary_key.columns] == ["user_id"] else 2


def test_every_table_about_people_names_them_by_user_id():
    without = {table.name for table in metadata.sorted_tables if "user_id" not in table.c}
    assert without == {
        "export_only_ids",  # they outlast their members, so that no other gets one
        "iceberg_days",
        "invitations",
        "notion_sources",
        "readers",
        "request_allowances",
        "request_gate",
        "request_grants",
        "request_limits",
        "request_waiters",
        "token_key",
    }


def test_the_id_of_a_member_from_an_export_is_never_given_again(database):
    export_only = {"status": member_store.EXPORT_ONLY, "scopes": "", "connected_at": NOW}
    with database.write([member_store.NEWCOMERS]) as connection:
        assert member_store.add_export_only(connection, NOW) == -1
        member_store.erase(connection, -1)
        assert member_store.add_export_only(connection, NOW) == -2
        # A member without a row in the table of given ids counts too.
        connection.execute(insert(member_tables.members), [export_only | {"user_id": -6}])
        assert member_store.add_export_only(connection, NOW) == -7
