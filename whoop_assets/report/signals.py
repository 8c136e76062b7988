"""Notes about a day that come from its trends: signs of illness, green streaks and time zone shifts."""

import math
from dataclasses import dataclass

from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.report.formatting import counted, duration

_SIGNS = {
    "resting_heart_rate": "resting heart rate up",
    "hrv_rmssd_milli": "HRV down",
    "respiratory_rate": "respiratory rate up",
    "skin_temp_celsius": "skin temperature up",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One note; `heading` is shown in bold before the text and can be empty."""

    text: str
    heading: str = ""


def signals_of(day: ReportDay) -> list[Signal]:
    signals = []
    if day.trend.get("illness_flag"):
        columns = [name.strip() for name in (day.trend.get("illness_signs") or "").split(",")]
        signs = ", ".join(_SIGNS.get(name, name) for name in columns if name)
        causes = "Often alcohol, a hard day, heat, illness or the menstrual cycle. This is no diagnosis."
        signals.append(Signal(f": {signs}. {causes}", "Your body differs from your usual"))
    streak = day.number("green_streak_days")
    if streak is not None and streak >= 2:
        signals.append(Signal(f"{counted(int(streak), 'green day')} in a row."))
    shift = _shift(day)
    return [*signals, Signal(shift)] if shift else signals


def _shift(day: ReportDay) -> str:
    """Describe a shift of the time zone; a clock change only until the body has adapted."""
    shift, days_left = day.number("timezone_shift_minutes"), day.number("timezone_days_to_adapt")
    if not shift or days_left is None:
        return ""
    difference = f"{duration(abs(shift))} {'ahead of' if shift > 0 else 'behind'}"
    if day.trend.get("timezone_shift_cause") == "clock_change":
        return f"Clocks changed: your clock is {difference} your usual time." if days_left > 0 else ""
    east = shift > 0
    pace = "one hour a day after a flight east" if east else "an hour and a half a day after a flight west"
    left = (
        f"about {counted(math.ceil(days_left), 'more day')}"
        if days_left > 0
        else "yours probably has adapted"
    )
    return f"Your clock is {difference} your usual time zone. A body adapts by about {pace}, so {left}."
