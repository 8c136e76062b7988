"""Rows of an old store."""

from datetime import UTC, datetime

import pytest

from whoop_assets.v1_migration.old_store import ImportStats, read_ids
from whoop_assets.v1_migration.store import OldId

START = datetime(2025, 7, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("sleep,12,7,2025-07-01T22:00:00.000Z,,", OldId(7, "sleep", 12, START)),
        (
            "workout,12,7,2025-07-01 22:00:00+00:00,2025-07-02T00:00:00+02:00,",
            OldId(7, "workout", 12, START, START),
        ),
        ("recovery,93845,7,,,note", OldId(7, "recovery", 93845)),
        ("dream,3,7,,,", "row 1: kind: Input should be 'sleep', 'workout' or 'recovery'"),
        (
            "sleep,x3,7,,,",
            "row 1: v1_id: Input should be a valid integer, unable to parse string as an integer",
        ),
        (f"sleep,{2**63},7,,,", "row 1: v1_id: Input should be less than 9223372036854775808"),
        ("sleep,,7,,,", "row 1: v1_id: Field required"),
        ("sleep,3,7,2025-07-01T22:00:00,,", "row 1: start_time: Input should have timezone info"),
        (
            "sleep,3,7,yesterday,,",
            "row 1: start_time: Input should be a valid datetime or date, input is too short",
        ),
        ("sleep,3,7,,,note,more", OldId(7, "sleep", 3)),
    ],
)
def test_rows_of_an_old_store_are_parsed_by_column_name(tmp_path, row, expected):
    (tmp_path / "old.csv").write_text(f"kind,v1_id,user_id,start_time,end_time,note\n{row}\n")
    stats = ImportStats()
    found = list(read_ids(tmp_path / "old.csv", stats))
    assert stats.rows == 1
    if isinstance(expected, str):
        assert (found, stats.rejected) == ([], [expected])
    else:
        assert (found, stats.rejected) == ([expected], [])
