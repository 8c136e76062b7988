"""The table of daily rows that commands print."""

from collections import defaultdict
from datetime import date
from typing import Any

from rich.console import Console

from whoop_assets.cli.data.daily_table import daily_table


def row(**values: Any) -> dict[str, Any]:
    return defaultdict(
        lambda: None, {"user_id": 7, "day": date(2026, 11, 20), "cycle_id": 1, "sleep_id": "s", **values}
    )


def printed(*rows: dict[str, Any]) -> str:
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(daily_table(rows))
    return capture.get()


def test_a_day_is_printed_in_the_units_of_the_whoop_app() -> None:
    text = printed(
        row(
            recovery_score=67.0,
            recovery_band="green",
            hrv_rmssd_milli=71.6,
            resting_heart_rate=52.0,
            sleep_duration_minutes=431.6,
            strain=12.34,
            workout_count=2,
            sports="running, yoga",
            nap_count=1,
        )
    )
    for part in ("2026-11-20", "67% green", "72", "52", "7:12", "12.3", "running, yoga (2)"):
        assert part in text


def test_missing_values_are_printed_as_dashes() -> None:
    line = printed(row()).splitlines()[-2]
    assert "0:00" not in line
    assert line.split()[2:] == ["-"] * 7


def test_unusual_days_have_a_note() -> None:
    assert "not finished, more than one cycle" in printed(row(is_partial=True, cycle_count=2))
    assert "no sleep" in printed(row(sleep_id=None))
