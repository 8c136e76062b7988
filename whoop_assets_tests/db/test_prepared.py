"""Statements made ready once: they find and change what SQLAlchemy's own way does, on both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import bindparam, delete, insert, select, update

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_rows
from whoop_assets.errors import DatabaseError
from whoop_assets.members.tables import members
from whoop_assets.records.tables import stale_days
from whoop_assets_tests.support.factories import MEMBER, NOW

DAY = date(2026, 5, 3)
DAYS = [DAY + timedelta(days=number) for number in range(4)]
C = stale_days.c

FOUND = Prepared(
    select(C.day, C.generation, C.changed_at.label("since"))
    .where(C.user_id == bindparam("member"), C.day.in_(bindparam("days", expanding=True)), C.generation < 3)
    .order_by(C.day)
)


@pytest.fixture
def filled(database):
    with database.write() as connection:
        rows = [
            {
                "user_id": MEMBER,
                "day": day,
                "generation": number,
                "changed_at": NOW + timedelta(microseconds=number),
            }
            for number, day in enumerate(DAYS)
        ]
        insert_rows(connection, stale_days, rows)
    return database


def left(database):
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(select(C.day, C.generation).order_by(C.day))]


def test_rows_have_names_and_our_values(filled):
    with filled.read() as connection:
        rows = FOUND.rows(connection, member=MEMBER, days=[DAYS[3], DAYS[1], DAYS[0]])
    assert [tuple(row) for row in rows] == [(DAYS[0], 0, NOW), (DAYS[1], 1, NOW + timedelta(microseconds=1))]
    assert (rows[1].day, rows[1].since.tzinfo) == (DAYS[1], UTC)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_a_list_may_have_any_length(filled, count):
    days = [DAY + timedelta(days=number) for number in range(count)]
    with filled.read() as connection:
        assert len(FOUND.rows(connection, member=MEMBER, days=days)) == min(count, 3)


def test_a_row_that_is_not_there_is_none(filled):
    with filled.read() as connection:
        assert FOUND.row(connection, member=MEMBER + 1, days=DAYS) is None
        assert FOUND.row(connection, member=MEMBER, days=DAYS).day == DAY


def test_a_change_says_how_many_rows_it_concerned(filled):
    change = Prepared(
        update(stale_days).where(C.day >= bindparam("from_day")).values(generation=bindparam("number"))
    )
    remove = Prepared(delete(stale_days).where(C.day.in_(bindparam("days", expanding=True))))
    with filled.write() as connection:
        assert change.run(connection, from_day=DAYS[2], number=9) == 2
        assert remove.run(connection, days=[DAYS[0], DAYS[3], DAY - timedelta(days=1)]) == 2
        assert change.run(connection, from_day=DAYS[3], number=9) == 0
    assert left(filled) == [(DAYS[1], 1), (DAYS[2], 9)]


def test_texts_with_marks_of_the_drivers_are_stored_as_they_are(filled):
    tricky = "100 % of a ? and %s, %(day)s, :day, é'"
    named = Prepared(select(members.c.status_reason).where(members.c.status_reason == bindparam("reason")))
    with filled.write() as connection:
        row = {
            "user_id": 1,
            "status": "connected",
            "status_reason": tricky,
            "scopes": "",
            "connected_at": NOW,
        }
        connection.execute(insert(members), row)
        assert named.row(connection, reason=tricky).status_reason == tricky


def test_what_the_database_refuses_is_our_error_and_quotes_nothing(filled):
    with pytest.raises(DatabaseError) as refused, filled.write() as connection:
        Prepared(insert(members).values(user_id=bindparam("who"), status=bindparam("state"))).run(
            connection, who=1, state="a-secret"
        )
    assert "a-secret" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_what_does_not_fit_the_statement_is_refused(filled):
    with filled.read() as connection:
        with pytest.raises(ValueError, match="days must not be empty"):
            FOUND.rows(connection, member=MEMBER, days=[])
        for given in ({"member": MEMBER}, {"member": MEMBER, "days": DAYS, "more": 1}):
            with pytest.raises(TypeError, match="2 parameters"):
                FOUND.rows(connection, **given)
        with pytest.raises(TypeError, match="has a value already"):
            Prepared(select(C.day).where(C.generation == bindparam("number", 3))).rows(connection, number=9)


def test_a_time_without_a_zone_is_refused(filled):
    late = Prepared(select(C.day).where(C.changed_at > bindparam("moment")))
    with filled.read() as connection, pytest.raises(ValueError, match="without a zone"):
        late.rows(connection, moment=datetime(2026, 5, 3))
