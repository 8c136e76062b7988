"""The report's tables: days and weeks, the newest first. Each scrolls in a box of its own where it is too wide."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

from whoop_assets.report import gaps, words
from whoop_assets.report.history import Day, Row

_DAY_COLUMNS = (
    "Day",
    "Recovery",
    "HRV, ms",
    "Resting HR",
    "Sleep, h",
    "Need met",
    "Strain",
    "Workouts",
    "Notes",
)
_WEEK_COLUMNS = (
    "Week", "Recovery", "Green", "Yellow", "Red", "HRV, ms", "Resting HR", "Sleep, h", "Strain", "Workouts", "Days",
)  # fmt: skip
_LEFT = {"Day", "Week", "Workouts", "Notes"}


def days(rows: Sequence[Day], key: str, caption: str) -> str:
    """One line a day, also for a day without data."""
    return _table(_DAY_COLUMNS, [_day(row) for row in rows], key, caption, wide={"Workouts", "Notes"})


def _day(day: Day) -> list[str]:
    asleep, needed = day.number("sleep_duration_minutes"), day.number("sleep_needed_minutes")
    met = None if asleep is None or not needed else 100.0 * asleep / needed
    strain = words.number(day.number("strain"), 1)
    return [
        words.medium(day.day),
        _recovery(day),
        words.number(day.number("hrv_rmssd_milli")),
        words.number(day.number("resting_heart_rate")),
        words.hours(asleep),
        words.number(met, 0, "%"),
        strain,
        escape(_workouts(day.summary)),
        escape(", ".join(kind.name for kind in gaps.of_day(day))),
    ]


def _recovery(day: Day) -> str:
    score = words.number(day.number("recovery_score"), 0, "%")
    return f'{score} <span class="chip {day.band}">{day.band}</span>' if day.band else score


def _workouts(row: Mapping[str, Any]) -> str:
    """The day's sports, which WHOOP names: slugs, an open list."""
    count = row.get("workout_count")
    if not count:
        return ""
    sports = ", ".join(
        name.strip().removesuffix("_msk").replace("-", " ").replace("_", " ")
        for name in (row.get("sports") or "").split(",")
        if name.strip()
    )
    return f"{sports} ({count})" if sports and count > 1 else sports or words.counted(count, "workout")


def weeks(rows: Sequence[Row], key: str, caption: str) -> str:
    """One line an ISO week."""
    return _table(_WEEK_COLUMNS, [_week(row) for row in rows], key, caption, left=_LEFT - {"Workouts"})


def _week(row: Row) -> list[str]:
    monday: date = row["week_start"]
    begun = ", going on" if row.get("is_partial") else ""
    return [
        f'W{row["iso_week"]:02d} <span class="sub">{words.short(monday)} to {words.short(monday + timedelta(days=6))}'
        f"{begun}</span>",
        words.number(row.get("recovery_score_mean"), 0, "%"),
        *(_count(row.get(f"{band}_days")) for band in ("green", "yellow", "red")),
        words.number(row.get("hrv_rmssd_milli_mean")),
        words.number(row.get("resting_heart_rate_mean")),
        words.hours(row.get("sleep_duration_minutes_mean")),
        words.number(row.get("strain_mean"), 1),
        _count(row.get("workout_count")),
        _count(row.get("days_with_data")),
    ]


def _count(value: int | None) -> str:
    return words.number(None if value is None else float(value))


def _table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    key: str,
    caption: str,
    *,
    left: set[str] = _LEFT,
    wide: set[str] = frozenset(),  # type: ignore[assignment]
) -> str:
    """Cells are HTML already. The box can be focused, so that the arrow keys scroll it."""
    kinds = ["t" if name in left else "n" for name in columns]
    kinds = [f"{kind} w" if name in wide else kind for kind, name in zip(kinds, columns, strict=True)]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(name)}</th>'
        for kind, name in zip(kinds, columns, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds[1:], cells, strict=True))
        + "</tr>"
        for first, *cells in rows
    )
    return (
        f'<div class="scroll" role="region" aria-labelledby="{key}" tabindex="0"><table>'
        f'<caption id="{key}">{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
