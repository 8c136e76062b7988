"""A member's report: one HTML page that needs nothing else. No script, no network, no name: the member is an id.

What is needed of it: it reads well on a phone and on paper, in light and in dark, by eye and by ear.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any

from whoop_assets.pictures import charts, gaps, tables, words
from whoop_assets.pictures.figures import figure
from whoop_assets.pictures.history import Day, Row, mean
from whoop_assets.pictures.style import STYLE
from whoop_assets.spans import spans_of

RANGES = ((28, "four weeks"), (91, "three months"), (365, "a year"))
NEWEST_DAYS, NEWEST_WEEKS = 14, 12
BASELINE_DAYS, BASELINE_LEAST = 28, 7
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
        (_newest(report), _charts(report.days), _weeks(report.weeks), _days(report.days), _gaps(report))
    )


# The newest day


def _newest(report: Report) -> str:
    place = max(n for n, day in enumerate(report.days) if day.summary)
    day, before = report.days[place], report.days[max(0, place - BASELINE_DAYS) : place]
    heading = "Today" if day.day == report.today else f"The newest day, {words.medium(day.day)}"
    cards = "".join((_recovery(day, before), _sleep(day, before), _strain(day, before)))
    signals = "".join(f"<li>{said}</li>" for said in _signals(day))
    kinds = [kind for kind in gaps.of_day(day) if kind is not gaps.PARTIAL]
    notes = "".join(f"<li>{escape(kind.heading)}: {escape(kind.meaning)}</li>" for kind in kinds)
    return (
        f'<section aria-labelledby="newest"><h2 id="newest">{heading}</h2><div class="cards">{cards}</div>'
        f'<ul class="signals">{signals}{notes}</ul></section>'
        if signals or notes
        else f'<section aria-labelledby="newest"><h2 id="newest">{heading}</h2><div class="cards">{cards}</div></section>'
    )


def _recovery(day: Day, before: Sequence[Day]) -> str:
    score = day.number("recovery_score")
    context = [
        _against(
            score,
            [one.number("recovery_score") for one in before],
            lambda value: words.number(value, 0, "%"),
            # A difference of two percentages is in points: "23 % below 65 %" would be 50 %.
            away=lambda value: words.number(value, 0, "points"),
        ),
        f"HRV {words.number(day.number('hrv_rmssd_milli'), 0, 'ms')}{_z(day, 'hrv_rmssd_milli_z_28')}",
        f"Resting heart rate {words.number(day.number('resting_heart_rate'), 0, 'bpm')}{_z(day, 'resting_heart_rate_z_28')}",
    ]
    usual = mean(one.number("recovery_score") for one in before)
    return _card(
        "Recovery",
        words.number(score),
        "%" if score is not None else "",
        f'<span class="chip {day.band}">{day.band}</span>'
        if day.band
        else '<span class="chip">no score</span>',
        _gauge(score, usual, 100.0, day.band or ""),
        context,
    )


def _sleep(day: Day, before: Sequence[Day]) -> str:
    asleep, needed = day.number("sleep_duration_minutes"), day.number("sleep_needed_minutes")
    context = [
        _against(asleep, [one.number("sleep_duration_minutes") for one in before], words.hours),
        f"Need {words.hours(needed)}"
        + (
            f", {words.hours(abs(asleep - needed))} {'over' if asleep >= needed else 'short'}"
            if asleep and needed
            else ""
        ),
    ]
    debt = day.number("sleep_debt_7_minutes")
    if debt is not None:
        context.append(f"{'Debt' if debt >= 0 else 'Surplus'} over 7 nights {words.hours(abs(debt))}")
    share = (
        f'<span class="chip">{100 * asleep / needed:.0f}\u00a0% of need</span>' if asleep and needed else ""
    )
    usual = mean(one.number("sleep_duration_minutes") for one in before)
    missing = '<span class="chip">no scored sleep</span>'
    top = max(600.0, asleep or 0.0, needed or 0.0, usual or 0.0)
    return _card(
        "Sleep",
        words.hours(asleep),
        "h" if asleep is not None else "",
        share or missing,
        _gauge(asleep, usual, top, "sleep"),
        context,
    )


def _strain(day: Day, before: Sequence[Day]) -> str:
    strain = day.number("strain")
    low, high = day.number("strain_target_low"), day.number("strain_target_high")
    finished = [one.strain for one in before]
    context = [
        f"Usual by the end of a day {words.number(mean(finished), 1)}"
        if day.is_partial and _enough(finished)
        else _against(strain, finished, lambda value: words.number(value, 1))
    ]
    if low is not None and high is not None:
        context.append(f"Target for this recovery {words.number(low)} to {words.number(high)}")
    ratio = day.number("acwr_coupled_7_28")
    if ratio is not None:
        context.append(f"Load, 7 days to 28: {words.number(ratio, 2)}")
    chip = "so far" if day.is_partial else "" if strain is not None else "no score"
    return _card(
        "Strain",
        words.number(strain, 1),
        "of 21" if strain is not None else "",
        f'<span class="chip">{chip}</span>' if chip else "",
        _gauge(strain, mean(finished), 21.0, "strain"),
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
    before: Sequence[float | None],
    said: Callable[[float | None], str],
    away: Callable[[float | None], str] | None = None,
) -> str:
    """The value against the mean of the four weeks before it, where these hold enough; `away` says a difference."""
    away = away or said
    if not _enough(before):
        return "Too few days before it for a baseline"
    usual = mean(before)
    if value is None or usual is None:
        return f"Mean of the 28 days before {said(usual)}"
    apart = value - usual
    return (
        f"{away(abs(apart))} {'above' if apart > 0 else 'below'} the mean of the 28 days before, {said(usual)}"
        if away(abs(apart)) != away(0.0)
        else f"As the mean of the 28 days before, {said(usual)}"
    )


def _enough(values: Sequence[float | None]) -> bool:
    return sum(value is not None for value in values) >= BASELINE_LEAST


def _z(day: Day, name: str) -> str:
    value = day.number(name)
    if value is None:
        return ""
    return (
        f", {words.number(abs(value), 1)} SD {'above' if value > 0 else 'below'} baseline"
        if abs(value) >= 0.05
        else ", at baseline"
    )


_SIGNALS = {
    "resting_heart_rate": "resting heart rate up",
    "hrv_rmssd_milli": "HRV down",
    "ln_hrv_rmssd": "HRV down",
    "respiratory_rate": "respiratory rate up",
    "skin_temp_celsius": "skin temperature up",
}


def _signals(day: Day) -> list[str]:
    """What stands out in the trends of this day."""
    found = []
    if day.trend.get("illness_flag"):
        names = [
            _SIGNALS.get(name.strip(), name.strip())
            for name in (day.trend.get("illness_signals") or "").split(",")
        ]
        found.append(
            f"<strong>Several signs of strain on the body at once</strong>: {escape(', '.join(filter(None, names)))}. "
            "This is no diagnosis."
        )
    streak = day.number("green_streak_days")
    if streak is not None and streak >= 2:
        found.append(f"{words.counted(int(streak), 'green day')} in a row.")
    shift = day.number("timezone_shift_minutes")
    if shift is not None and abs(shift) >= 60:
        found.append(
            f"The clock is {words.duration(abs(shift))} {'ahead of' if shift > 0 else 'behind'} the usual zone."
        )
    return found


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
    return _with_earlier("weeks", "Weeks", newest_first, NEWEST_WEEKS, tables.weeks, "week")


def _days(days: Sequence[Day]) -> str:
    return _with_earlier("days", "Days", list(reversed(days)), NEWEST_DAYS, tables.days, "day")


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
    found = spans_of(days)[::-1]
    said = ", ".join(words.span(first, last) for first, last in found[:SHOWN_SPANS])
    more = len(found) - SHOWN_SPANS
    return f"{said}, and {more} more" if more > 0 else said


def _footer(report: Report) -> str:
    written = report.written_at
    return (
        f"<footer><p>Member {report.user_id}, written {words.long(written.date())} at {written:%H:%M} UTC. A day is the date on which "
        "its main sleep ended. Recovery bands are WHOOP's: green from 67, yellow from 34, red below. SD: standard "
        "deviations of the 28 days before.</p><p>This page holds personal health data and sends nothing anywhere.</p></footer>"
    )


def first_day(today: date) -> date:
    """The first day that a report written today shows."""
    return today - timedelta(days=RANGES[-1][0] - 1)
