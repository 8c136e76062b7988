"""One row per member and ISO week, from daily rows: a pure function.

Strain and energy are those of finished days: the open cycle's are passing. What no day has is None, and a day without
a value is neither a zero in a mean nor a hole in a sum.
"""

from typing import Any

import pandas as pd

from whoop_assets.summary.columns import DAILY, ZONES
from whoop_assets.summary.frames import Kind, plain_rows, read, sums

_MEANS = (
    "recovery_score",
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "respiratory_rate",
    "sleep_duration_minutes",
    "sleep_needed_minutes",
    "sleep_debt_minutes",
    "sleep_performance_percentage",
    "strain",
)
_SUMS = ("workout_count", "workout_minutes", "workout_kilojoule", "distance_meter", "nap_minutes")
DAILY_READ_BY_WEEKS: dict[str, Kind] = {
    name: DAILY[name]
    for name in ("user_id", "day", "is_partial", "recovery_band", "kilojoule", *_MEANS, *_SUMS, *ZONES)
}
"""What a week reads of a daily row."""

_ZONE_MINUTES = {zone: zone.replace("_milli", "_minutes") for zone in ZONES}
WEEKLY: dict[str, Kind] = {
    "user_id": "integer",
    "week_start": "date",
    "iso_year": "integer",
    "iso_week": "integer",
    "is_partial": "flag",
    "days_with_data": "integer",
    "days_with_recovery": "integer",
    "days_with_sleep": "integer",
    "days_with_strain": "integer",
    "recovery_score_mean": "number",
    "recovery_score_best": "number",
    "recovery_best_day": "date",
    "recovery_score_worst": "number",
    "recovery_worst_day": "date",
    "green_days": "integer",
    "yellow_days": "integer",
    "red_days": "integer",
    "hrv_rmssd_milli_mean": "number",
    "resting_heart_rate_mean": "number",
    "respiratory_rate_mean": "number",
    "sleep_duration_minutes_mean": "number",
    "sleep_duration_minutes_best": "number",
    "sleep_duration_minutes_worst": "number",
    "sleep_needed_minutes_mean": "number",
    "sleep_debt_minutes_mean": "number",
    "sleep_performance_percentage_mean": "number",
    "strain_mean": "number",
    "strain_sum": "number",
    "strain_best": "number",
    "strain_best_day": "date",
    "kilojoule_sum": "number",
    "workout_count": "integer",
    "workout_minutes": "number",
    "workout_kilojoule": "number",
    "distance_meter": "number",
    "nap_minutes": "number",
    **dict.fromkeys(_ZONE_MINUTES.values(), "number"),
}


def weekly_rows(daily: pd.DataFrame) -> list[dict[str, object]]:
    """The weekly summary of every (member, ISO week) that has a daily row, by member and week.

    `daily` holds whole weeks of daily rows (the columns of DAILY_READ_BY_WEEKS) of any number of members.
    """
    days = read("daily rows", daily, DAILY_READ_BY_WEEKS)
    if days.empty:
        return []
    days = days.sort_values(["user_id", "day"], ignore_index=True)
    partial = days["is_partial"].fillna(False).astype(bool)
    not_worn = (days["strain"] == 0) & (days["kilojoule"] == 0)
    for name in ("strain", "kilojoule"):
        days[name] = days[name].mask(partial | not_worn)
    days["is_partial"] = partial
    days["week_start"] = days["day"] - pd.to_timedelta(days["day"].dt.day_of_week, unit="D")
    for zone, minutes in _ZONE_MINUTES.items():
        days[minutes] = days[zone].astype("float64") / 60_000
    weeks = days.groupby(["user_id", "week_start"], sort=True)
    found = pd.DataFrame(_columns(days, weeks)).reset_index()
    calendar = found["week_start"].dt.isocalendar()
    found["iso_year"], found["iso_week"] = calendar["year"], calendar["week"]
    return plain_rows(found, WEEKLY)


def _columns(days: pd.DataFrame, weeks: Any) -> dict[str, pd.Series]:
    bands = {band: (days["recovery_band"] == band).fillna(False) for band in ("green", "yellow", "red")}
    by = [days["user_id"], days["week_start"]]
    summed = {name: sums(days[name], by) for name in (*_MEANS, "kilojoule", *_SUMS, *_ZONE_MINUTES.values())}
    columns = {
        "is_partial": weeks["is_partial"].any(),
        "days_with_data": weeks.size(),
        "days_with_recovery": weeks["recovery_score"].count(),
        "days_with_sleep": weeks["sleep_duration_minutes"].count(),
        "days_with_strain": weeks["strain"].count(),
        **{f"{name}_mean": summed[name] / weeks[name].count() for name in _MEANS},
        **{f"{band}_days": there.groupby(by).sum() for band, there in bands.items()},
        "strain_sum": summed["strain"],
        "kilojoule_sum": summed["kilojoule"],
        **{name: summed[name] for name in (*_SUMS, *_ZONE_MINUTES.values())},
    }
    for name in ("recovery_score", "strain", "sleep_duration_minutes"):
        columns[f"{name}_best"], columns[f"{name}_worst"] = weeks[name].max(), weeks[name].min()
    for name, column, extreme in (
        ("recovery_score", "recovery_best_day", "max"),
        ("recovery_score", "recovery_worst_day", "min"),
        ("strain", "strain_best_day", "max"),
    ):
        here = days[name] == weeks[name].transform(extreme)
        columns[column] = days["day"].where(here).groupby(by).min()
    return columns
