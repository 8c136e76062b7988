"""Means, z-scores and usual values, in small examples worked out by hand."""

import math

import pytest

from whoop_assets.summaries.trends.columns import LOAD_ZONES
from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets_tests.summaries.trends.days import (
    USUAL_VALUES,
    daily,
    day,
    frame,
    last_row,
    many,
    night,
    reason,
)


def test_means_and_deviations_of_seven_days():
    row = last_row(many("resting_heart_rate", [90, 50, 52, 54, 50, 52, 54, 52]))
    assert row["resting_heart_rate_mean_7"] == 52
    assert row["resting_heart_rate_sd_7"] == pytest.approx(math.sqrt((4 + 0 + 4 + 4 + 0 + 4 + 0) / 6))
    assert reason(row, "resting_heart_rate_mean_28") == "8 of 14 values"
    assert reason(row, "resting_heart_rate_sd_60") == "8 of 30 values"


def test_missing_days_are_left_out_and_too_few_values_give_a_reason():
    row = last_row(many("respiratory_rate", [15, ..., 15, None, ..., 15, 18]))
    assert row["respiratory_rate_mean_7"] == 15.75
    row = last_row(many("respiratory_rate", [15, ..., None, None, ..., 15, 18]))
    assert reason(row, "respiratory_rate_mean_7") == "3 of 4 values"


def test_the_z_score_excludes_the_day_from_its_baseline():
    before = [50.0, 54.0] * 14  # mean 52, squares 28 x 4 = 112, sd = sqrt(112 / 27)
    row = last_row(many("resting_heart_rate", [*before, 60.0]))
    assert row["resting_heart_rate_z_28"] == pytest.approx(8 / math.sqrt(112 / 27))
    row = last_row(many("resting_heart_rate", [99.0, *before, 60.0]))
    assert row["resting_heart_rate_z_28"] == pytest.approx(8 / math.sqrt(112 / 27))


def test_a_z_score_needs_fourteen_values_a_value_of_the_day_and_a_spread():
    assert (
        reason(last_row(many("resting_heart_rate", [50, 52] * 6 + [50, 60])), "resting_heart_rate_z_28")
        == "13 of 14 values"
    )
    assert last_row(many("resting_heart_rate", [50, 52] * 7 + [60]))["resting_heart_rate_z_28"] > 0
    assert (
        reason(last_row(many("resting_heart_rate", [50, 52] * 7 + [None])), "resting_heart_rate_z_28")
        == "no value on the day"
    )
    assert (
        reason(last_row(many("respiratory_rate", [0.1] * 20)), "respiratory_rate_z_28")
        == "no spread in the window"
    )


def test_the_usual_value_is_the_mean_of_the_28_days_before():
    row = last_row(many("resting_heart_rate", [99.0, *[50.0, 54.0] * 14, None]))
    assert row["resting_heart_rate_usual_mean_28"] == 52
    assert row["resting_heart_rate_usual_sd_28"] == pytest.approx(math.sqrt(112 / 27))
    assert (
        reason(last_row(many("resting_heart_rate", [50.0] * 14)), "resting_heart_rate_usual_mean_28")
        == "13 of 14 values"
    )


def test_the_variability_of_hrv_does_not_depend_on_its_unit_and_needs_five_days():
    values = [math.e**4, math.e**4, math.e**5, math.e**5, math.e**4.5]
    row = last_row(many("hrv_rmssd_milli", values))
    assert row["ln_hrv_rmssd_mean_7"] == pytest.approx(4.5)
    assert row["ln_hrv_rmssd_sd_7"] == pytest.approx(0.5)
    assert row["hrv_cv_7"] == pytest.approx(50)
    seconds = last_row(many("hrv_rmssd_milli", [value / 1000 for value in values]))
    assert seconds["hrv_cv_7"] == pytest.approx(50)
    assert reason(last_row(many("hrv_rmssd_milli", values[:4])), "hrv_cv_7") == "4 of 5 values"


def hrv_after_60_days(week):
    """Return the trends after 60 nights with HRV e^4 and e^4.2 in turn, and the given seven nights."""
    before = [4.0, 4.2] * 30
    return last_row(many("hrv_rmssd_milli", [value and math.exp(value) for value in [*before, *week]]))


@pytest.mark.parametrize(
    ("week", "status"),
    [([4.04] * 7, "below"), ([4.06] * 7, "within"), ([4.14] * 7, "within"), ([4.16] * 7, "above")],
)
def test_hrv_status_compares_the_week_with_the_sixty_days_before_it(week, status):
    row = hrv_after_60_days(week)
    assert row["hrv_status"] == status
    half = 0.5 * math.sqrt(60 * 0.01 / 59)
    assert row["hrv_normal_low_milli"] == pytest.approx(math.exp(4.1 - half))
    assert row["hrv_normal_high_milli"] == pytest.approx(math.exp(4.1 + half))


def test_a_week_of_three_nights_has_a_normal_band_but_no_hrv_status():
    row = hrv_after_60_days([4.0, None, 4.0, None, None, None, 4.0])
    assert reason(row, "hrv_status") == "3 of 4 values"
    assert row["hrv_normal_low_milli"] is not None


def test_a_single_night_has_only_the_measures_of_one_day():
    row = last_row([daily(0, **night(0, -1, 8), hrv_rmssd_milli=60.0, recovery_band="green")])
    known = {name for name, value in row.items() if value is not None} - {
        "user_id",
        "day",
        "is_partial",
        "missing",
    }
    assert known == {
        "mid_sleep_minutes",
        "strain_target_low",
        "strain_target_high",
        "illness_systems_known",
        "green_streak_days",
    }


def test_a_complete_row_has_no_reasons():
    rows = [
        daily(
            n,
            **{name: pair[n % 2] for name, pair in USUAL_VALUES.items()},
            skin_temp_celsius=33 + n % 3 / 10,
            strain=10.0 + n % 3,
            kilojoule=9000.0,
            recovery_score=70.0 + n % 5,
            recovery_band="green",
            user_calibrating=False,
            workout_count=1,
            **dict.fromkeys(LOAD_ZONES, (600 + n % 3) * 1000),
            sleep_duration_minutes=430.0 + n % 4,
            sleep_needed_minutes=480.0,
            sleep_debt_minutes=10.0,
            **night(n, -1, 8),
        )
        for n in range(68)
    ]
    row = last_row(rows)
    assert row["missing"] is None
    assert None not in [value for name, value in row.items() if name != "missing"]


def test_there_is_exactly_one_trend_row_per_daily_row():
    rows = [daily(0), daily(3), daily(1, user_id=2), daily(9)]
    found = trend_rows(frame(rows), day(0), day(5))
    assert [(row["user_id"], row["day"]) for row in found] == [(1, day(0)), (1, day(3)), (2, day(1))]
    assert trend_rows(frame([]), day(0), day(5)) == []
