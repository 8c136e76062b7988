"""Compute the columns of the daily row that come from each stream, for all days at once.

`days` has one row per (member, day); the column `at` of the records is its index. Every function returns a
frame with the index of `days`. Values are missing on days without such a record.
"""

import functools
import operator
from collections.abc import Iterable, Mapping

import pandas as pd

from whoop_assets.summaries.daily.choice import span_milli
from whoop_assets.summaries.frames import TEXT, sums
from whoop_assets.summaries.record_columns import (
    ASLEEP,
    CYCLE_SCORE,
    MINUTES_OF_SLEEP,
    RECOVERY_SCORE,
    SLEEP_SCORE,
    SLEEP_VALUES,
    SUMS_OF_WORKOUTS,
    WORKOUT_SCORE,
)
from whoop_assets.whoop_day import parse_offset

SCORED = "SCORED"
# WHOOP's published bands: red 0 to 33, yellow 34 to 66, green 67 to 100. A score between two bands is in the
# lower one.
MIN_GREEN_SCORE, MIN_YELLOW_SCORE = 67.0, 34.0


def cycle_columns(
    chosen: pd.DataFrame, cycles: pd.DataFrame, days: pd.DataFrame, latest_cycle: Mapping[int, int]
) -> pd.DataFrame:
    cycle = _one_per_day(_without_empty_scores(_scored(chosen, CYCLE_SCORE)), days)
    offset = cycle["timezone_offset"].map(
        {text: parse_offset(text) for text in chosen["timezone_offset"].unique()}
    )
    latest = days["user_id"].map(pd.Series(dict(latest_cycle), dtype="Int64"))
    unfinished = cycle["end_time"].isna() | (cycle["score_state"] != SCORED)
    return pd.DataFrame(
        {
            "cycle_id": cycle["id"],
            "cycle_start_time": cycle["start_time"],
            "cycle_end_time": cycle["end_time"],
            "cycle_start_date": _local_date(cycle["start_time"], offset),
            "cycle_end_date": _local_date(cycle["end_time"], offset),
            "timezone_offset": cycle["timezone_offset"],
            "is_partial": (cycle["id"] == latest).fillna(False) & unfinished,
            "cycle_count": _count(cycles, days),
            **{name: cycle[name] for name in CYCLE_SCORE},
            "step_count": cycle["step_count"],
        }
    )


def _without_empty_scores(cycles: pd.DataFrame) -> pd.DataFrame:
    """Empty all-zero scores, which WHOOP gives to cycles in which the strap was not worn."""
    names = list(CYCLE_SCORE)
    not_worn = (cycles[names] == 0).fillna(False).all(axis="columns")
    if not not_worn.any():
        return cycles
    return cycles.assign(**{name: cycles[name].mask(not_worn) for name in names})


def _local_date(instants: pd.Series, offset: pd.Series) -> pd.Series:
    dates: pd.Series = (instants.dt.tz_localize(None) + pd.to_timedelta(offset)).dt.normalize()
    return dates


def sleep_columns(chosen: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    sleep = _one_per_day(_scored(chosen, SLEEP_SCORE), days)
    return pd.DataFrame(
        {
            "sleep_id": sleep["id"],
            "sleep_start_time": sleep["start_time"],
            "sleep_end_time": sleep["end_time"],
            **{name: _minutes(_total(sleep, parts)) for name, parts in MINUTES_OF_SLEEP.items()},
            **{name: sleep[name] for name in SLEEP_VALUES},
        }
    )


def recovery_columns(chosen: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    recovery = _one_per_day(_scored(chosen, RECOVERY_SCORE), days)
    score = recovery["recovery_score"]
    band = pd.Series(pd.NA, index=score.index, dtype=TEXT)
    band = (
        band.mask(score < MIN_YELLOW_SCORE, "red")
        .mask(score >= MIN_YELLOW_SCORE, "yellow")
        .mask(score >= MIN_GREEN_SCORE, "green")
    )
    return pd.DataFrame(
        {
            **{name: recovery[name] for name in RECOVERY_SCORE},
            "recovery_band": band,
            "last_recovery_data_changed_at": recovery["changed_at"],
            "last_recovery_synced_at": recovery["synced_at"],
        }
    )


def nap_columns(naps: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    naps = _scored(naps, SLEEP_SCORE).sort_values(["at", "id"])
    count = _count(naps, days)
    asleep = sums(pd.DataFrame({"milli": _total(naps, ASLEEP)}), naps["at"]).reindex(days.index)
    return pd.DataFrame({"nap_count": count, "nap_minutes": _minutes(asleep["milli"]).mask(count == 0, 0.0)})


def workout_columns(workouts: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    # The last digits of a floating-point sum depend on the order of the addends, so sort them.
    workouts = _scored(workouts, WORKOUT_SCORE).sort_values(["at", "id"])
    at, count = workouts["at"], _count(workouts, days)
    summed = workouts[list(SUMS_OF_WORKOUTS.values())].assign(duration_milli=span_milli(workouts))
    summed = sums(summed, at).reindex(days.index)
    return pd.DataFrame(
        {
            "workout_count": count,
            "workout_minutes": _minutes(summed["duration_milli"]).mask(count == 0, 0.0),
            "workout_strain_max": workouts["strain"].groupby(at).max().reindex(days.index),
            **{name: summed[column] for name, column in SUMS_OF_WORKOUTS.items()},
            "sports": _sports(workouts).reindex(days.index),
        }
    )


def _sports(workouts: pd.DataFrame) -> pd.Series:
    """Return the distinct sports of each `at`, sorted and joined by commas."""
    named = workouts.loc[
        workouts["sport_name"].notna() & (workouts["sport_name"] != ""), ["at", "sport_name"]
    ]
    named = named.drop_duplicates().sort_values(["at", "sport_name"])
    rank = named.groupby("at").cumcount()
    joined = named[rank == 0].set_index("at")["sport_name"]
    for place in range(1, rank.max() + 1 if len(rank) else 1):
        further = named[rank == place].set_index("at")["sport_name"].reindex(joined.index)
        joined = (joined + "," + further).fillna(joined)
    return joined


def _scored(records: pd.DataFrame, score: Iterable[str]) -> pd.DataFrame:
    """Empty the columns of the score where WHOOP has not scored the record."""
    is_scored = records["score_state"] == SCORED
    if is_scored.all():
        return records
    return records.assign(**{name: records[name].where(is_scored) for name in score})


def _one_per_day(chosen: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    return chosen.set_index("at").reindex(days.index)


def _count(records: pd.DataFrame, days: pd.DataFrame) -> pd.Series:
    return records.groupby("at").size().reindex(days.index, fill_value=0).astype("Int64")


def _total(records: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """Return the sum of the columns; missing if one of them is."""
    total: pd.Series = functools.reduce(operator.add, (records[name] for name in names))
    return total


def _minutes(milliseconds: pd.Series) -> pd.Series:
    return milliseconds / 60_000
