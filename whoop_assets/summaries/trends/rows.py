"""Compute the rows of `trends` from daily rows. Pure functions."""

import json
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd

from whoop_assets.db.types import ColumnKind
from whoop_assets.summaries.frames import read
from whoop_assets.summaries.trends import grid as on
from whoop_assets.summaries.trends.columns import BASELINED, DAILY_READ, LOAD_ZONES, MEASURES
from whoop_assets.summaries.trends.grid import Grid
from whoop_assets.summaries.trends.load import day_load, finished_strain, load_measures
from whoop_assets.summaries.trends.nights import (
    balance_measures,
    clock_deviation,
    mid_sleep_times,
    regularity,
    timing_measures,
)
from whoop_assets.summaries.trends.reasons import (
    CALIBRATING,
    KNOWN,
    UNFINISHED,
    Codes,
    Floats,
    Measure,
    reason_text,
)
from whoop_assets.summaries.trends.rolling import (
    HRV_STATUSES,
    hrv_measures,
    of_one_definition,
    rolling,
    usual,
)
from whoop_assets.summaries.trends.signs import green_streak, illness, sign_names, strain_target
from whoop_assets.summaries.trends.windows import BACK_DAYS
from whoop_assets.summaries.trends.zones import SHIFT_CAUSES, zone_measures

LABELS: dict[str, Callable[[int], str]] = {
    "hrv_status": HRV_STATUSES.__getitem__,
    "timezone_shift_cause": SHIFT_CAUSES.__getitem__,
    "illness_signs": sign_names,
}
"""Text measure -> function that converts the number on the grid to the text."""


def trend_rows(daily: pd.DataFrame, first: date, last: date) -> list[dict[str, object]]:
    """Compute the trends of every daily row of first..last, by member and day.

    Args:
        daily: The columns DAILY_READ of the daily rows of any number of members, from BACK_DAYS before
            `first` to `last`.
            Other rows are ignored.
        first: First day of the result.
        last: Last day of the result.

    Returns:
        Rows of plain Python values. `missing` is a JSON object with the reason of each measure that is None.

    Raises:
        ValueError: A column is missing.
    """
    start = first - timedelta(days=BACK_DAYS)
    frame = read("daily rows", daily, DAILY_READ)
    frame = frame[frame["day"].between(pd.Timestamp(start), pd.Timestamp(last))]
    if frame.empty:
        return []
    grid = Grid(frame, start, last)
    place = grid.places(first)
    partial = grid.flags(frame["is_partial"])[place].tolist()
    measures = {name: _at(measure, place) for name, measure in _measures(grid, frame).items()}
    columns = {
        "user_id": grid.members[place[0]].tolist(),
        "day": [grid.day(column) for column in place[1].tolist()],
        "is_partial": partial,
        **{name: _plain(name, measures[name].values, kind) for name, kind in MEASURES.items()},
        "missing": _missing([measures[name].why for name in MEASURES]),
    }
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _measures(grid: Grid, frame: pd.DataFrame) -> dict[str, Measure]:
    partial, calibrating = grid.flags(frame["is_partial"]), grid.flags(frame["user_calibrating"])
    values = {name: grid.fill(frame[name]) for name, kind in DAILY_READ.items() if kind is ColumnKind.DOUBLE}
    values["ln_hrv_rmssd"] = on.log(values["hrv_rmssd_milli"])
    values["strain"] = finished_strain(values["strain"], values["kilojoule"], partial)
    # The score depends on a baseline that WHOOP still learns; HRV and resting heart rate do not.
    values["recovery_score"] = np.where(calibrating, np.nan, values["recovery_score"])
    found: dict[str, Measure] = rolling("hrv_rmssd_milli", values["hrv_rmssd_milli"])
    for name in BASELINED:
        found |= of_one_definition(
            name,
            grid,
            values[name],
            lambda given, name=name: rolling(name, given) | usual(name, given),  # type: ignore[misc]
        )
    found["strain_z_28"] = found["strain_z_28"].but(partial, UNFINISHED)
    for name in ("recovery_score", "skin_temp_celsius"):
        found |= usual(name, values[name])
    found["recovery_score_z_28"] = found["recovery_score_z_28"].but(calibrating, CALIBRATING)
    found |= hrv_measures(values["ln_hrv_rmssd"])
    zones = [grid.fill(frame[name]) for name in LOAD_ZONES]
    found |= load_measures(day_load(values["strain"], grid.fill(frame["workout_count"]), zones))
    shortfall = (
        values["sleep_needed_minutes"] - values["sleep_debt_minutes"] - values["sleep_duration_minutes"]
    )
    found |= of_one_definition("sleep_duration_minutes", grid, shortfall, balance_measures)
    found |= _timing(grid, frame)
    found |= zone_measures(grid, grid.fill(on.offset_minutes(frame["timezone_offset"])))
    found |= strain_target(grid, frame["recovery_band"], calibrating)
    found |= illness(found)
    found["green_streak_days"] = green_streak(grid, frame["recovery_band"], calibrating)
    return found


def _timing(grid: Grid, frame: pd.DataFrame) -> dict[str, Measure]:
    offsets, start, end = frame["timezone_offset"], frame["sleep_start_time"], frame["sleep_end_time"]
    found = {
        f"{name}_time_deviation_minutes": clock_deviation(grid.fill(on.minutes_of_day(times, offsets)))
        for name, times in (("bed", start), ("wake", end))
    }
    found |= timing_measures(grid, grid.fill(on.minutes_of_day(mid_sleep_times(start, end), offsets)))
    # A fixed moment, so that a value does not depend on the first day of the grid.
    epoch = pd.Timestamp(0, tz="UTC")
    elapsed = [grid.fill((times - epoch) / pd.Timedelta(minutes=1)) for times in (start, end)]
    found["sleep_regularity_28"] = regularity(*elapsed)
    return found


def _at(measure: Measure, place: tuple[np.ndarray, np.ndarray]) -> Measure:
    return Measure(measure.values[place], measure.why[place])


def _plain(name: str, values: Floats, kind: ColumnKind) -> list[object]:
    """Return the values as plain Python; None for NaN."""
    given: list[object]
    if kind is ColumnKind.DOUBLE:
        given = values.astype(object).tolist()
    else:
        whole = np.nan_to_num(values).astype(np.int64)
        if kind is ColumnKind.TEXT:
            given = [LABELS[name](number) for number in whole.tolist()]
        elif kind is ColumnKind.BOOLEAN:
            given = (whole != 0).tolist()
        else:
            given = whole.tolist()
    for place in np.nonzero(np.isnan(values))[0].tolist():
        given[place] = None
    return given


def _missing(codes: list[Codes]) -> list[object]:
    """Return per row the reasons of its missing measures as JSON; None if no measure is missing."""
    by_row = np.stack(codes, axis=-1)
    names = tuple(MEASURES)
    texts: dict[bytes, str | None] = {}
    found: list[object] = []
    for row in by_row:
        key = row.tobytes()
        if key not in texts:
            why = {
                name: reason_text(int(code)) for name, code in zip(names, row, strict=True) if code != KNOWN
            }
            texts[key] = json.dumps(why) if why else None
        found.append(texts[key])
    return found
