"""Independent implementation of weekly summaries in plain Python, from their written rules."""

import json
import statistics
from datetime import date, timedelta

from whoop_assets_tests.summaries.trends.naive_trends import load_of, recovery_of, strain_of

OLD_PERFORMANCE_UNTIL, NEW_PERFORMANCE_FROM = date(2025, 4, 30), date(2025, 6, 1)
NEW_STAGES = date(2025, 2, 24)
PLAIN_MEANS = (
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "respiratory_rate",
    "sleep_duration_minutes",
    "sleep_needed_minutes",
    "sleep_debt_minutes",
    "sleep_performance_percentage",
)
SUMS = ("workout_count", "workout_minutes", "workout_kilojoule", "distance_meter", "nap_minutes")
EXTREMES = ("recovery_score", "sleep_duration_minutes", "strain")


def naive_weekly_rows(daily):
    weeks = {}
    for row in daily:
        monday = row["day"] - timedelta(days=row["day"].weekday())
        weeks.setdefault((row["user_id"], monday), []).append(row)
    return [_week(user_id, monday, weeks[user_id, monday]) for user_id, monday in sorted(weeks)]


def _week(user_id, monday, days):
    year, number, _ = monday.isocalendar()
    bands = [row["recovery_band"] for row in days if not row["user_calibrating"]]
    out = {
        "user_id": user_id,
        "week_start": monday,
        "iso_year": year,
        "iso_week": number,
        "is_partial": any(row["is_partial"] for row in days),
        "days_with_data": len(days),
        **{f"{band}_days": bands.count(band) for band in ("green", "yellow", "red")},
    }
    readers = {
        "recovery_score": recovery_of,
        **{name: lambda row, name=name: row[name] for name in PLAIN_MEANS},
        "strain": strain_of,
        "training_load": load_of,
    }
    why = {}
    for name, read in readers.items():
        known = [(read(row), row["day"]) for row in days if read(row) is not None]
        values = [value for value, _ in known]
        out[f"{name}_days"] = len(values)
        lack = None if len(values) >= 4 else f"{len(values)} of 4 days"
        if values and _mixed(name, [day for _, day in known]):
            lack = "WHOOP changed the definition in this week"
        out[f"{name}_mean"] = None if lack else statistics.fmean(values)
        out[f"{name}_median"] = None if lack else statistics.median(values)
        if lack:
            why[f"{name}_mean"] = why[f"{name}_median"] = lack
        if name in EXTREMES:
            least = min(known, default=(None, None))
            most = max(known, key=lambda pair: (pair[0], -pair[1].toordinal()), default=(None, None))
            out[f"{name}_min"], out[f"{name}_min_day"] = least
            out[f"{name}_max"], out[f"{name}_max_day"] = most
    out["training_load_sum"] = _sum(load_of(row) for row in days)
    energy = [row["kilojoule"] for row in days if _counts(row) and row["kilojoule"] is not None]
    out["kilojoule_days"], out["kilojoule_sum"] = len(energy), _sum(energy)
    out["workout_count_days"] = sum(row["workout_count"] is not None for row in days)
    out |= {name: _sum(row[name] for row in days) for name in SUMS}
    for zone in ("zero", "one", "two", "three", "four", "five"):
        milli = _sum(row[f"zone_{zone}_milli"] for row in days)
        out[f"zone_{zone}_minutes"] = None if milli is None else milli / 60_000
    return out | {"missing": json.dumps(why) if why else None}


def _counts(row):
    """Whether the energy of the day is complete and measured."""
    return not row["is_partial"] and not (row["strain"] == 0 and row["kilojoule"] == 0)


def _mixed(name, days):
    """Whether values of these days can have two definitions."""
    if name == "sleep_performance_percentage":
        old = all(day <= OLD_PERFORMANCE_UNTIL for day in days)
        return not old and not all(day >= NEW_PERFORMANCE_FROM for day in days)
    if name == "sleep_duration_minutes":
        return len({day >= NEW_STAGES for day in days}) > 1
    return False


def _sum(values):
    known = [value for value in values if value is not None]
    return sum(known) if known else None
