"""Operations on members across packages: erase, stored data, ids of members from exports."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from whoop_assets.db.types import ColumnKind, column_kind
from whoop_assets.members import store as member_store
from whoop_assets.members import tables as member_tables
from whoop_assets.records import load_failures, upsert
from whoop_assets.records.record_lookup import row_counts
from whoop_assets.schema import metadata
from whoop_assets.sync.members import membership
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

OTHER = MEMBER + 1


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_connecting_again_deletes_the_members_load_failures(database_url):
    with at_home(database_url, frozen_world(members=1, days=3)) as home:
        failure = load_failures.Failure(home.member, "sleeps", TODAY, TODAY, "the grant ended", False, "run")
        with home.database.write() as connection:
            load_failures.record(connection, failure, home.clock.now())
        home.connect(home.member)
        assert home.rows("load_failures") == {}


def test_stored_data_are_the_first_and_last_day_and_the_number_of_cycles(database):
    with database.write([MEMBER]) as connection:
        assert membership.stored_data(connection, MEMBER) == membership.StoredData(None, None, 0)
        known = [cycle(day, at(day), at(day + 1)) for day in (3, 4, 5)]
        upsert.store(connection, MEMBER, "cycles", known, NOW)
        upsert.delete_confirmed(connection, MEMBER, "cycles", {5: NOW + timedelta(hours=1)}, NOW)
        assert membership.stored_data(connection, MEMBER) == membership.StoredData(
            date(2026, 5, 3), date(2026, 5, 4), 2
        )
        counts = row_counts(connection, [MEMBER], "cycles", date(2026, 5, 4), date(2026, 5, 9))
        assert counts == {date(2026, 5, 4): 1}


VALUES = {
    ColumnKind.BIG_INTEGER: lambda number: number,
    ColumnKind.INTEGER: lambda number: number,
    ColumnKind.DOUBLE: float,
    ColumnKind.BOOLEAN: lambda number: number % 2 == 0,
    ColumnKind.DATE: lambda number: date(2026, 1, 1) + timedelta(days=number),
    ColumnKind.TIME: lambda number: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
    ColumnKind.JSON: lambda number: "{}",
    ColumnKind.TEXT: lambda number: f"x{number}",
}


def any_row(table, number, user_id):
    """A row with something in every column."""
    row = {column.name: VALUES[column_kind(column)](number) for column in table.c}
    return row | {"user_id": user_id}


def test_erasing_a_member_leaves_no_row_of_theirs_in_any_table_and_every_row_of_others(database):
    personal = [table for table in metadata.sorted_tables if "user_id" in table.c]
    with database.write() as connection:
        for table in personal:
            connection.execute(insert(table), [any_row(table, n, MEMBER) for n in (1, 2)][: rows_of(table)])
            connection.execute(insert(table), any_row(table, 3, OTHER))
        erased = membership.erase_member(connection, MEMBER)
        assert erased == sum(rows_of(table) for table in personal)
        for table in personal:
            left = connection.execute(select(table.c.user_id, func.count()).group_by(table.c.user_id))
            assert [tuple(row) for row in left] == [(OTHER, 1)], table.name


def rows_of(table):
    """Return the largest number of rows of one member in the table."""
    return 1 if [column.name for column in table.primary_key.columns] == ["user_id"] else 2


def test_every_table_about_people_names_them_by_user_id():
    without = {table.name for table in metadata.sorted_tables if "user_id" not in table.c}
    assert without == {
        "export_only_ids",  # ids are kept after an erase, so that no other member gets them
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
        assert membership.add_export_only(connection, NOW) == -1
        membership.erase_member(connection, -1)
        assert membership.add_export_only(connection, NOW) == -2
        # A member without a row in the table of given ids counts too.
        connection.execute(insert(member_tables.members), [export_only | {"user_id": -6}])
        assert membership.add_export_only(connection, NOW) == -7
