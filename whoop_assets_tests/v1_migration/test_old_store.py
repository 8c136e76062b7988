"""Rows of an old store."""

from datetime import UTC, datetime

import pytest

from whoop_assets.v1_migration.old_store import ImportStats, parse_ids
from whoop_assets.v1_migration.store import OldId


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"kind": "sleep", "v1_id": "12", "user_id": "7", "start": "2025-07-01T22:00:00.000Z", "end": ""},
            OldId(7, "sleep", 12, None, datetime(2025, 7, 1, 22, tzinfo=UTC)),
        ),
        (
            {"type": "Workouts", "id": 12, "user_id": 7.0, "start_time": datetime(2025, 7, 1)},
            OldId(7, "workout", 12, None, datetime(2025, 7, 1, tzinfo=UTC)),
        ),
        (
            {"stream": "recoveries", "id": "5", "cycle_id": "93845", "sleep_id": "10235", "user_id": "7"},
            OldId(7, "recovery", 93845, 10235),
        ),
        ({"id": "3"}, OldId(1, "sleep", 3)),
        (
            {"id": "3", "kind": "dream", "user_id": "7"},
            "kind: Input should be 'sleep', 'workout' or 'recovery'",
        ),
        (
            {"id": "x3", "user_id": "7"},
            "id: Input should be a valid integer, unable to parse string as an integer",
        ),
        ({"id": str(2**63), "user_id": "7"}, "id: Input should be less than 9223372036854775808"),
        ({"user_id": "7"}, "Value error, v1_id is missing"),
        (
            {"id": "3", "start": "yesterday"},
            "start: Input should be a valid datetime or date, input is too short",
        ),
    ],
)
def test_rows_of_an_old_store_are_parsed_by_column_name(row, expected):
    stats = ImportStats()
    found = list(parse_ids([row], stats, kind="sleep", user_id=1))
    if isinstance(expected, str):
        assert (found, stats.reasons) == ([], [(1, expected)])
    else:
        assert (found, stats.rejected) == ([expected], 0)
