"""The cards of a day: recovery, sleep and strain, each compared with the member's usual values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from whoop_assets.report.calendar_days import ReportDay, UsualRange
from whoop_assets.report.formatting import hours, number, number_range, points, with_unit


@dataclass(frozen=True, slots=True)
class Gauge:
    """A bar with a tick at the usual value.

    Attributes:
        kind: CSS class of the bar.
        percent: Length of the bar, percent of the gauge.
        usual: Place of the tick, percent of the gauge; None for no tick.
    """

    kind: str
    percent: float
    usual: float | None


@dataclass(frozen=True, slots=True)
class Card:
    """One card.

    Attributes:
        name: Heading.
        value: The day's value as text.
        unit: Its unit; empty without a value.
        label: A short remark beside the value, or empty.
        label_kind: CSS class of the remark, or empty.
        gauge: The value as a bar; None without a value.
        context: Sentences about the value; empty ones are left out of the page.
    """

    name: str
    value: str
    unit: str
    label: str
    label_kind: str
    gauge: Gauge | None
    context: tuple[str, ...]


def cards_of(day: ReportDay) -> list[Card]:
    return [_recovery(day), _sleep(day), _strain(day)]


def _recovery(day: ReportDay) -> Card:
    score, usual = day.number("recovery_score"), day.usual("recovery_score")
    hrv, heart_rate = day.number("hrv_rmssd_milli"), day.number("resting_heart_rate")
    return Card(
        "Recovery",
        number(score),
        "%" if score is not None else "",
        day.band or "no score",
        day.band or "",
        _gauge(score, usual, 100.0, day.band or ""),
        (
            _sentence(_compare(score, usual, number, "%")),
            f"HRV {number(hrv, 0, 'ms')}: {_compare(hrv, day.usual_hrv, number, 'ms')}",
            _hrv_status(day),
            f"Resting heart rate {number(heart_rate, 0, 'bpm')}: "
            f"{_compare(heart_rate, day.usual('resting_heart_rate'), number, 'bpm')}",
        ),
    )


def _hrv_status(day: ReportDay) -> str:
    """Compare the mean of 7 nights with the normal band of the 60 nights before them."""
    status, mean = day.trend.get("hrv_status"), day.number("ln_hrv_rmssd_mean_7")
    low, high = day.number("hrv_normal_low_milli"), day.number("hrv_normal_high_milli")
    if not status or mean is None or low is None or high is None:
        return ""
    # One more decimal than elsewhere: the band is narrow, and "33" must not be called above "26 to 33".
    normal = number_range(low, high, 1, "ms")
    return f"Average HRV of 7 nights {number(math.exp(mean), 1, 'ms')}: {status} your normal {normal}"


def _sleep(day: ReportDay) -> Card:
    asleep, needed = day.number("sleep_duration_minutes"), day.number("sleep_needed_minutes")
    usual = day.usual("sleep_duration_minutes")
    difference = ""
    label = "no scored sleep" if asleep is None else ""
    # The need is the divisor: below a minute, which is no measurement, the share can be infinite.
    if asleep and needed is not None and needed >= 1:
        # Of the rounded values, so that the three numbers on the page are consistent.
        difference = f", {_over_or_short(round(asleep) - round(needed))}"
        label = f"{100 * asleep / needed:.0f}\u00a0% of need"
    return Card(
        "Sleep",
        hours(asleep),
        "h" if asleep is not None else "",
        label,
        "",
        _gauge(
            asleep, usual, max(600.0, asleep or 0.0, needed or 0.0, usual.middle if usual else 0.0), "sleep"
        ),
        (
            _sentence(_compare(asleep, usual, hours, "h")),
            f"Need {with_unit(hours(needed), 'h' if needed is not None else '')}{difference}",
            _balance(day),
        ),
    )


def _balance(day: ReportDay) -> str:
    """Sleep minus need over 7 nights, and the member's usual values of it."""
    balance, usual = day.number("sleep_balance_7_minutes"), day.usual("sleep_balance_7_minutes")
    if balance is None:
        return ""
    text = f"Sleep balance of 7 nights: {_over_or_short(balance)}"
    if usual is None:
        return text
    low, high = _over_or_short(usual.low), _over_or_short(usual.high)
    return f"{text}; your usual is {low if low == high else f'{low} to {high}'}"


def _over_or_short(minutes: float) -> str:
    return f"{hours(abs(minutes))}\u00a0h {'over' if minutes >= 0 else 'short'}"


def _strain(day: ReportDay) -> Card:
    strain, usual = day.number("strain"), day.usual("strain")
    low, high = day.number("strain_target_low"), day.number("strain_target_high")
    if day.is_partial and usual:
        comparison = f"Usual by the end of a day: {number_range(usual.low, usual.high, 1)}"
    else:
        comparison = _sentence(_compare(strain, usual, lambda value: number(value, 1), "", step=0.1))
    target = ""
    if low is not None and high is not None:
        target = f"This project's rule of thumb after such a recovery: {number(low)} to {number(high)}"
    return Card(
        "Strain",
        number(strain, 1),
        "of 21" if strain is not None else "",
        _strain_label(day, strain),
        "",
        _gauge(strain, usual, 21.0, "strain"),
        (comparison, target),
    )


def _strain_label(day: ReportDay, strain: float | None) -> str:
    if day.is_partial:
        return "not finished" if strain is None else "so far"
    return "no score" if strain is None else ""


def _gauge(value: float | None, usual: UsualRange | None, maximum: float, kind: str) -> Gauge | None:
    if value is None:
        return None
    return Gauge(kind, 100 * value / maximum, 100 * usual.middle / maximum if usual else None)


def _compare(
    value: float | None,
    usual: UsualRange | None,
    text_of: Callable[[float | None], str],
    unit: str,
    *,
    step: float = 1,
) -> str:
    """Compare a value with the usual range: within it, or how far outside.

    Value and range are rounded to `step` first, so that the three numbers on the page are consistent.

    Args:
        value: The day's value; None if it has none.
        usual: The usual range; None if it is not known.
        text_of: Formats a number without its unit.
        unit: The unit of the range; empty for none.
        step: The precision of the page.
    """
    if usual is None:
        return "not enough days yet to know your usual"
    low, high = (_rounded(end, step) for end in (usual.low, usual.high))
    usual_text = with_unit(text_of(high) if low == high else f"{text_of(low)} to {text_of(high)}", unit)
    if value is None:
        return f"your usual is {usual_text}"
    value = _rounded(value, step)
    if low <= value <= high:
        return f"within your usual {usual_text}"
    difference = value - high if value > high else low - value
    # A difference of two percentages is in points: "23 % below 65 %" would be 50 %.
    distance = points(difference) if unit == "%" else with_unit(text_of(difference), unit)
    return f"{distance} {'above' if value > high else 'below'} your usual {usual_text}"


def _rounded(value: float, step: float) -> float:
    return round(value / step) * step


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
