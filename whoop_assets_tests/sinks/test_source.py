"""The checksum of a day changes if, and only if, its rows change."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.sinks import source
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.members import membership
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle, rolled_back, workout
from whoop_assets_tests.support.marks import slow

OTHER = 20258
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["write", "confirm", "delete", "erase"]),
        st.sampled_from([MEMBER, OTHER]),
        st.integers(1, 6),  # number of the workout
        st.integers(1, 3),  # its day
        st.sampled_from(["running", "polo"]),
    ),
    max_size=12,
)


@settings(max_examples=20)
@given(changes=CHANGES)
@pytest.mark.parametrize("kind", ["sqlite", *slow("postgresql")])
def test_a_checksum_changes_exactly_if_the_rows_change(kind: str, changes, request) -> None:
    database: Database = request.getfixturevalue("a_database")(kind)
    table = TABLES["workout"]
    with rolled_back(database) as connection:
        seen: dict[tuple[date, str], list[dict]] = {}
        now = NOW
        for change, member, number, day, sport in changes:
            now += timedelta(microseconds=1)
            key = f"w{number}-{member}"
            if change == "delete":
                upsert.delete_confirmed(connection, member, "workouts", {key: now}, now)
            elif change == "erase":
                membership.erase_member(connection, member)
            else:
                updated = now if change == "write" else at(1)
                record = workout(key, at(day, 12), sport_name=sport, updated_at=updated, requested_at=now)
                upsert.store(connection, member, "workouts", [record], now)
            checksums = source.marks(connection, table)
            rows = source.rows(connection, table, list(checksums))
            for on, checksum in checksums.items():
                of_day = [row for row in rows if row["day"] == on]
                assert checksum.rows == len(of_day)
                # Equal checksums of a day have equal rows, and equal rows have equal checksums.
                assert seen.setdefault((on, checksum.mark), of_day) == of_day
                assert [old for (day, old), rows in seen.items() if day == on and rows == of_day] == [
                    checksum.mark
                ]
            assert source.marks(connection, table, list(checksums)) == checksums


@pytest.fixture(scope="session")
def a_database(sqlite_template, request, tmp_path_factory):
    """One database of each kind for all examples; each example is rolled back."""
    databases: dict[str, Database] = {}

    def database_of(kind: str) -> Database:
        if kind not in databases:
            url = f"sqlite:///{sqlite_template}"
            if kind == "postgresql":
                url = request.getfixturevalue("postgres_server").create(
                    "whoop_marks", template="whoop_template"
                )
            databases[kind] = Database(url)
        return databases[kind]

    yield database_of
    for database in databases.values():
        database.close()


def test_a_change_one_microsecond_later_changes_the_checksum(database: Database) -> None:
    with rolled_back(database) as connection:
        first = cycle(1, at(1), at(2))
        upsert.store(connection, MEMBER, "cycles", [first], NOW)
        before = source.marks(connection, TABLES["cycles"])
        upsert.store(
            connection, MEMBER, "cycles", [cycle(1, at(1), at(2), strain=3)], NOW + timedelta(microseconds=1)
        )
        after = source.marks(connection, TABLES["cycles"])
    assert before.keys() == after.keys()
    assert before != after
    with rolled_back(database) as connection:
        for number in range(1, 400):  # the sum of many times must stay exact
            upsert.store(connection, MEMBER, "workouts", [workout(f"w{number}", at(1, 12))], NOW)
        (checksum,) = source.marks(connection, TABLES["workout"]).values()
    assert checksum.rows == 399
