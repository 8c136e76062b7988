"""The SQL of the pages, on both kinds of database in the fast tests too."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert

from whoop_assets.db.database import Database
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.members.tables import members
from whoop_assets.records import upsert
from whoop_assets.records.tables import coverage
from whoop_assets.web.pages.download import ROWS_PER_CHUNK, zip_of
from whoop_assets.web.pages.queries import connection_state, team
from whoop_assets.web.pages.team import team_row
from whoop_assets_tests.support.data.daily_rows import daily_row, store
from whoop_assets_tests.support.data.factories import workout
from whoop_assets_tests.support.fixed_time import NOW, TODAY

ONE_DAY = timedelta(days=1)
ME, OTHER = 10129, 20258
NOBODY: dict[str, str | None] = {"email": None, "first_name": None, "last_name": None}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def connect(database: Database, *user_ids: int) -> None:
    with database.write() as connection:
        for user_id in user_ids:
            member_store.connect(connection, user_id, ["offline", "read:cycles"], NOBODY, NOW)


def test_the_team_is_one_query_for_five_hundred_members(database: Database) -> None:
    user_ids = range(1, 501)
    with database.write() as connection:
        rows = [{"user_id": n, "status": "connected", "scopes": "", "connected_at": NOW} for n in user_ids]
        connection.execute(insert(members), rows)
    store(database, [daily_row(n, TODAY - back * ONE_DAY) for n in user_ids for back in range(2)])
    statements: list[str] = []
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        found = team(connection, NOW)
    assert len(statements) == 1
    assert [one.user_id for one in found] == list(user_ids)
    assert all(one.today is not None and one.yesterday is not None for one in found)


def test_the_team_has_the_newest_time_at_which_any_stream_was_read(database: Database) -> None:
    connect(database, ME, OTHER)
    read = [NOW - timedelta(hours=hours) for hours in (5, 2, 9)]
    with database.write() as connection:
        rows = [
            {"user_id": ME, "stream": stream, "start_time": NOW - ONE_DAY, "end_time": NOW, "read_at": at}
            for stream, at in zip(("cycles", "sleeps", "workouts"), read, strict=True)
        ]
        connection.execute(insert(coverage), rows)
    with database.read() as connection:
        found = {one.user_id: one.read_at for one in team(connection, NOW)}
        state = connection_state(connection, ME)
    assert found == {ME: max(read), OTHER: None}
    assert state is not None
    assert state.last_read_at == max(read)


def test_a_low_recovery_needs_no_attention_while_whoop_calibrates(database: Database) -> None:
    connect(database, ME, OTHER)
    for user_id in (ME, OTHER):
        row = daily_row(user_id, TODAY, recovery_band="red", user_calibrating=user_id == ME)
        store(database, [row])
    with database.read() as connection:
        attention = {one.user_id: team_row(one, NOW).attention for one in team(connection, NOW)}
    assert {user_id: "low recovery" in reasons for user_id, reasons in attention.items()} == {
        ME: False,
        OTHER: True,
    }


def test_a_member_without_a_cycle_today_keeps_the_offset_of_the_newest_cycle(database: Database) -> None:
    """At 20:00 UTC it is tomorrow in Kiribati."""
    connect(database, ME)
    evening = NOW.replace(hour=20)
    tomorrow = evening.date() + ONE_DAY
    rows = [
        daily_row(ME, tomorrow - ONE_DAY, timezone_offset="+14:00"),
        daily_row(ME, tomorrow, timezone_offset=None),
    ]
    store(database, rows)
    with database.read() as connection:
        (found,) = team(connection, evening)
    assert found.today is not None
    assert found.today.day == tomorrow


def test_a_download_of_many_pieces_has_every_row_once_and_in_order(database: Database) -> None:
    connect(database, ME, OTHER)
    count = 2 * ROWS_PER_CHUNK + 1
    first = datetime(2020, 1, 1, tzinfo=UTC).date()
    store(database, [daily_row(ME, first + place * ONE_DAY) for place in range(count)])
    store(database, [daily_row(OTHER, first)])
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_of(database, ME))))
    rows = list(csv.DictReader(io.StringIO(archive.read("daily_summary.csv").decode())))
    assert [row["day"] for row in rows] == [str(first + place * ONE_DAY) for place in range(count)]
    assert {row["user_id"] for row in rows} == {str(ME)}


def test_a_download_has_json_as_whoop_sent_it(database: Database) -> None:
    connect(database, ME)
    record = workout("w1", NOW)
    with database.write([ME]) as connection:
        upsert.store(connection, ME, "workouts", [record], NOW)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_of(database, ME))))
    for table in ("workouts", "record_versions"):
        (row,) = csv.DictReader(io.StringIO(archive.read(f"{table}.csv").decode()))
        assert row["payload"] == record.fields["payload"]


def test_a_form_is_recorded_once_and_again_after_it_is_withdrawn(database: Database) -> None:
    connect(database, ME, OTHER)
    with database.write() as connection:
        assert sessions.record(connection, ME, "member", "read now", NOW, "form")
        assert not sessions.record(connection, ME, "member", "read now", NOW, "form")
        assert sessions.record(connection, ME, "member", "force sync", NOW, "form")
        assert sessions.record(connection, OTHER, "member", "read now", NOW, "form")
        sessions.withdraw(connection, ME, "read now", "form")
        assert sessions.record(connection, ME, "member", "read now", NOW, "form")


def test_a_session_a_link_and_an_attempt_end_at_their_time_and_with_their_use(database: Database) -> None:
    connect(database, ME)
    with database.write() as connection:
        token = sessions.begin(connection, ME, NOW)
        expired = NOW + sessions.SESSION_LIFETIME
        assert sessions.find(connection, token, expired - timedelta(seconds=1)) is not None
        assert sessions.find(connection, token, expired) is None
        link = sessions.make_link(connection, ME, NOW, timedelta(hours=1))
        assert sessions.use_link(connection, link, NOW) == ME
        assert sessions.use_link(connection, link, NOW) is None
        late = sessions.make_link(connection, ME, NOW, timedelta(hours=1))
        assert sessions.use_link(connection, late, NOW + timedelta(hours=1)) is None
        sessions.begin_attempt(connection, "a-state", ME, NOW)
        assert sessions.finish_attempt(connection, "a-state", NOW) == sessions.Attempt(ME)
        assert sessions.finish_attempt(connection, "a-state", NOW) is None
