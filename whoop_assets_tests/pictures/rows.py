"""Rows for pictures: a year of a member with every kind of gap, and days of whatever values a test wants."""

import math
from datetime import UTC, date, datetime, timedelta

from whoop_assets.pictures.history import Day, calendar
from whoop_assets.pictures.page import Report
from whoop_assets.summary.daily import DAILY_COLUMNS
from whoop_assets.summary.trends import TREND_COLUMNS

TODAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
ME = 10129
STATES = ("cycle_state", "sleep_state", "recovery_state")


def daily(day, **values):
    """A daily row with nothing but these values, all of its records scored."""
    row = dict.fromkeys((*DAILY_COLUMNS, *STATES)) | {"user_id": ME, "day": day, "is_partial": False}
    assert values.keys() <= row.keys()
    return row | dict.fromkeys(STATES, "SCORED") | values


def trend(day, **values):
    """A row of trends with nothing but these values."""
    row = dict.fromkeys(TREND_COLUMNS) | {"user_id": ME, "day": day}
    assert values.keys() <= row.keys()
    return row | values


def full(day):
    """A daily row of a day like any other; its values follow from its date."""
    n = day.toordinal()
    score = 50 + 45 * math.sin(n / 3)
    return daily(
        day,
        cycle_id=n,
        cycle_count=1,
        sleep_id=f"sleep-{n}",
        strain=10 + 8 * math.sin(n / 5),
        recovery_score=round(score),
        recovery_band="green" if round(score) >= 67 else "yellow" if round(score) >= 34 else "red",
        hrv_rmssd_milli=80 + 30 * math.sin(n / 4),
        resting_heart_rate=52 + 4 * math.cos(n / 4),
        sleep_duration_minutes=430 + 60 * math.sin(n / 6),
        sleep_needed_minutes=480.0,
        workout_count=n % 3,
        sports="running, <b>sauna</b>" if n % 3 else "",
    )


def trend_of(day):
    """The trends of such a day."""
    return trend(
        day,
        hrv_rmssd_milli_mean_28=80.0,
        hrv_rmssd_milli_sd_28=15.0,
        strain_mean_7=10.0,
        strain_mean_28=10.5,
        strain_target_low=10.0,
        strain_target_high=14.0,
        acwr_coupled_7_28=0.95,
        hrv_rmssd_milli_z_28=-2.4,
        illness_flag=day == TODAY,
        illness_signals="hrv_rmssd_milli,resting_heart_rate",
    )


def week(monday, **values):
    """A weekly row."""
    year, number, _ = monday.isocalendar()
    return {"user_id": ME, "week_start": monday, "iso_year": year, "iso_week": number} | values


def year_with_gaps():
    """365 days to today: all kinds of days that are not like any other, each once."""
    odd = {
        3: daily(TODAY, cycle_id=1, cycle_state="PENDING_SCORE", sleep_id="x", sleep_state="PENDING_SCORE"),
        5: daily(TODAY, cycle_id=1, sleep_id="x", sleep_state="UNSCORABLE", recovery_state=None),
        7: None,
        9: daily(TODAY, cycle_id=1, sleep_state=None, recovery_state=None, strain=4.0),
        11: daily(TODAY, sleep_id="x", cycle_state=None, recovery_score=40.0, recovery_band="yellow"),
        13: daily(TODAY, cycle_id=1, sleep_id="x"),
        15: full(TODAY) | {"cycle_count": 2},
        17: full(TODAY) | {"user_calibrating": True},
        0: full(TODAY) | {"is_partial": True},
    }
    rows = []
    for back in range(364, -1, -1):
        day = TODAY - timedelta(days=back)
        row = odd.get(back, full(day))
        if row is not None:
            rows.append(row | {"day": day})
    return rows


def report_of(rows, *, trends=True, weeks=True, title=""):
    """The report of these daily rows."""
    days: list[Day] = calendar(rows, [trend_of(row["day"]) for row in rows] if trends else [])
    mondays = sorted({row["day"] - timedelta(days=row["day"].weekday()) for row in rows}) if weeks else []
    of_weeks = [week(monday, recovery_score_mean=60.5, days_with_data=7, green_days=3) for monday in mondays]
    return Report(ME, days, of_weeks, TODAY, AT, title)
