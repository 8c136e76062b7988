"""A member's report: one HTML page that needs nothing else. No script, no network, no name: the member is an id.

It reads well on a phone and on paper, in light and in dark, and with a screen reader.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from whoop_assets.date_ranges import to_date_ranges
from whoop_assets.report import charts, gaps, html_tables, journal, meanings, words
from whoop_assets.report.figures import figure
from whoop_assets.report.history import Day, Range, Row
from whoop_assets.report.style import STYLE

RANGES = ((28, "four weeks"), (91, "three months"), (365, "a year"))
NEWEST_DAYS, NEWEST_WEEKS = 14, 12
SHOWN_SPANS = 12
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Report:
    """What a page says: the member's days without a gap, oldest first; the weeks, oldest first; when it was written."""

    user_id: int
    days: Sequence[Day]
    weeks: Sequence[Row]
    today: date
    written_at: datetime
    title: str = ""
    effects: Sequence[Row] = ()
    """Rows of `journal_effects`; none without an imported journal."""


def page(report: Report) -> str:
    """The whole document."""
    title = report.title or f"Member {report.user_id}"
    body = _body(report) if any(day.summary for day in report.days) else _nothing(report)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        '<meta name="robots" content="noindex">'
        f"<title>{escape(title)}: WHOOP report, {words.long(report.today)}</title><style>{STYLE}</style></head>\n"
        f'<body><a class="skip" href="#days">Skip to the tables</a>\n'
        f'<header><p class="eyebrow">WHOOP report</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{_lead(report)}</p></header>\n<main>{body}</main>\n{_footer(report)}</body></html>\n'
    )


def _lead(report: Report) -> str:
    with_data = sum(bool(day.summary) for day in report.days)
    if not with_data:
        return words.long(report.today)
    return (
        f"{words.long(report.today)} · {words.counted(with_data, 'day')} with data, "
        f"{words.span(report.days[0].day, report.days[-1].day)}"
    )


def _nothing(report: Report) -> str:
    return (
        '<section aria-labelledby="nothing"><h2 id="nothing">Nothing to show yet</h2>'
        f"<p>No WHOOP day of member {report.user_id} is stored. Read some with "
        "<code>whoop-assets backfill</code>, then write this report again.</p></section>"
        '<div id="days"></div>'
    )


def _body(report: Report) -> str:
    return "\n".join(
        (
            _newest(report),
            _charts(report.days),
            journal.section(report.effects),
            _weeks(report.weeks),
            _days(report.days),
            _gaps(report),
            meanings.section(),
        )
    )


# The newest day


def _newest(report: Report) -> str:
    day = max((day for day in report.days if day.summary), key=lambda day: day.day)
    heading = "Today" if day.day == report.today else f"The newest day, {words.medium(day.day)}"
    cards = "".join((_recovery(day), _sleep(day), _strain(day)))
    signals = "".join(f"<li>{said}</li>" for said in _signals(day))
    kinds = [kind for kind in gaps.of_day(day) if kind is not gaps.PARTIAL]
    notes = "".join(f"<li>{escape(kind.heading)}: {escape(kind.meaning)}</li>" for kind in kinds)
    return (
        f'<section aria-labelledby="newest"><h2 id="newest">{heading}</h2><div class="cards">{cards}</div>'
        f'<ul class="signals">{signals}{notes}</ul></section>'
        if signals or notes
        else f'<section aria-labelledby="newest"><h2 id="newest">{heading}</h2><div class="cards">{cards}</div></section>'
    )


def _recovery(day: Day) -> str:
    score, usual = day.number("recovery_score"), day.usual("recovery_score")
    hrv, heart_rate = day.number("hrv_rmssd_milli"), day.number("resting_heart_rate")
    context = [
        # A difference of two percentages is in points: "23 % below 65 %" would be 50 %.
        _sentence(_against(score, usual, words.number, "%", of_difference="points")),
        f"HRV {words.number(hrv, 0, 'ms')}: {_against(hrv, day.usual_hrv, words.number, 'ms')}",
        _hrv_status(day),
        f"Resting heart rate {words.number(heart_rate, 0, 'bpm')}: "
        f"{_against(heart_rate, day.usual('resting_heart_rate'), words.number, 'bpm')}",
    ]
    return _card(
        "Recovery",
        words.number(score),
        "%" if score is not None else "",
        f'<span class="chip {day.band}">{day.band}</span>'
        if day.band
        else '<span class="chip">no score</span>',
        _gauge(score, usual.middle if usual else None, 100.0, day.band or ""),
        context,
    )


def _hrv_status(day: Day) -> str:
    """The average of 7 nights against the normal band of the 60 nights before them."""
    status, mean = day.trend.get("hrv_status"), day.number("ln_hrv_rmssd_mean_7")
    low, high = day.number("hrv_normal_low_milli"), day.number("hrv_normal_high_milli")
    if not status or mean is None or low is None or high is None:
        return ""
    # One decimal more than elsewhere: the band is narrow, and 33 must not be called above 26 to 33.
    return (
        f"HRV of the last 7 nights {words.number(math.exp(mean), 1, 'ms')}: {escape(status)} your normal "
        f"{words.between(low, high, 1, 'ms')}"
    )


def _sleep(day: Day) -> str:
    asleep, needed = day.number("sleep_duration_minutes"), day.number("sleep_needed_minutes")
    usual = day.usual("sleep_duration_minutes")
    context = [
        _sentence(_against(asleep, usual, words.hours, "h")),
        f"Need {words.hours(needed)}\u00a0h"
        + (
            f", {words.hours(abs(asleep - needed))}\u00a0h {'over' if asleep >= needed else 'short'}"
            if asleep and needed
            else ""
        ),
        _balance(day),
    ]
    share = (
        f'<span class="chip">{100 * asleep / needed:.0f}\u00a0% of need</span>' if asleep and needed else ""
    )
    missing = '<span class="chip">no scored sleep</span>'
    top = max(600.0, asleep or 0.0, needed or 0.0, usual.middle if usual else 0.0)
    return _card(
        "Sleep",
        words.hours(asleep),
        "h" if asleep is not None else "",
        share or missing,
        _gauge(asleep, usual.middle if usual else None, top, "sleep"),
        context,
    )


def _balance(day: Day) -> str:
    """Sleep less need over 7 nights, beside what is usual for the member."""
    balance, usual = day.number("sleep_balance_7_minutes"), day.usual("sleep_balance_7_minutes")
    if balance is None:
        return ""
    said = f"Sleep balance of 7 nights: {_over_or_short(balance)}"
    if usual is None:
        return said
    low, high = _over_or_short(usual.low), _over_or_short(usual.high)
    return f"{said}; your usual is {low if low == high else f'{low} to {high}'}"


def _over_or_short(minutes: float) -> str:
    return f"{words.hours(abs(minutes))}\u00a0h {'over' if minutes >= 0 else 'short'}"


def _strain(day: Day) -> str:
    strain, usual = day.number("strain"), day.usual("strain")
    low, high = day.number("strain_target_low"), day.number("strain_target_high")
    context = [
        f"Usual by the end of a day: {words.between(usual.low, usual.high, 1)}"
        if day.is_partial and usual
        else _sentence(_against(strain, usual, lambda value: words.number(value, 1), "", step=0.1))
    ]
    if low is not None and high is not None:
        context.append(
            f"This project's rule of thumb after such a recovery: {words.number(low)} to {words.number(high)}"
        )
    chip = "so far" if day.is_partial else "" if strain is not None else "no score"
    return _card(
        "Strain",
        words.number(strain, 1),
        "of 21" if strain is not None else "",
        f'<span class="chip">{chip}</span>' if chip else "",
        _gauge(strain, usual.middle if usual else None, 21.0, "strain"),
        context,
    )


def _card(name: str, figure: str, unit: str, chip: str, gauge: str, context: Iterable[str]) -> str:
    said = "".join(f"<li>{line}</li>" for line in context if line)
    return (
        f'<article class="card"><h3>{name}</h3><p class="figure"><span class="value">{figure}</span> '
        f'<span class="of">{unit}</span> {chip}</p>{gauge}<ul class="context">{said}</ul></article>'
    )


def _gauge(value: float | None, usual: float | None, top: float, kind: str) -> str:
    """The value as a bar with a tick at what is usual; the same stands beside it in words."""
    if value is None:
        return '<svg class="gauge" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><path class="track" d="M0 1h100v6H0z"/></svg>'
    tick = f'<path class="usual" d="M{100 * usual / top:.1f} 0v8"/>' if usual is not None else ""
    return (
        '<svg class="gauge" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="track" d="M0 1h100v6H0z"/><path class="bar {kind}" d="M0 1h{100 * value / top:.1f}v6H0z"/>{tick}</svg>'
    )


def _against(
    value: float | None,
    usual: Range | None,
    said: Callable[[float | None], str],
    unit: str,
    *,
    of_difference: str = "",
    step: float = 1,
) -> str:
    """The value against the usual range: within it, or how far outside.

    Value and range are rounded to `step` first, so that the three numbers a reader sees fit each other.

    Args:
        value: The day's value; None if it has none.
        usual: The usual range; None if it is not known.
        said: Writes a number without its unit.
        unit: The unit of the range; empty for none.
        of_difference: The unit of a difference, where it is another one.
        step: The last digit that is shown.
    """
    if usual is None:
        return "too few days before it for a usual range"
    low, high = (_rounded(end, step) for end in (usual.low, usual.high))
    span = _with_unit(said(high) if low == high else f"{said(low)} to {said(high)}", unit)
    if value is None:
        return f"your usual is {span}"
    value = _rounded(value, step)
    if low <= value <= high:
        return f"within your usual {span}"
    away = _with_unit(said(value - high if value > high else low - value), of_difference or unit)
    return f"{away} {'above' if value > high else 'below'} your usual {span}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text}\u00a0{unit}" if unit else text


def _rounded(value: float, step: float) -> float:
    return round(value / step) * step


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


_SIGNALS = {
    "resting_heart_rate": "resting heart rate up",
    "hrv_rmssd_milli": "HRV down",
    "respiratory_rate": "respiratory rate up",
    "skin_temp_celsius": "skin temperature up",
}


def _signals(day: Day) -> list[str]:
    """What stands out in the trends of this day."""
    found = []
    if day.trend.get("illness_flag"):
        names = [
            _SIGNALS.get(name.strip(), name.strip())
            for name in (day.trend.get("illness_signs") or "").split(",")
        ]
        found.append(
            f"<strong>Your body differs from your usual</strong>: {escape(', '.join(filter(None, names)))}. "
            "Often alcohol, a hard day, heat, illness or cycle. This is no diagnosis."
        )
    streak = day.number("green_streak_days")
    if streak is not None and streak >= 2:
        found.append(f"{words.counted(int(streak), 'green day')} in a row.")
    shift = _shift(day)
    return [*found, shift] if shift else found


def _shift(day: Day) -> str:
    """What a change of the time zone means; a clock change is forgotten as soon as the body has followed."""
    shift, left = day.number("timezone_shift_minutes"), day.number("timezone_days_to_adapt")
    if not shift or left is None:
        return ""
    where = f"{words.duration(abs(shift))} {'ahead of' if shift > 0 else 'behind'}"
    if day.trend.get("timezone_shift_cause") == "clock_change":
        return f"Clocks changed: your clock is {where} your usual time." if left > 0 else ""
    pace = (
        "one hour a day after a flight east" if shift > 0 else "an hour and a half a day after a flight west"
    )
    days = math.ceil(left)
    then = f"about {words.counted(days, 'more day')}" if days else "by now it probably has"
    return f"Your clock is {where} your usual zone. A body follows by about {pace}: {then}."


# Charts


def _charts(days: Sequence[Day]) -> str:
    chosen = [
        (count, name)
        for place, (count, name) in enumerate(RANGES)
        if place == 0 or len(days) > RANGES[place - 1][0]
    ]
    start = min(1, len(chosen) - 1)
    radios = "".join(
        f'<label><input type="radio" name="range" id="r{count}"{" checked" if place == start else ""}>'
        f"<span>{name.capitalize()}</span></label>"
        for place, (count, name) in enumerate(chosen)
    )
    drawn = [(f"r{count}", charts.all_of(days[-count:])) for count, _ in chosen]
    figures = "".join(
        figure([(name, views[place]) for name, views in drawn]) for place in range(len(drawn[0][1]))
    )
    choice = f'<fieldset class="ranges"><legend>Show</legend>{radios}</fieldset>' if len(chosen) > 1 else ""
    alone = "" if len(chosen) > 1 else " alone"
    return (
        f'<section class="charts{alone}" aria-labelledby="charts"><h2 id="charts">Charts</h2>{choice}'
        f'<div class="figures">{figures}</div></section>'
    )


# Tables


def _weeks(weeks: Sequence[Row]) -> str:
    if not weeks:
        return ""
    newest_first = list(reversed(weeks))
    return _with_earlier("weeks", "Weeks", newest_first, NEWEST_WEEKS, html_tables.weeks, "week")


def _days(days: Sequence[Day]) -> str:
    return _with_earlier("days", "Days", list(reversed(days)), NEWEST_DAYS, html_tables.days, "day")


def _with_earlier(
    key: str, heading: str, rows: Sequence[Any], shown: int, table: Callable[..., str], one: str
) -> str:
    newest, earlier = rows[:shown], rows[shown:]
    more = (
        f"<details><summary>{words.counted(len(earlier), f'earlier {one}')}</summary>"
        f"{table(earlier, f'{key}-earlier', f'Earlier {heading.lower()}')}</details>"
        if earlier
        else ""
    )
    caption = (
        f"The newest {words.counted(len(newest), one)}"
        if earlier
        else f"All {words.counted(len(newest), one)}"
    )
    return (
        f'<section aria-labelledby="{key}"><h2 id="{key}">{heading}</h2>'
        f"{table(newest, f'{key}-newest', caption)}{more}</section>"
    )


# Gaps


def _gaps(report: Report) -> str:
    entries = "".join(
        f'<div><dt>{escape(kind.heading)} <span class="count">{words.counted(len(found), "day")}</span></dt>'
        f'<dd>{escape(kind.meaning)}</dd><dd class="when">{_when(found)}</dd></div>'
        for kind, found in gaps.explained(report.days)
    )
    silent = (report.today - report.days[-1].day).days
    since = (
        f"<p>Nothing is stored for the {words.counted(silent - 1, 'day')} since {words.long(report.days[-1].day)}.</p>"
        if silent > 1
        else ""
    )
    full = "<p>Every day of this report is complete.</p>" if not entries and not since else ""
    shown = f"<dl>{entries}</dl>" if entries else ""
    return (
        f'<section aria-labelledby="gaps"><h2 id="gaps">Gaps, and why</h2>{since}{full}{shown}'
        '<p class="hint">A dash in a table, and a short stroke at the foot of a chart, is a value that is not there. '
        "Nothing is filled in, and no gap counts as zero.</p></section>"
    )


def _when(days: Sequence[date]) -> str:
    found = to_date_ranges(days)[::-1]
    said = ", ".join(words.span(first, last) for first, last in found[:SHOWN_SPANS])
    more = len(found) - SHOWN_SPANS
    return f"{said}, and {more} more" if more > 0 else said


def _footer(report: Report) -> str:
    written = report.written_at
    return (
        f"<footer><p>Member {report.user_id}, written {words.long(written.date())} at {written:%H:%M} UTC. A day has the date of twelve "
        "hours after its main sleep began, by your clock there: nearly always the date on which you woke.</p><p>This page holds personal health data and sends nothing anywhere.</p></footer>"
    )


def first_day(today: date) -> date:
    """The first day that a report written today shows."""
    return today - timedelta(days=RANGES[-1][0] - 1)
