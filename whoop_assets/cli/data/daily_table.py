"""Daily rows as a table for reading: the numbers a member knows from the app."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

BAND_STYLES = {"green": "green", "yellow": "yellow", "red": "red"}
_COLUMNS = ("member", "day", "recovery", "HRV", "RHR", "sleep", "strain", "naps", "workouts", "notes")
_RIGHT = ("HRV", "RHR", "sleep", "strain", "naps")
_MAY_WRAP = ("workouts", "notes")


def daily_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a row of `daily_summary`, in the order given; what WHOOP did not score is shown as a dash.

    HRV in milliseconds, resting heart rate in beats per minute, sleep in hours and minutes.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=name not in _MAY_WRAP)
    for row in rows:
        table.add_row(
            str(row["user_id"]),
            row["day"].isoformat(),
            _recovery(row),
            _number(row["hrv_rmssd_milli"], 0),
            _number(row["resting_heart_rate"], 0),
            hours(row["sleep_duration_minutes"]),
            _number(row["strain"], 1),
            str(row["nap_count"]) if row["nap_count"] else "-",
            _workouts(row),
            ", ".join(notes(row)),
        )
    return table


def hours(minutes: float | None) -> str:
    """Minutes as h:mm."""
    if minutes is None:
        return "-"
    whole = round(minutes)
    return f"{whole // 60}:{whole % 60:02d}"


def notes(row: Mapping[str, Any]) -> list[str]:
    """Return the remarks on a day."""
    found = []
    if row["is_partial"]:
        found.append("partial")
    if row["user_calibrating"]:
        found.append("calibrating")
    if (row["cycle_count"] or 0) > 1:
        found.append(f"{row['cycle_count']} cycles")
    exported = row["source"] in ("export", "mixed")  # an export has no ids
    if exported:
        found.append("from the export")
    if row["cycle_start_time" if exported else "cycle_id"] is None:
        found.append("no cycle")
    elif row["sleep_start_time" if exported else "sleep_id"] is None:
        found.append("no sleep")
    return found


def _recovery(row: Mapping[str, Any]) -> Text | str:
    score, band = row["recovery_score"], row["recovery_band"]
    return "-" if score is None else Text(f"{score:>3.0f}% {band or ''}", style=BAND_STYLES.get(band, ""))


def _workouts(row: Mapping[str, Any]) -> str:
    if not row["workout_count"]:
        return "-"
    sports = (row["sports"] or "").replace(",", ", ").replace(",  ", ", ")
    return f"{row['workout_count']}: {sports}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
