"""One row of trends per member and day, computed from daily rows: pure functions, without I/O or a clock."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd

from whoop_assets.summary.frames import Kind, read
from whoop_assets.summary.trends import grid as on
from whoop_assets.summary.trends.columns import BASELINED, DAILY_READ, MEASURES
from whoop_assets.summary.trends.grid import Grid
from whoop_assets.summary.trends.load import finished_strain, load_measures
from whoop_assets.summary.trends.nights import clock_deviation, debt_measures, zone_shift
from whoop_assets.summary.trends.reasons import KNOWN, UNFINISHED, Codes, Floats, Measure, sentence
from whoop_assets.summary.trends.rolling import rolling, variability, z_score
from whoop_assets.summary.trends.signs import green_streak, illness, signal_names, strain_target
from whoop_assets.summary.trends.windows import BACK_DAYS


def trend_rows(daily: pd.DataFrame, first: date, last: date) -> list[dict[str, object]]:
    """The trends of every daily row of first..last, by member and day.

    `daily` holds the daily rows (the columns of DAILY_READ) of any number of members; of each, all from BACK_DAYS
    before `first` to `last`. Earlier and later rows are not looked at. Values are plain Python; a measure that is
    None has its reason in `missing`, a JSON object (None when nothing is missing). Raises ValueError when a column
    is missing.
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
    partial = grid.flags(frame["is_partial"])
    values = {
        name: grid.fill(frame[name])
        for name, kind in DAILY_READ.items()
        if kind == "number" and name in frame
    }
    values["ln_hrv_rmssd"] = on.log(values["hrv_rmssd_milli"])
    values["strain"] = finished_strain(values["strain"], values["kilojoule"], partial)
    found: dict[str, Measure] = {}
    for name in BASELINED:
        found |= rolling(name, values[name])
    found["strain_z_28"] = found["strain_z_28"].but(partial, UNFINISHED)
    found["skin_temp_celsius_z_28"] = z_score(values["skin_temp_celsius"])
    found |= variability(values["hrv_rmssd_milli"], values["ln_hrv_rmssd"])
    found |= load_measures(values["strain"])
    found |= debt_measures(
        values["sleep_duration_minutes"], values["sleep_needed_minutes"], values["sleep_debt_minutes"]
    )
    offsets = frame["timezone_offset"]
    for name, column in (("bed", "sleep_start_time"), ("wake", "sleep_end_time")):
        minutes = on.minutes_of_day(frame[column], offsets)
        found[f"{name}_time_deviation_minutes"] = clock_deviation(grid.fill(minutes))
    found["timezone_shift_minutes"] = zone_shift(grid.fill(on.offset_minutes(offsets)))
    found |= strain_target(grid, frame["recovery_band"])
    found |= illness(found)
    found["green_streak_days"] = green_streak(grid, frame["recovery_band"])
    return found


def _at(measure: Measure, place: tuple[np.ndarray, np.ndarray]) -> Measure:
    return Measure(measure.values[place], measure.why[place])


def _plain(name: str, values: Floats, kind: Kind) -> list[object]:
    """The values as plain Python, None for NaN."""
    given: list[object]
    if kind == "number":
        given = values.astype(object).tolist()
    else:
        whole = np.nan_to_num(values).astype(np.int64)
        if kind == "text":
            given = [signal_names(bits) for bits in whole.tolist()]
        elif kind == "flag":
            given = (whole != 0).tolist()
        else:
            given = whole.tolist()
    for place in np.nonzero(np.isnan(values))[0].tolist():
        given[place] = None
    return given


def _missing(codes: list[Codes]) -> list[object]:
    """Per row the reasons of its measures that are None, as JSON; None where there are none."""
    by_row = np.stack(codes, axis=-1)
    names = tuple(MEASURES)
    texts: dict[bytes, str | None] = {}
    found: list[object] = []
    for row in by_row:
        key = row.tobytes()
        if key not in texts:
            why = {name: sentence(int(code)) for name, code in zip(names, row, strict=True) if code != KNOWN}
            texts[key] = json.dumps(why) if why else None
        found.append(texts[key])
    return found
