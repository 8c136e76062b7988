"""Daily rows as a table for reading: the numbers a member knows from the app."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from whoop_assets.cli.printing import new_table
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.report.formatting import DASH, hours, number, workouts_text
from whoop_assets.report.gaps import gap_kinds

BAND_STYLES = {"green": "green", "yellow": "yellow", "red": "red"}
_SHORT = ("member", "day", "recovery", "HRV", "RHR", "sleep", "strain", "naps")


def daily_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a row of `daily_summary`, in the order given; what WHOOP did not score is shown as a dash.

    HRV in milliseconds, resting heart rate in beats per minute, sleep in hours and minutes.
    """
    table = new_table(*_SHORT, "workouts", "notes", right=_SHORT[3:], no_wrap=_SHORT)
    for row in rows:
        numbers = (
            number(row["hrv_rmssd_milli"]),
            number(row["resting_heart_rate"]),
            hours(row["sleep_duration_minutes"]),
            number(row["strain"], 1),
            str(row["nap_count"] or ""),
            workouts_text(row),
        )
        table.add_row(
            str(row["user_id"]),
            row["day"].isoformat(),
            _recovery(row),
            *(text.replace(DASH, "-") or "-" for text in numbers),
            ", ".join(kind.name for kind in gap_kinds(ReportDay(row["day"], row))),
        )
    return table


def _recovery(row: Mapping[str, Any]) -> Text | str:
    score, band = row["recovery_score"], row["recovery_band"]
    return "-" if score is None else Text(f"{score:>3.0f}% {band or ''}", style=BAND_STYLES.get(band, ""))
