"""Training load, strain target, illness flag and streaks, in small examples worked out by hand."""

import statistics

import pytest

from whoop_assets.summaries.trends.columns import LOAD_ZONES
from whoop_assets_tests.summaries.trends.days import USUAL_VALUES, daily, last_row, many, reason


def training_days(minutes, **columns):
    """Return finished days with minutes in zone 2; None means a rest day, `...` a day without a row."""
    rows = []
    for n, value in enumerate(minutes):
        if value is not ...:
            milli = dict.fromkeys(LOAD_ZONES, None if value is None else 0)
            if value is not None:
                milli["zone_two_milli"] = value * 60_000
            rows.append(
                daily(n, strain=10.0, kilojoule=9e3, workout_count=int(value is not None), **milli, **columns)
            )
    return rows


def test_training_load_is_the_sum_of_minutes_times_zone_number():
    milli = {zone: n * 60_000 for zone, n in zip(LOAD_ZONES, (10, 20, 30, 4, 1), strict=True)}
    day_of_sport = {"strain": 12.0, "kilojoule": 9e3, "workout_count": 2, **milli}
    assert last_row([daily(0, **day_of_sport)])["training_load"] == 10 + 40 + 90 + 16 + 5
    assert last_row([daily(0, **day_of_sport | {"workout_count": 0})])["training_load"] == 0
    unknown = (
        {"strain": None},  # the strap was not worn
        {"is_partial": True},  # there may be a workout to come
        {"workout_count": None, "zone_two_milli": None},  # workouts were not read
        {"zone_two_milli": None},  # no workout of the day is scored
    )
    for changes in unknown:
        assert (
            reason(last_row([daily(0, **day_of_sport | changes)]), "training_load") == "no value on the day"
        )


def test_the_windows_of_the_load_ratio_do_not_overlap():
    row = last_row(training_days([30] * 21 + [45] * 7))
    assert row["training_load_ratio_7_21"] == pytest.approx(1.5)
    assert row["training_load_mean_7"] == 90
    assert row["training_load_mean_28"] == pytest.approx((21 * 60 + 7 * 90) / 28)
    assert (
        reason(last_row(training_days([30] * 10 + [45] * 7)), "training_load_ratio_7_21") == "10 of 11 values"
    )
    assert (
        reason(last_row(training_days([30] * 21 + [...] * 4 + [45] * 3)), "training_load_ratio_7_21")
        == "3 of 4 values"
    )
    assert (
        reason(last_row(training_days([None] * 21 + [45] * 7)), "training_load_ratio_7_21")
        == "the mean of the window is zero"
    )


def test_monotony_and_fosters_strain_need_all_seven_days_including_rest_days():
    row = last_row(training_days([60, None, 60, None, 60, None, 60]))
    loads = [120, 0, 120, 0, 120, 0, 120]
    monotony = statistics.mean(loads) / statistics.stdev(loads)
    assert row["training_load_monotony_7"] == pytest.approx(monotony)
    assert row["training_load_foster_strain_7"] == pytest.approx(480 * monotony)
    row = last_row(training_days([60, None, 60, ..., 60, None, 60]))
    assert reason(row, "training_load_monotony_7") == "6 of 7 values"
    assert reason(last_row(training_days([60] * 7)), "training_load_monotony_7") == "no spread in the window"


def test_the_strain_of_an_open_day_is_ignored():
    finished = many("strain", [14.0, 6.0] * 14)
    row = last_row([*finished, daily(28, strain=2.0, is_partial=True)])
    assert row["strain_mean_7"] == pytest.approx((14 + 6) / 2)
    assert reason(row, "strain_z_28") == "the day is not finished"
    again = last_row([*finished, daily(28, strain=9.0, is_partial=True)])
    assert again == row
    assert last_row([*finished, daily(28, strain=9.0)])["strain_z_28"] is not None


def test_a_cycle_with_zeros_only_is_not_a_rest_day():
    assert last_row(many("strain", [10.0] * 6 + [0.0], kilojoule=0.0))["strain_mean_7"] == 10
    resting = last_row(many("strain", [10.0] * 6 + [0.0], kilojoule=6000.0))
    assert resting["strain_mean_7"] == pytest.approx(60 / 7)


@pytest.mark.parametrize(
    ("band", "low", "high"), [("green", 14, 18), ("yellow", 10, 14), ("red", 0, 10), (None, None, None)]
)
def test_the_strain_target_depends_on_the_recovery(band, low, high):
    row = last_row([daily(0, recovery_band=band)])
    assert (row["strain_target_low"], row["strain_target_high"]) == (low, high)


def month_and_today(**today):
    rows = [daily(n, **{name: pair[n % 2] for name, pair in USUAL_VALUES.items()}) for n in range(28)]
    return last_row([*rows, daily(28, **{name: pair[0] for name, pair in USUAL_VALUES.items()} | today)])


def test_heart_rate_and_hrv_are_one_system_and_a_second_system_raises_the_flag():
    row = month_and_today(resting_heart_rate=60)
    assert (row["illness_systems"], row["illness_systems_known"]) == (1, 2)
    assert (row["illness_signs"], row["illness_flag"]) == ("resting_heart_rate", False)
    row = month_and_today(resting_heart_rate=60, hrv_rmssd_milli=40)
    assert (row["illness_systems"], row["illness_flag"]) == (1, False)
    assert row["illness_signs"] == "resting_heart_rate,hrv_rmssd_milli"
    row = month_and_today(hrv_rmssd_milli=40, respiratory_rate=16.5)
    assert (row["illness_systems"], row["illness_flag"]) == (2, True)
    assert row["illness_signs"] == "hrv_rmssd_milli,respiratory_rate"
    row = month_and_today()
    assert (row["illness_systems"], row["illness_signs"], row["illness_flag"]) == (0, "", False)


def test_with_one_known_system_there_is_no_illness_flag():
    row = month_and_today(resting_heart_rate=60, respiratory_rate=None)
    assert row["illness_systems_known"] == 1
    assert reason(row, "illness_flag") == "fewer than 2 systems known"
    assert row["illness_signs"] is None


def test_recoveries_of_whoops_calibration_give_no_target_no_streak_and_no_usual_score():
    bands = [daily(n, recovery_score=90.0, recovery_band="green", user_calibrating=n < 3) for n in range(17)]
    third = last_row(bands[:3])
    for name in ("strain_target_low", "strain_target_high", "green_streak_days", "recovery_score_z_28"):
        assert reason(third, name) == "WHOOP calibrates the recovery score"
    assert last_row(bands[:4])["green_streak_days"] == 1
    assert reason(last_row(bands), "recovery_score_usual_mean_28") == "13 of 14 values"


def test_green_days_in_a_row():
    def streak(*bands):
        return last_row(many("recovery_band", bands))["green_streak_days"]

    assert streak("green", "yellow", "green", "green") == 2
    assert streak("green", "green", "red") == 0
    assert streak("green", "green", None) is None
    assert streak("green", None, "green") == 1
    assert streak("green", ..., "green") == 1
    assert streak(*["green"] * 70) == 60
