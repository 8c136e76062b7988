"""Sleep balance, bed times, regularity and travel, in small examples worked out by hand."""

import math
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets_tests.summaries.trends.days import FIRST, daily, day, frame, last_row, night, reason


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


def test_the_body_adapts_one_hour_per_day_east_and_one_and_a_half_hours_west():
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


def test_other_shifts_of_an_hour_and_flights_on_a_clock_change_weekend_are_travel():
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
