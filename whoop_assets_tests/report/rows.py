"""Rows for reports and charts: a year with every kind of gap, and days with given values."""

import math
from datetime import UTC, date, datetime, timedelta

from whoop_assets.report.calendar_days import ReportDay, calendar
from whoop_assets.report.page import MemberReport
from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets.summaries.trends.columns import TREND_COLUMNS

TODAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
ME = 10129
MAX_IMAGE_BYTES = 50_000
"""Upper bound of a chart in an event log, as base64; a chart of 60 days has about a tenth of it."""
STATES = ("cycle_state", "sleep_state", "recovery_state")


def daily(day, **values):
    """Return a daily row with these values only; all its records are scored."""
    row = dict.fromkeys((*DAILY_COLUMNS, *STATES)) | {"user_id": ME, "day": day, "is_partial": False}
    assert values.keys() <= row.keys()
    return row | dict.fromkeys(STATES, "SCORED") | values


def trend(day, **values):
    """Return a row of trends with these values only."""
    row = dict.fromkeys(TREND_COLUMNS) | {"user_id": ME, "day": day}
    assert values.keys() <= row.keys()
    return row | values


def full(day):
    """Return the daily row of an ordinary day; its values depend on its date."""
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
    """Return the trends of such a day."""
    return trend(
        day,
        ln_hrv_rmssd_usual_mean_28=math.log(80.0),
        ln_hrv_rmssd_usual_sd_28=0.2,
        ln_hrv_rmssd_mean_7=math.log(70.0),
        hrv_status="below",
        hrv_normal_low_milli=74.0,
        hrv_normal_high_milli=86.0,
        resting_heart_rate_usual_mean_28=46.0,
        resting_heart_rate_usual_sd_28=1.2,
        recovery_score_usual_mean_28=20.0,
        recovery_score_usual_sd_28=3.0,
        sleep_duration_minutes_usual_mean_28=430.0,
        sleep_duration_minutes_usual_sd_28=70.0,
        sleep_balance_7_minutes=-130.0,
        sleep_balance_7_minutes_usual_mean_28=-90.0,
        sleep_balance_7_minutes_usual_sd_28=120.0,
        strain_usual_mean_28=10.0,
        strain_usual_sd_28=2.5,
        strain_mean_7=10.0,
        strain_mean_28=10.5,
        strain_target_low=10.0,
        strain_target_high=14.0,
        timezone_shift_minutes=-180.0,
        timezone_shift_cause="travel",
        timezone_days_to_adapt=1.5,
        illness_flag=day == TODAY,
        illness_signs="hrv_rmssd_milli,resting_heart_rate",
    )


def week(monday, **values):
    """Return a weekly row."""
    year, number, _ = monday.isocalendar()
    return {"user_id": ME, "week_start": monday, "iso_year": year, "iso_week": number} | values


def year_with_gaps():
    """Return 365 daily rows up to today, with every kind of gap once."""
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


def effect(question="Alcohol?", outcome="recovery_score", **values):
    """Return a row of `journal_effects` with a strong effect."""
    row = {
        "user_id": ME,
        "question": question,
        "outcome": outcome,
        "lag_days": 0,
        "days_with": 42,
        "days_without": 310,
        "difference": -14.2,
        "difference_low": -19.4,
        "difference_high": -9.1,
        "hedges_g": -0.9,
        "verdict": "strong",
    }
    return row | values


def report_of(rows, *, trends=True, weeks=True, title="", effects=()):
    """Return a report with the daily rows."""
    days: list[ReportDay] = calendar(rows, [trend_of(row["day"]) for row in rows] if trends else [])
    mondays = sorted({row["day"] - timedelta(days=row["day"].weekday()) for row in rows}) if weeks else []
    of_weeks = [week(monday, recovery_score_mean=60.5, days_with_data=7, green_days=3) for monday in mondays]
    return MemberReport(ME, days, of_weeks, TODAY, AT, title, effects)
