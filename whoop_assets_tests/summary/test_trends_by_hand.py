"""Each trend by a small example that is worked out by hand."""

import json
import math

import pytest

from whoop_assets.summary.trends import trend_rows
from whoop_assets_tests.summary.days import daily, day, frame, many, night


def last_row(rows):
    """The trends of the last of these days."""
    newest = max(row["day"] for row in rows)
    (row,) = trend_rows(frame(rows), newest, newest)
    return row


def reason(row, measure):
    assert row[measure] is None
    return json.loads(row["missing"])[measure]


def test_means_and_deviations_of_seven_days():
    row = last_row(many("resting_heart_rate", [90, 50, 52, 54, 50, 52, 54, 52]))
    assert row["resting_heart_rate_mean_7"] == 52
    assert row["resting_heart_rate_sd_7"] == pytest.approx(math.sqrt((4 + 0 + 4 + 4 + 0 + 4 + 0) / 6))
    assert reason(row, "resting_heart_rate_mean_28") == "8 of 14 values"
    assert reason(row, "resting_heart_rate_sd_60") == "8 of 30 values"


def test_a_missing_day_is_no_zero_and_too_few_days_are_named():
    row = last_row(many("respiratory_rate", [15, ..., 15, None, ..., 15, 18]))
    assert row["respiratory_rate_mean_7"] == 15.75
    row = last_row(many("respiratory_rate", [15, ..., None, None, ..., 15, 18]))
    assert reason(row, "respiratory_rate_mean_7") == "3 of 4 values"


def test_the_z_score_leaves_the_day_itself_out():
    before = [50.0, 54.0] * 14  # mean 52, squares 28 x 4 = 112, sd = sqrt(112 / 27)
    row = last_row(many("resting_heart_rate", [*before, 60.0]))
    assert row["resting_heart_rate_z_28"] == pytest.approx(8 / math.sqrt(112 / 27))
    row = last_row(many("resting_heart_rate", [99.0, *before, 60.0]))
    assert row["resting_heart_rate_z_28"] == pytest.approx(8 / math.sqrt(112 / 27))


def test_a_z_score_wants_fourteen_values_a_value_of_its_own_and_a_spread():
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


def test_hrv_is_also_followed_as_its_logarithm_with_both_variabilities():
    row = last_row(many("hrv_rmssd_milli", [math.e**4, math.e**4, math.e**5, math.e**5]))
    assert row["ln_hrv_rmssd_mean_7"] == pytest.approx(4.5)
    assert row["ln_hrv_rmssd_sd_7"] == pytest.approx(math.sqrt(1 / 3))
    assert row["ln_hrv_rmssd_cv_7"] == pytest.approx(100 * math.sqrt(1 / 3) / 4.5)
    a, b = math.e**4, math.e**5
    assert row["hrv_rmssd_milli_cv_7"] == pytest.approx(100 * (b - a) * math.sqrt(1 / 3) / ((a + b) / 2))


def test_the_coupled_ratio_has_the_week_in_the_month():
    row = last_row(many("strain", [8.0] * 21 + [12.0] * 7))
    assert row["acwr_coupled_7_28"] == pytest.approx(12 / 9)


def test_the_exponentially_weighted_ratio_weighs_by_age_and_gaps_keep_it():
    values = [10.0] * 20 + [...] * 3 + [16.0] * 4
    row = last_row(many("strain", values))

    def weighted(share):
        weights = [(1 - share) ** age for age in (0, 1, 2, 3)], [(1 - share) ** age for age in range(7, 27)]
        return (16 * sum(weights[0]) + 10 * sum(weights[1])) / (sum(weights[0]) + sum(weights[1]))

    assert row["acwr_ewma_7_28"] == pytest.approx(weighted(2 / 8) / weighted(2 / 29))


def test_constant_load_has_ratios_of_one_and_no_monotony():
    row = last_row(many("strain", [10.1] * 60))
    assert row["acwr_coupled_7_28"] == pytest.approx(1)
    assert row["acwr_ewma_7_28"] == pytest.approx(1)
    assert reason(row, "training_monotony_7") == "no spread in the window"
    assert reason(row, "training_strain_7") == "no spread in the window"


def test_a_ratio_wants_a_recent_load_too():
    row = last_row([*many("strain", [10.0, 12.0] * 11), daily(27, strain=10.0)])
    assert reason(row, "acwr_coupled_7_28") == "2 of 4 values"
    assert reason(row, "acwr_ewma_7_28") == "2 of 4 values"


def test_monotony_and_training_strain():
    row = last_row(many("strain", [14.0, 6.0, 14.0, 6.0, 14.0, 6.0, 10.0]))
    spread = math.sqrt(96 / 6)
    assert row["training_monotony_7"] == pytest.approx(10 / spread)
    assert row["training_strain_7"] == pytest.approx(70 * 10 / spread)


def test_the_week_of_a_missing_day_carries_the_mean_of_the_others():
    row = last_row(many("strain", [14.0, 6.0, ..., 14.0, 6.0, 14.0, 6.0]))
    assert row["training_strain_7"] == pytest.approx(70 * 10 / math.sqrt(96 / 5))


def test_the_passing_strain_of_the_open_day_is_not_looked_at():
    finished = many("strain", [14.0, 6.0] * 14)
    row = last_row([*finished, daily(28, strain=2.0, is_partial=True)])
    assert row["strain_mean_7"] == pytest.approx((14 + 6) / 2)
    assert reason(row, "strain_z_28") == "the day is not finished"
    assert row["acwr_coupled_7_28"] is not None
    again = last_row([*finished, daily(28, strain=9.0, is_partial=True)])
    assert again == row
    assert last_row([*finished, daily(28, strain=9.0)])["strain_z_28"] is not None


def test_a_cycle_of_nothing_but_zeros_is_not_a_rest_day():
    assert last_row(many("strain", [10.0] * 6 + [0.0], kilojoule=0.0))["strain_mean_7"] == 10
    resting = last_row(many("strain", [10.0] * 6 + [0.0], kilojoule=6000.0))
    assert resting["strain_mean_7"] == pytest.approx(60 / 7)


def test_sleep_debt_does_not_count_whoops_own_debt_twice():
    nights = [
        daily(n, sleep_needed_minutes=500.0, sleep_debt_minutes=20.0, sleep_duration_minutes=slept)
        for n, slept in enumerate([420.0] * 13 + [540.0])
    ]
    row = last_row(nights)
    assert row["sleep_debt_7_minutes"] == pytest.approx(6 * 60 - 60)
    assert row["sleep_debt_14_minutes"] == pytest.approx(13 * 60 - 60)
    nights[9]["sleep_duration_minutes"] = None
    assert last_row(nights)["sleep_debt_7_minutes"] == pytest.approx((5 * 60 - 60) / 6 * 7)


def test_bed_times_on_both_sides_of_midnight_have_their_mean_at_midnight():
    nights = [daily(n, **night(n, bed=(-1 if n % 2 else 1), hours=8)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=1.5, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(90)
    assert row["wake_time_deviation_minutes"] == pytest.approx(30)
    row = last_row([*nights, daily(28, **night(28, bed=-2, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(-120)


def test_a_night_shift_deviates_no_more_than_anybody():
    nights = [daily(n, **night(n, bed=9, hours=7)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=9.5, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(30)


def test_who_sleeps_at_two_times_twelve_hours_apart_has_no_usual_one():
    nights = [daily(n, **night(n, bed=(9 if n % 2 else 21), hours=7)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=9, hours=7))])
    assert reason(row, "bed_time_deviation_minutes") == "times scattered around the clock"


def test_a_flight_shifts_the_zone_and_not_the_bed_time():
    nights = [daily(n, **night(n, bed=-1, hours=8, offset="-05:00", minutes=-300)) for n in range(28)]
    abroad = [daily(n, **night(n, bed=-1, hours=8, offset="+09:00", minutes=540)) for n in range(28, 43)]
    there = last_row([*nights, abroad[0]])
    assert there["timezone_shift_minutes"] == 14 * 60
    assert there["bed_time_deviation_minutes"] == pytest.approx(0, abs=1e-9)
    assert last_row([*nights, *abroad[:14]])["timezone_shift_minutes"] == 14 * 60
    assert last_row([*nights, *abroad])["timezone_shift_minutes"] == 14 * 60
    assert (
        last_row([*nights, *abroad, daily(43, **night(43, -1, 8, "+09:00", 540))])["timezone_shift_minutes"]
        == 0
    )


@pytest.mark.parametrize(
    ("band", "low", "high"), [("green", 14, 18), ("yellow", 10, 14), ("red", 0, 10), (None, None, None)]
)
def test_the_strain_to_aim_at_follows_the_recovery(band, low, high):
    row = last_row([daily(0, recovery_band=band)])
    assert (row["strain_target_low"], row["strain_target_high"]) == (low, high)


QUIET = {"resting_heart_rate": (50, 52), "hrv_rmssd_milli": (60, 64), "respiratory_rate": (14.8, 15.2)}


def a_month_and(**today):
    rows = [daily(n, **{name: pair[n % 2] for name, pair in QUIET.items()}) for n in range(28)]
    return last_row([*rows, daily(28, **{name: pair[0] for name, pair in QUIET.items()} | today)])


def test_one_signal_is_no_illness_and_two_are():
    row = a_month_and(resting_heart_rate=60)
    assert (row["illness_signal_count"], row["illness_signals_known"]) == (1, 3)
    assert (row["illness_signals"], row["illness_flag"]) == ("resting_heart_rate", False)
    row = a_month_and(resting_heart_rate=60, hrv_rmssd_milli=40, respiratory_rate=14.0)
    assert (row["illness_signal_count"], row["illness_flag"]) == (2, True)
    assert row["illness_signals"] == "resting_heart_rate,hrv_rmssd_milli"
    row = a_month_and()
    assert (row["illness_signal_count"], row["illness_signals"], row["illness_flag"]) == (0, "", False)


def test_with_one_signal_that_can_be_told_nobody_is_called_well():
    row = a_month_and(resting_heart_rate=60, hrv_rmssd_milli=None, respiratory_rate=None)
    assert row["illness_signals_known"] == 1
    assert reason(row, "illness_flag") == "fewer than 2 signals known"
    assert row["illness_signals"] is None


def test_green_days_in_a_row():
    def streak(*bands):
        return last_row(many("recovery_band", bands))["green_streak_days"]

    assert streak("green", "yellow", "green", "green") == 2
    assert streak("green", "green", "red") == 0
    assert streak("green", "green", None) is None
    assert streak("green", None, "green") == 1
    assert streak("green", ..., "green") == 1
    assert streak(*["green"] * 70) == 60


def test_a_row_that_lacks_nothing_gives_no_reasons():
    rows = [
        daily(
            n,
            **{name: pair[n % 2] for name, pair in QUIET.items()},
            skin_temp_celsius=33 + n % 3 / 10,
            strain=10.0 + n % 3,
            kilojoule=9000.0,
            recovery_band="green",
            sleep_duration_minutes=430.0 + n % 4,
            sleep_needed_minutes=480.0,
            sleep_debt_minutes=10.0,
            **night(n, -1, 8),
        )
        for n in range(61)
    ]
    row = last_row(rows)
    assert row["missing"] is None
    assert None not in [value for name, value in row.items() if name != "missing"]


def test_there_is_a_row_for_each_daily_row_and_no_other():
    rows = [daily(0), daily(3), daily(1, user_id=2), daily(9)]
    found = trend_rows(frame(rows), day(0), day(5))
    assert [(row["user_id"], row["day"]) for row in found] == [(1, day(0)), (1, day(3)), (2, day(1))]
    assert trend_rows(frame([]), day(0), day(5)) == []
