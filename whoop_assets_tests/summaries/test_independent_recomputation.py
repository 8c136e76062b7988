"""Every column of the derived tables is computed a second time, by other algorithms, and compared.

The members are constructed. Generated histories are compared in `test_trends_properties`, `test_weeks`,
`test_daily_properties` and `test_journal`.
"""

from datetime import date, timedelta
from functools import cache

import pytest

from whoop_assets.journal.effects import effect_rows
from whoop_assets.journal.tables import journal_effects
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS, weekly_rows
from whoop_assets_tests.journal.naive_effects import naive_effect_rows
from whoop_assets_tests.summaries.comparison import assert_same_rows, assert_same_trends, reasons
from whoop_assets_tests.summaries.constructed_members import MEMBERS
from whoop_assets_tests.summaries.daily import records as make
from whoop_assets_tests.summaries.daily.naive_daily import naive_daily_rows
from whoop_assets_tests.summaries.naive_weeks import naive_weekly_rows
from whoop_assets_tests.summaries.trends.days import frame
from whoop_assets_tests.summaries.trends.naive_trends import naive_trend_rows


@cache
def naive_trends(name):
    """Return the recomputed trends of a constructed member."""
    days = [row["day"] for row in MEMBERS[name]]
    return naive_trend_rows(MEMBERS[name], min(days), max(days))


def answers_of(name, yes):
    """Return an answer for each day of a member."""
    return [
        {"user_id": 1, "day": row["day"], "question": "Q?", "answered_yes": yes(row["day"].toordinal())}
        for row in MEMBERS[name]
    ]


def outcomes_of(name):
    """Return the outcomes of journal effects by day."""
    outcomes = ("recovery_score", "hrv_rmssd_milli", "resting_heart_rate", "sleep_duration_minutes")
    return {row["day"]: {outcome: row[outcome] for outcome in outcomes} for row in MEMBERS[name]}


RECOMPUTED = {
    "daily_summary": lambda: naive_daily_rows(
        [make.cycle()], [make.sleep(), make.nap()], [make.recovery()], [make.workout()], {}
    ),
    "trends": lambda: [row for name in MEMBERS for row in naive_trends(name)],
    "weekly_summary": lambda: [row for name in MEMBERS for row in naive_weekly_rows(MEMBERS[name])],
    "journal_effects": lambda: [
        *naive_effect_rows(answers_of("complete", lambda n: n % 3 == 0), outcomes_of("complete")),
        *naive_effect_rows(answers_of("one day", lambda _: True), outcomes_of("one day")),
    ],
}


@pytest.mark.parametrize("table", [daily_summary, trends, weekly_summary, journal_effects], ids=str)
def test_each_column_of_the_table_has_an_independent_recomputation(table):
    """A new column needs one; a column that is never known would be compared with nothing."""
    rows = RECOMPUTED[table.name]()
    columns = {column.name for column in table.columns} - {"built_at"}
    assert {name for row in rows for name in row} == columns
    assert {name for name in columns if all(row[name] is None for row in rows)} == set()


@pytest.mark.parametrize("name", MEMBERS)
def test_trends_of_constructed_members_equal_the_recomputation(name):
    days = [row["day"] for row in MEMBERS[name]]
    found = trend_rows(frame(MEMBERS[name], DAILY_READ), min(days), max(days))
    assert_same_trends(found, naive_trends(name))


@pytest.mark.parametrize("name", MEMBERS)
def test_weeks_of_constructed_members_equal_the_recomputation(name):
    found = weekly_rows(frame(MEMBERS[name], DAILY_READ_BY_WEEKS))
    assert_same_rows(found, naive_weekly_rows(MEMBERS[name]), "week_start")


@pytest.mark.parametrize("name", MEMBERS)
def test_journal_effects_of_constructed_members_equal_the_recomputation(name):
    given = answers_of(name, lambda n: n % 3 == 0 or n % 7 == 2), outcomes_of(name)
    assert_same_rows(effect_rows(*given), naive_effect_rows(*given), "outcome", "lag_days")


def test_the_constructed_members_have_every_kind_of_value_and_every_reason():
    """Otherwise a branch of the rules would not be compared."""
    rows = RECOMPUTED["trends"]()
    kinds = {name: {row[name] for row in rows} - {None} for name in rows[0] if name != "missing"}
    assert kinds["hrv_status"] == {"below", "within", "above"}
    assert kinds["timezone_shift_cause"] == {"none", "clock_change", "travel"}
    assert {-180, -720, 540, 60, -60} <= kinds["timezone_shift_minutes"]
    assert kinds["illness_flag"] == {True, False}
    assert kinds["illness_systems"] == {0, 1, 2, 3}
    assert {sign for signs in kinds["illness_signs"] for sign in signs.split(",")} == {
        *("", "resting_heart_rate", "hrv_rmssd_milli", "respiratory_rate", "skin_temp_celsius")
    }
    assert {why for row in rows for why in reasons(row).values()} == {
        "too few values",
        "no value on the day",
        "the day is not finished",
        "no spread in the window",
        "the mean of the window is zero",
        "times scattered around the clock",
        "fewer than 2 systems known",
        "WHOOP calibrates the recovery score",
    }


def test_a_journey_over_the_date_line_and_clock_changes_are_named_as_what_they_are():
    shifts = {
        name: {
            row["day"]: (row["timezone_shift_minutes"], row["timezone_shift_cause"])
            for row in naive_trends(name)
            if row["timezone_shift_minutes"]
        }
        for name in MEMBERS
        if name == "travel" or name.startswith("clocks")
    }
    arrival = date(2026, 1, 1) + timedelta(days=40)
    assert shifts["travel"][arrival] == (-180, "travel")
    assert set(shifts["clocks of New York in spring"].values()) == {(60, "clock_change")}
    assert set(shifts["clocks of Berlin in autumn"].values()) == {(-60, "clock_change")}
    # In a longer gap there may have been a flight.
    assert set(shifts["clocks of New York in a gap of five days"].values()) == {(60, "travel")}
