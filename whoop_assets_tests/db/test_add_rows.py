"""Bulk INSERT and COPY store every value unchanged."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from whoop_assets.db.statements import MIN_COPY_ROWS, add_rows
from whoop_assets.errors import DatabaseError
from whoop_assets.summaries.tables import trends

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def rows(count):
    special = ['{"strain_mean_7": "3 of 4 values"}', "tab\t, line\n, return\r, \\N and \\", "", None, "ü€\\t"]
    return [
        {
            "user_id": 2**40 + n,
            "day": date(2026, 1, 1),
            "is_partial": n % 2 == 0,
            "missing": special[n % len(special)],
            "strain_mean_7": [0.1 + 0.2, 1e-300, None, -0.0, 1 / 3][n % 5],
            "green_streak_days": n,
            "built_at": NOW.astimezone(timezone(timedelta(hours=n % 5))),
        }
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, MIN_COPY_ROWS - 1, MIN_COPY_ROWS, 12_000])
def test_every_value_is_stored_unchanged(database, count):
    inserted = rows(count)
    with database.write() as connection:
        add_rows(connection, trends, inserted)
    columns = [trends.c[name] for name in rows(1)[0]]
    with database.read() as connection:
        stored = [
            dict(row) for row in connection.execute(select(*columns).order_by(trends.c.user_id)).mappings()
        ]
    assert stored == inserted
    assert all(type(row["is_partial"]) is bool for row in stored)


def test_a_rejected_row_undoes_the_whole_insert_and_is_not_quoted(database):
    given = rows(MIN_COPY_ROWS)
    given[-1] = dict(given[0], missing="secret")
    with pytest.raises(DatabaseError) as error, database.write() as connection:
        add_rows(connection, trends, given)
    assert "secret" not in str(error.value)
    assert str(given[0]["user_id"]) not in str(error.value)
    assert error.value.__cause__ is None
    with database.read() as connection:
        assert connection.execute(select(trends)).all() == []


def test_a_time_without_a_time_zone_is_an_error(database):
    given = [dict(row, built_at=datetime(2026, 1, 1)) for row in rows(MIN_COPY_ROWS)]
    with pytest.raises((ValueError, StatementError), match="without a zone"), database.write() as connection:
        add_rows(connection, trends, given)
