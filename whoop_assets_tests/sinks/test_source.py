"""A day's mark: another one whenever its rows are others, the same while they are the same."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.sinks import source
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.members import membership
from whoop_assets_tests.support.factories import MEMBER, NOW, at, cycle, undone, workout

OTHER = 20258
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["write", "confirm", "delete", "erase"]),
        st.sampled_from([MEMBER, OTHER]),
        st.integers(1, 6),  # which workout
        st.integers(1, 3),  # on which day it is
        st.sampled_from(["running", "polo"]),
    ),
    max_size=12,
)


@settings(max_examples=20)
@given(changes=CHANGES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_mark_changes_exactly_when_the_rows_do(kind: str, changes, request) -> None:
    database: Database = request.getfixturevalue("a_database")(kind)
    table = TABLES["workout"]
    with undone(database) as connection:
        seen: dict[tuple[date, str], list[dict]] = {}
        now = NOW
        for what, member, number, day, sport in changes:
            now += timedelta(microseconds=1)
            key = f"w{number}-{member}"
            if what == "delete":
                upsert.delete_confirmed(connection, member, "workouts", {key: now}, now)
            elif what == "erase":
                membership.erase_member(connection, member)
            else:
                updated = now if what == "write" else at(1)
                answer = workout(key, at(day, 12), sport_name=sport, updated_at=updated, requested_at=now)
                upsert.store(connection, member, "workouts", [answer], now)
            marks = source.marks(connection, table)
            rows = source.rows(connection, table, list(marks))
            for on, mark in marks.items():
                of_day = [row for row in rows if row["day"] == on]
                assert mark.rows == len(of_day)
                # The same mark of a day never stands for other rows; and other marks not for the same.
                assert seen.setdefault((on, mark.mark), of_day) == of_day
                assert [old for (day, old), held in seen.items() if day == on and held == of_day] == [
                    mark.mark
                ]
            assert source.marks(connection, table, list(marks)) == marks


@pytest.fixture(scope="session")
def a_database(sqlite_template, request, tmp_path_factory):
    """One database of each kind for all examples, which leave nothing behind."""
    opened: dict[str, Database] = {}

    def of(kind: str) -> Database:
        if kind not in opened:
            url = f"sqlite:///{sqlite_template}"
            if kind == "postgresql":
                url = request.getfixturevalue("postgres_server").create(
                    "whoop_marks", template="whoop_template"
                )
            opened[kind] = Database(url)
        return opened[kind]

    yield of
    for database in opened.values():
        database.close()


def test_microseconds_are_counted_on_either_database(database: Database) -> None:
    with undone(database) as connection:
        first = cycle(1, at(1), at(2))
        upsert.store(connection, MEMBER, "cycles", [first], NOW)
        before = source.marks(connection, TABLES["cycles"])
        upsert.store(
            connection, MEMBER, "cycles", [cycle(1, at(1), at(2), strain=3)], NOW + timedelta(microseconds=1)
        )
        after = source.marks(connection, TABLES["cycles"])
    assert before.keys() == after.keys()
    assert before != after
    with undone(database) as connection:
        for number in range(1, 400):  # the sum of many times stays a whole number
            upsert.store(connection, MEMBER, "workouts", [workout(f"w{number}", at(1, 12))], NOW)
        (mark,) = source.marks(connection, TABLES["workout"]).values()
    assert mark.rows == 399
