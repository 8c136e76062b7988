"""`WhoopResource.frame`: a range of days of a table in pandas."""

import json
from datetime import date, timedelta

import pandas as pd
import pytest

from whoop_assets import WhoopResource
from whoop_assets.errors import UnknownTable
from whoop_assets.sinks.source import PLAIN
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.marks import slow

FIRST, LAST = TODAY - timedelta(days=4), TODAY


@pytest.mark.parametrize("kind", ["sqlite", *slow("postgres")])
def test_a_frame_contains_the_requested_days_and_members_with_the_tables_types(project, kind):
    with project(kind=kind, members=2, days=8) as p:
        assert p.run(FIRST - timedelta(days=2), LAST).success
        whoop = WhoopResource()
        frame = whoop.frame("daily_summary", FIRST, LAST.isoformat())
        rows = p.home.rows("daily_summary").values()
        one_member = WhoopResource(members=[int(frame.user_id.max())]).frame("cycles", FIRST, LAST)
    expected = [row for row in rows if FIRST <= row["day"] <= LAST]
    assert len(frame) == len(expected) > 4
    assert frame.user_id.nunique() == 2
    assert one_member.user_id.nunique() == 1
    assert frame.dtypes["user_id"] == "Int64"
    assert frame.dtypes["strain"] == "float64"
    assert frame.dtypes["is_partial"] == "boolean"
    assert frame.dtypes["day"] == "datetime64[us]"
    assert one_member.dtypes["start_time"] == "datetime64[us, UTC]"
    assert one_member.dtypes["score_state"] == "str"
    assert {json.loads(payload)["score_state"] for payload in one_member.payload} <= {
        "SCORED",
        "PENDING_SCORE",
    }
    by_day = frame.set_index(["user_id", "day"]).sort_index()
    for row in expected:
        found = by_day.loc[(row["user_id"], pd.Timestamp(row["day"]))]
        assert (None if pd.isna(found.strain) else found.strain) == row["strain"]
        assert (None if pd.isna(found.workout_count) else found.workout_count) == row["workout_count"]


@pytest.mark.parametrize("table", PLAIN)
def test_a_frame_without_rows_has_the_same_types(project, table):
    with project(days=1):
        frame = WhoopResource().frame(table, date(2001, 1, 1), date(2001, 1, 31))
    assert frame.empty
    assert frame.dtypes["user_id"] == "Int64"


def test_an_unknown_table_is_rejected_with_the_known_ones(project):
    with project(days=1), pytest.raises(UnknownTable, match=r"no table tokens.*daily_summary"):
        WhoopResource().frame("tokens", FIRST, LAST)
