"""Each trend in a small example worked out by hand."""

import json
import math
import statistics
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from whoop_assets.summaries.trends import trend_rows
from whoop_assets.summaries.trends.columns import LOAD_ZONES
from whoop_assets_tests.summaries.days import FIRST, daily, day, frame, many, night


def last_row(rows):
    """Return the trends of the last day."""
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


def test_a_missing_day_is_not_zero_and_too_few_values_are_a_reason():
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


def test_the_usual_value_is_that_of_the_28_days_before_and_needs_no_value_on_the_day():
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
    """Return 60 nights that alternate between e^4 and e^4.2 (ln: mean 4.1, SD 0.1008), then seven given
    nights."""
    before = [4.0, 4.2] * 30
    return last_row(many("hrv_rmssd_milli", [value and math.exp(value) for value in [*before, *week]]))


@pytest.mark.parametrize(
    ("week", "status"),
    [([4.04] * 7, "below"), ([4.06] * 7, "within"), ([4.14] * 7, "within"), ([4.16] * 7, "above")],
)
def test_hrv_is_below_within_or_above_the_normal_band_of_the_sixty_days_before_the_week(week, status):
    row = hrv_after_60_days(week)
    assert row["hrv_status"] == status
    half = 0.5 * math.sqrt(60 * 0.01 / 59)
    assert row["hrv_normal_low_milli"] == pytest.approx(math.exp(4.1 - half))
    assert row["hrv_normal_high_milli"] == pytest.approx(math.exp(4.1 + half))


def test_a_week_of_three_nights_has_a_normal_band_but_no_hrv_status():
    row = hrv_after_60_days([4.0, None, 4.0, None, None, None, 4.0])
    assert reason(row, "hrv_status") == "3 of 4 values"
    assert row["hrv_normal_low_milli"] is not None


def trained(minutes, **also):
    """Return finished days with these minutes in zone 2; None means a rest day, `...` a day without a row."""
    rows = []
    for n, value in enumerate(minutes):
        if value is not ...:
            milli = dict.fromkeys(LOAD_ZONES, None if value is None else 0)
            if value is not None:
                milli["zone_two_milli"] = value * 60_000
            rows.append(
                daily(n, strain=10.0, kilojoule=9e3, workout_count=int(value is not None), **milli, **also)
            )
    return rows


def test_the_load_of_a_day_is_the_minutes_in_each_zone_times_the_number_of_the_zone():
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
    row = last_row(trained([30] * 21 + [45] * 7))
    assert row["training_load_ratio_7_21"] == pytest.approx(1.5)
    assert row["training_load_mean_7"] == 90
    assert row["training_load_mean_28"] == pytest.approx((21 * 60 + 7 * 90) / 28)
    assert reason(last_row(trained([30] * 10 + [45] * 7)), "training_load_ratio_7_21") == "10 of 11 values"
    assert (
        reason(last_row(trained([30] * 21 + [...] * 4 + [45] * 3)), "training_load_ratio_7_21")
        == "3 of 4 values"
    )
    assert (
        reason(last_row(trained([None] * 21 + [45] * 7)), "training_load_ratio_7_21")
        == "the mean of the window is zero"
    )


def test_monotony_and_fosters_strain_need_all_seven_days_including_rest_days():
    row = last_row(trained([60, None, 60, None, 60, None, 60]))
    loads = [120, 0, 120, 0, 120, 0, 120]
    monotony = statistics.mean(loads) / statistics.stdev(loads)
    assert row["training_load_monotony_7"] == pytest.approx(monotony)
    assert row["training_load_foster_strain_7"] == pytest.approx(480 * monotony)
    row = last_row(trained([60, None, 60, ..., 60, None, 60]))
    assert reason(row, "training_load_monotony_7") == "6 of 7 values"
    assert reason(last_row(trained([60] * 7)), "training_load_monotony_7") == "no spread in the window"


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


def test_sleep_balance_does_not_count_whoops_own_debt_twice():
    nights = [
        daily(n, sleep_needed_minutes=500.0, sleep_debt_minutes=20.0, sleep_duration_minutes=slept)
        for n, slept in enumerate([420.0] * 13 + [540.0])
    ]
    row = last_row(nights)
    assert row["sleep_balance_7_minutes"] == pytest.approx(60 - 6 * 60)
    assert row["sleep_balance_14_minutes"] == pytest.approx(60 - 13 * 60)
    nights[9]["sleep_duration_minutes"] = None
    assert last_row(nights)["sleep_balance_7_minutes"] == pytest.approx((60 - 5 * 60) / 6 * 7)


def test_the_usual_sleep_balance_is_that_of_the_28_days_before():
    night_short = {"sleep_needed_minutes": 500.0, "sleep_debt_minutes": 20.0}
    nights = [daily(n, sleep_duration_minutes=420.0, **night_short) for n in range(34)]
    row = last_row([*nights, daily(34, sleep_duration_minutes=700.0, **night_short)])
    assert row["sleep_balance_7_minutes_usual_mean_28"] == pytest.approx(-420)
    assert row["sleep_balance_7_minutes_usual_sd_28"] == 0
    assert row["sleep_balance_7_minutes"] == pytest.approx(220 - 360)


def test_no_sleep_window_mixes_two_definitions():
    """WHOOP introduced new sleep stages on 2025-02-24."""
    change = (date(2025, 2, 24) - day(0)).days

    def sleep(n):
        return daily(
            n,
            sleep_duration_minutes=400.0 if n < change else 460.0,
            sleep_needed_minutes=500.0,
            sleep_debt_minutes=0.0,
            resting_heart_rate=50.0 + n % 3,
        )

    rows = [sleep(n) for n in range(change - 60, change + 40)]
    found = {row["day"]: row for row in trend_rows(frame(rows), rows[0]["day"], rows[-1]["day"])}
    assert found[day(change - 1)]["sleep_duration_minutes_mean_60"] == 400
    third = found[day(change + 2)]
    lost = "too few values since WHOOP changed the definition"
    for name in (
        "sleep_duration_minutes_mean_7",
        "sleep_duration_minutes_usual_mean_28",
        "sleep_balance_7_minutes",
    ):
        assert reason(third, name) == lost
    assert third["resting_heart_rate_mean_60"] is not None
    assert found[day(change + 3)]["sleep_duration_minutes_mean_7"] == 460
    assert found[day(change + 3)]["sleep_balance_7_minutes"] == pytest.approx(-40 * 7)
    assert found[day(change + 14)]["sleep_duration_minutes_usual_mean_28"] == 460
    assert found[day(change + 29)]["sleep_duration_minutes_mean_60"] == 460


def test_bed_times_on_both_sides_of_midnight_have_their_mean_at_midnight():
    nights = [daily(n, **night(n, bed=(-1 if n % 2 else 1), hours=8)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=1.5, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(90)
    assert row["wake_time_deviation_minutes"] == pytest.approx(30)
    row = last_row([*nights, daily(28, **night(28, bed=-2, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(-120)


def test_a_night_shift_has_no_deviation():
    nights = [daily(n, **night(n, bed=9, hours=7)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=9.5, hours=7))])
    assert row["bed_time_deviation_minutes"] == pytest.approx(30)


def test_bed_times_twelve_hours_apart_have_no_usual_time():
    nights = [daily(n, **night(n, bed=(9 if n % 2 else 21), hours=7)) for n in range(28)]
    row = last_row([*nights, daily(28, **night(28, bed=9, hours=7))])
    assert reason(row, "bed_time_deviation_minutes") == "times scattered around the clock"


def nights_in(zones):
    """Return a night of eight hours from 23:00 local time for each offset, `+hh:mm` or `-hh:mm`."""
    rows = []
    for n, offset in enumerate(zones):
        sign = 1 if offset[0] == "+" else -1
        minutes = sign * (60 * int(offset[1:3]) + int(offset[4:6]))
        rows.append(daily(n, **night(n, bed=-1, hours=8, offset=offset, minutes=minutes)))
    return rows


def test_a_flight_shifts_the_zone_and_not_the_bed_time():
    home, abroad = ["-05:00"] * 28, ["+05:00"] * 15
    there = last_row(nights_in([*home, *abroad[:1]]))
    assert there["timezone_shift_minutes"] == 10 * 60
    assert there["timezone_shift_cause"] == "travel"
    assert there["bed_time_deviation_minutes"] == pytest.approx(0, abs=1e-9)
    assert last_row(nights_in([*home, *abroad[:14]]))["timezone_shift_minutes"] == 10 * 60
    assert last_row(nights_in([*home, *abroad]))["timezone_shift_minutes"] == 10 * 60
    back_to_usual = last_row(nights_in([*home, *abroad, "+05:00"]))
    assert back_to_usual["timezone_shift_minutes"] == 0
    assert (back_to_usual["timezone_shift_cause"], back_to_usual["timezone_days_to_adapt"]) == ("none", 0)


@pytest.mark.parametrize(
    ("home", "abroad", "shift"),
    [
        ("-08:00", "+13:00", -180),  # Los Angeles to Auckland: three hours west, over the date line
        ("+13:00", "-08:00", 180),
        ("-10:00", "+13:00", -60),
        ("+01:00", "-11:00", -720),  # twelve hours are the most, and count as west
        ("-11:00", "+01:00", -720),
        ("+01:00", "+09:00", 480),
    ],
)
def test_a_shift_of_the_clock_is_wrapped_at_twelve_hours(home, abroad, shift):
    assert last_row(nights_in([home] * 28 + [abroad]))["timezone_shift_minutes"] == shift


def test_the_body_follows_one_hour_a_day_east_and_one_and_a_half_west():
    def days_left(home, abroad, nights):
        return last_row(nights_in([home] * 28 + [abroad] * nights))["timezone_days_to_adapt"]

    assert [days_left("+00:00", "+06:00", nights) for nights in (1, 3, 7, 9)] == [6, 4, 0, 0]
    assert [days_left("+00:00", "-06:00", nights) for nights in (1, 3, 5)] == [4, 2, 0]


def offsets_of(zone, count, first=FIRST):
    """Return the offset of each day's cycle, which starts at 23:00 local time on the evening before."""
    found = []
    for n in range(count):
        evening = datetime.combine(first + timedelta(days=n - 1), time(23), ZoneInfo(zone))
        minutes = int(evening.utcoffset() / timedelta(minutes=1))
        found.append(f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")
    return found


@pytest.mark.parametrize(
    ("zone", "shift"),
    [
        ("America/New_York", 60),  # 8 March 2026
        ("Europe/Berlin", 60),  # 29 March
        ("Australia/Sydney", -60),  # 5 April
        ("Pacific/Auckland", -60),  # 5 April
        ("Australia/Lord_Howe", -30),
    ],
)
def test_a_clock_change_is_not_travel(zone, shift):
    zones = offsets_of(zone, 130)
    rows = trend_rows(frame(nights_in(zones)), FIRST, day(129))
    shifted = [row for row in rows if row["timezone_shift_minutes"]]
    assert {row["timezone_shift_minutes"] for row in shifted} == {shift}
    assert {row["timezone_shift_cause"] for row in shifted} == {"clock_change"}
    assert len(shifted) in (14, 15)


def test_an_hour_at_any_other_time_is_travel_and_so_is_a_flight_on_the_weekend_of_the_change():
    assert last_row(nights_in(["+01:00"] * 28 + ["+02:00"]))["timezone_shift_cause"] == "travel"
    sunday = (date(2026, 3, 8) - FIRST).days
    new_york = offsets_of("America/New_York", sunday + 1)
    assert last_row(nights_in([*new_york, "-06:00"]))["timezone_shift_cause"] == "travel"


def test_mid_sleep_and_its_spread_work_across_midnight():
    nights = [daily(n, **night(n, bed=bed, hours=2)) for n, bed in enumerate([-2, 0, -2, 0, -2, 0, -1])]
    row = last_row(nights)
    assert row["mid_sleep_minutes"] == pytest.approx(0, abs=1e-6)
    length = (1 + 6 * math.cos(math.tau / 24)) / 7
    assert row["mid_sleep_sd_7_minutes"] == pytest.approx(math.sqrt(-2 * math.log(length)) * 720 / math.pi)
    same = last_row([daily(n, **night(n, bed=-1, hours=8)) for n in range(7)])
    assert same["mid_sleep_sd_7_minutes"] == pytest.approx(0, abs=1e-4)
    around = last_row([daily(n, **night(n, bed=6 * (n % 4), hours=2)) for n in range(8)][:7])
    assert around["mid_sleep_sd_7_minutes"] > 300
    opposite = [daily(n, **night(n, bed=12 * (n % 2), hours=2)) for n in range(4)]
    assert reason(last_row(opposite), "mid_sleep_sd_7_minutes") == "times scattered around the clock"
    # The mean resultant length of the two is exactly 0, and too few nights are no reason to take its
    # logarithm.
    two = [daily(n, **night(n, bed=-1 + 479 / 3600 + 12 * n, hours=2)) for n in range(2)]
    assert reason(last_row(two), "mid_sleep_sd_7_minutes") == "2 of 4 values"


def test_social_jetlag_compares_weekend_mornings_with_the_others():
    nights = [daily(n, **night(n, bed=1 if day(n).weekday() >= 5 else -1, hours=8)) for n in range(28)]
    assert last_row(nights)["social_jetlag_weekend_28_minutes"] == pytest.approx(120)
    weekdays = [row for row in nights if row["day"].weekday() < 5]
    assert reason(last_row(weekdays), "social_jetlag_weekend_28_minutes") == "0 of 4 values"


def test_the_regularity_index_is_100_for_equal_nights_and_lower_for_different_ones():
    def index(beds):
        return last_row([daily(n, **night(n, bed=bed, hours=8)) for n, bed in enumerate(beds)])[
            "sleep_regularity_28"
        ]

    assert index([-1] * 29) == pytest.approx(100)
    # An hour apart: of 24 hours two differ.
    assert index([-1, 0] * 14 + [-1]) == pytest.approx(200 * 22 / 24 - 100)
    # Half a day apart: 16 hours differ.
    assert index([-1, 11] * 14 + [-1]) == pytest.approx(200 * 8 / 24 - 100)


def test_a_flight_lowers_the_regularity_index():
    at_home = last_row(nights_in(["+00:00"] * 29))["sleep_regularity_28"]
    away = last_row(nights_in(["+00:00"] * 20 + ["-06:00"] * 9))["sleep_regularity_28"]
    assert at_home == pytest.approx(100)
    assert away == pytest.approx(100 - 200 * (12 / 24) / 28)


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


@pytest.mark.parametrize(
    ("band", "low", "high"), [("green", 14, 18), ("yellow", 10, 14), ("red", 0, 10), (None, None, None)]
)
def test_the_strain_target_depends_on_the_recovery(band, low, high):
    row = last_row([daily(0, recovery_band=band)])
    assert (row["strain_target_low"], row["strain_target_high"]) == (low, high)


QUIET = {"resting_heart_rate": (50, 52), "hrv_rmssd_milli": (60, 64), "respiratory_rate": (14.8, 15.2)}


def a_month_and(**today):
    rows = [daily(n, **{name: pair[n % 2] for name, pair in QUIET.items()}) for n in range(28)]
    return last_row([*rows, daily(28, **{name: pair[0] for name, pair in QUIET.items()} | today)])


def test_heart_rate_and_hrv_are_one_system_and_a_second_system_raises_the_flag():
    row = a_month_and(resting_heart_rate=60)
    assert (row["illness_systems"], row["illness_systems_known"]) == (1, 2)
    assert (row["illness_signs"], row["illness_flag"]) == ("resting_heart_rate", False)
    row = a_month_and(resting_heart_rate=60, hrv_rmssd_milli=40)
    assert (row["illness_systems"], row["illness_flag"]) == (1, False)
    assert row["illness_signs"] == "resting_heart_rate,hrv_rmssd_milli"
    row = a_month_and(hrv_rmssd_milli=40, respiratory_rate=16.5)
    assert (row["illness_systems"], row["illness_flag"]) == (2, True)
    assert row["illness_signs"] == "hrv_rmssd_milli,respiratory_rate"
    row = a_month_and()
    assert (row["illness_systems"], row["illness_signs"], row["illness_flag"]) == (0, "", False)


def test_with_one_known_system_there_is_no_illness_flag():
    row = a_month_and(resting_heart_rate=60, respiratory_rate=None)
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


def test_a_complete_row_has_no_reasons():
    rows = [
        daily(
            n,
            **{name: pair[n % 2] for name, pair in QUIET.items()},
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


def test_there_is_a_row_for_each_daily_row_and_no_other():
    rows = [daily(0), daily(3), daily(1, user_id=2), daily(9)]
    found = trend_rows(frame(rows), day(0), day(5))
    assert [(row["user_id"], row["day"]) for row in found] == [(1, day(0)), (1, day(3)), (2, day(1))]
    assert trend_rows(frame([]), day(0), day(5)) == []
