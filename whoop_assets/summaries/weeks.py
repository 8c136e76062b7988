"""Compute the rows of `weekly_summary` from daily rows. Pure functions of data frames.

Strain, energy and training load come from finished days only, because those of an open cycle still grow.
Recovery scores from WHOOP's calibration do not count. Missing values are left out of means and sums.
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from whoop_assets.db.columns import kinds_of
from whoop_assets.db.types import ColumnKind
from whoop_assets.definition_changes import changes_of
from whoop_assets.summaries.frames import plain_rows, read, sums
from whoop_assets.summaries.record_columns import ZONES
from whoop_assets.summaries.tables import DAILY, weekly_summary
from whoop_assets.summaries.trends.columns import LOAD_ZONES
from whoop_assets.summaries.trends.load import day_load

MIN_MEAN_DAYS = 4
"""Days with a value that a mean or a median needs: more than half of the week."""

WEEKLY: dict[str, ColumnKind] = kinds_of(weekly_summary)
"""The columns of a weekly row in the order of the table. The store adds `built_at`."""

_MEANS = tuple(name.removesuffix("_mean") for name in WEEKLY if name.endswith("_mean"))
_EXTREMES = tuple(name.removesuffix("_max") for name in WEEKLY if name.endswith("_max"))
_SUMS = tuple(name for name in WEEKLY if name in DAILY and name not in ("user_id", "is_partial"))
_ZONE_MINUTES = {zone: zone.replace("_milli", "_minutes") for zone in ZONES}
DAILY_READ_BY_WEEKS: dict[str, ColumnKind] = {
    name: DAILY[name]
    for name in (
        *("user_id", "day", "is_partial", "user_calibrating", "recovery_band", "kilojoule"),
        *(name for name in _MEANS if name in DAILY),
        *_SUMS,
        *ZONES,
    )
}
"""Columns of a daily row that a week reads."""

REDEFINED = "WHOOP changed the definition in this week"
_REDEFINED = -1
"""Replaces the number of days if their values have different definitions."""


def weekly_rows(daily: pd.DataFrame) -> list[dict[str, object]]:
    """Compute the weekly summary of every (member, ISO week) with a daily row, by member and week.

    Args:
        daily: The columns DAILY_READ_BY_WEEKS of the daily rows of whole weeks, of any number of members.
    """
    days = read("daily rows", daily, DAILY_READ_BY_WEEKS)
    if days.empty:
        return []
    days = days.sort_values(["user_id", "day"], ignore_index=True)
    partial = days["is_partial"].fillna(False).astype(bool)
    not_worn = (days["strain"] == 0) & (days["kilojoule"] == 0)
    for name in ("strain", "kilojoule"):
        days[name] = days[name].mask(partial | not_worn)
    calibrating = days["user_calibrating"].fillna(False).astype(bool)
    for name in ("recovery_score", "recovery_band"):
        days[name] = days[name].mask(calibrating)
    days["is_partial"] = partial
    zones = [days[zone].to_numpy(dtype="float64", na_value=np.nan) for zone in LOAD_ZONES]
    workouts = days["workout_count"].to_numpy(dtype="float64", na_value=np.nan)
    days["training_load"] = day_load(days["strain"].to_numpy(), workouts, zones)
    days["week_start"] = days["day"] - pd.to_timedelta(days["day"].dt.day_of_week, unit="D")
    for zone, minutes in _ZONE_MINUTES.items():
        days[minutes] = days[zone].astype("float64") / 60_000
    # pandas groups by one number faster than by two keys.
    days["at"] = days.groupby(["user_id", "week_start"], sort=True).ngroup()
    found = pd.DataFrame(_columns(days, days.groupby("at")))
    found["missing"] = _empty_unreliable(days, found)
    calendar = found["week_start"].dt.isocalendar()
    found["iso_year"], found["iso_week"] = calendar["year"], calendar["week"]
    return plain_rows(found, WEEKLY)


def _columns(days: pd.DataFrame, weeks: Any) -> dict[str, pd.Series]:
    bands = {band: (days["recovery_band"] == band).fillna(False) for band in ("green", "yellow", "red")}
    by, means = days["at"], list(_MEANS)
    summed = sums(days[[*means, "kilojoule", *_SUMS, *_ZONE_MINUTES.values()]], by)
    counts = weeks[[*means, "kilojoule", "workout_count"]].count()
    averages, medians = summed[means] / counts[means], weeks[means].median()
    columns = {
        "user_id": weeks["user_id"].first(),
        "week_start": weeks["week_start"].first(),
        "is_partial": weeks["is_partial"].any(),
        "days_with_data": weeks.size(),
        **{f"{band}_days": there.groupby(by).sum() for band, there in bands.items()},
        **{f"{name}_days": counts[name] for name in counts},
        **{f"{name}_mean": averages[name] for name in means},
        **{f"{name}_median": medians[name] for name in means},
        "training_load_sum": summed["training_load"],
        "kilojoule_sum": summed["kilojoule"],
        **{name: summed[name] for name in (*_SUMS, *_ZONE_MINUTES.values())},
    }
    for name in _EXTREMES:
        for extreme in ("min", "max"):
            columns[f"{name}_{extreme}"] = weeks[name].agg(extreme)
            here = days[name] == weeks[name].transform(extreme)
            columns[f"{name}_{extreme}_day"] = days["day"].where(here).groupby(by).min()
    return columns


def _empty_unreliable(days: pd.DataFrame, found: pd.DataFrame) -> list[str | None]:
    """Empty means and medians of weeks with too few or mixed values; return the reasons per week as JSON."""
    counts = found[[f"{name}_days" for name in _MEANS]].astype("int64")
    for name in filter(changes_of, _MEANS):
        counts[f"{name}_days"] = counts[f"{name}_days"].mask(_mixed(days, name), _REDEFINED)
    too_few = (counts < MIN_MEAN_DAYS).to_numpy()
    for statistic in ("mean", "median"):
        columns = [f"{name}_{statistic}" for name in _MEANS]
        found[columns] = found[columns].mask(too_few)
    return [_reasons(week) for week in counts.to_numpy().tolist()]


def _mixed(days: pd.DataFrame, name: str) -> pd.Series:
    """Return per week whether WHOOP may have changed the definition of the column between its values."""
    number = pd.Series(0.0, index=days.index)
    unsure = pd.Series(data=False, index=days.index)
    for change in changes_of(name):
        number += days["day"] >= pd.Timestamp(change.first_new_day)
        unsure |= (days["day"] > pd.Timestamp(change.last_old_day)) & (
            days["day"] < pd.Timestamp(change.first_new_day)
        )
    there = days[name].notna()
    numbers = number.where(there).groupby(days["at"])
    mixed: pd.Series = (numbers.min() < numbers.max()) | (unsure & there).groupby(days["at"]).any()
    return mixed


def _reasons(counts: Iterable[int]) -> str | None:
    why = {}
    for name, count in zip(_MEANS, counts, strict=True):
        if count < MIN_MEAN_DAYS:
            reason = REDEFINED if count == _REDEFINED else f"{count} of {MIN_MEAN_DAYS} days"
            why[f"{name}_mean"] = why[f"{name}_median"] = reason
    return json.dumps(why) if why else None
