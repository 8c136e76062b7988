"""The charts of one member. Pure functions of days."""

from collections.abc import Callable, Sequence

from whoop_assets.definition_changes import definition_of
from whoop_assets.report import svg
from whoop_assets.report.calendar_days import ReportDay, mean
from whoop_assets.report.formatting import (
    DASH,
    counted,
    duration,
    hours,
    long_date,
    month_label,
    number,
    number_range,
    short_date,
)
from whoop_assets.report.svg import Chart, Scale, Shape, Tick, Values

BANDS = {"green": (67, 100), "yellow": (34, 66), "red": (0, 33)}
"""WHOOP's bands of the recovery score: lowest and highest percentage."""

_PERCENT, _STRAIN = Scale(0.0, 100.0), Scale(0.0, 21.0)
_STRAIN_TICKS = tuple(Tick(value / 21, str(value)) for value in (0, 7, 14, 21))


def summary_charts(days: Sequence[ReportDay]) -> list[Chart]:
    """Return the charts of the columns of `daily_summary`."""
    return [recovery_chart(days), sleep_chart(days), strain_and_recovery_chart(days)]


def trend_charts(days: Sequence[ReportDay]) -> list[Chart]:
    """Return the charts of the columns of `trends`."""
    return [hrv_chart(days), strain_chart(days)]


def all_charts(days: Sequence[ReportDay]) -> list[Chart]:
    """Return all charts in the order of the report."""
    return [
        recovery_chart(days),
        hrv_chart(days),
        sleep_chart(days),
        strain_chart(days),
        strain_and_recovery_chart(days),
    ]


def recovery_chart(days: Sequence[ReportDay]) -> Chart:
    """Recovery as bars in the colors of WHOOP's bands; lines mark the bands for readers who see no color."""
    scores: Values = [day.number("recovery_score") for day in days]
    by_band = {
        name: [score if day.band == name else None for day, score in zip(days, scores, strict=True)]
        for name in BANDS
    }
    scored = [day for day in days if not day.is_calibrating]
    counts = ", ".join(f"{sum(day.band == name for day in scored)} {name}" for name in BANDS)
    spread = _range(scored, [day.number("recovery_score") for day in scored], 0, "%")
    return Chart(
        key="recovery",
        title="Recovery",
        unit="percent",
        summary=f"{_over(days)}{spread}; {counts}{_without(scores, 'score')}.",
        width=len(days),
        shapes=(
            Shape("none", svg.missing(scores)),
            *(Shape(f"bar {name}", svg.bars(_PERCENT, values)) for name, values in by_band.items()),
        ),
        y=tuple(Tick(value / 100, str(value)) for value in (0, 34, 67, 100)),
        x=_date_ticks(days),
        legend=(
            *((f"bar {name}", f"{name}, {low} to {high}") for name, (low, high) in BANDS.items()),
            ("none", "no score"),
        ),
        tips=_tips(
            days,
            lambda day: f"{number(day.number('recovery_score'), 0, '%')}, {day.band or 'no score'}",
        ),
    )


def hrv_chart(days: Sequence[ReportDay]) -> Chart:
    """HRV of each day, in front of the usual range of the 28 days before it."""
    values: Values = [day.number("hrv_rmssd_milli") for day in days]
    usual = [day.usual_hrv for day in days]
    means: Values = [span.middle if span else None for span in usual]
    lows: Values = [span.low if span else None for span in usual]
    highs: Values = [span.high if span else None for span in usual]
    scale, step = svg.fitting_scale([*values, *lows, *highs])
    known = [
        (span.low <= value <= span.high)
        for value, span in zip(values, usual, strict=True)
        if value is not None and span is not None
    ]
    share = f"; {sum(known)} of {counted(len(known), 'day')} within the usual range" if known else ""
    with_range = [(day, span) for day, span in zip(days, usual, strict=True) if span]
    newest = ""
    if with_range:
        day, span = with_range[-1]
        newest = f"; usual on {short_date(day.day)}: {number_range(span.low, span.high, 0, 'ms')}"
    return Chart(
        key="hrv",
        title="Heart rate variability",
        unit="RMSSD, ms",
        summary=f"{_over(days)}{_range(days, values, 0, 'ms')}{newest}{share}{_without(values, 'value')}.",
        width=len(days),
        shapes=(
            Shape("none", svg.missing(values)),
            Shape("area", svg.band(scale, lows, highs)),
            Shape("mean", svg.line(scale, means)),
            Shape("thread", svg.line(scale, values)),
            Shape("dot", _dots(scale, values)),
        ),
        y=scale.ticks(step),
        x=_date_ticks(days),
        legend=(
            ("dot", "the night's HRV"),
            ("mean", "your average of the 28 days before"),
            ("area", "your usual range"),
        ),
        tips=_tips(days, _hrv_tip),
    )


def _hrv_tip(day: ReportDay) -> str:
    usual = day.usual_hrv
    normal = number_range(usual.low, usual.high, 0, "ms") if usual else DASH
    return f"{number(day.number('hrv_rmssd_milli'), 0, 'ms')}, usual {normal}"


def sleep_chart(days: Sequence[ReportDay]) -> Chart:
    """Time asleep as bars and the sleep need as short lines, in hours."""
    asleep: Values = [day.number("sleep_duration_minutes") for day in days]
    needed: Values = [day.number("sleep_needed_minutes") for day in days]
    top = max([600.0, *(value for value in (*asleep, *needed) if value is not None)])
    scale = Scale(0.0, -(-top // 120) * 120)
    top_hour = int(scale.high // 60)
    # A stored value can be far out of range, and the number of labels must stay small.
    step = 4 * max(1, top_hour // 24)
    same, since = _with_newest_definition("sleep_duration_minutes", days)
    both = [
        (slept, need)
        for day in same
        if (slept := day.number("sleep_duration_minutes")) is not None
        and (need := day.number("sleep_needed_minutes")) is not None
    ]
    met = sum(slept >= need for slept, need in both)
    mean_need, mean_sleep = (
        mean(day.number(name) for day in same) for name in ("sleep_needed_minutes", "sleep_duration_minutes")
    )
    said = f"average {duration(mean_sleep)} asleep" if mean_sleep is not None else "no night with a score"
    if mean_need is not None:
        said += f"; average need {duration(mean_need)}"
    if both:
        said += f"; need met on {met} of {counted(len(both), 'night')}"
    return Chart(
        key="sleep",
        title="Sleep and need",
        unit="hours",
        summary=f"{_over(days)}{said}{since}{_without(asleep, 'scored sleep')}.",
        width=len(days),
        shapes=(
            Shape("none", svg.missing(asleep)),
            Shape("bar sleep", svg.bars(scale, asleep)),
            Shape("need", svg.dashes(scale, needed)),
        ),
        y=tuple(Tick(scale.share(60 * hour), str(hour)) for hour in range(0, top_hour + 1, step)),
        x=_date_ticks(days),
        legend=(("bar sleep", "asleep"), ("need", "need before that night"), ("none", "no scored sleep")),
        tips=_tips(
            days,
            lambda day: (
                f"{hours(day.number('sleep_duration_minutes'))} asleep, need "
                f"{hours(day.number('sleep_needed_minutes'))}"
            ),
        ),
    )


def strain_chart(days: Sequence[ReportDay]) -> Chart:
    """Strain of each finished day, with its means of 7 and 28 days."""
    strains: Values = [day.strain for day in days]
    week: Values = [day.number("strain_mean_7") for day in days]
    month: Values = [day.number("strain_mean_28") for day in days]
    both = [
        (day.day, seven, twentyeight)
        for day, seven, twentyeight in zip(days, week, month, strict=True)
        if seven is not None and twentyeight is not None
    ]
    newest = ""
    if both:
        # The newest day can lack the means, so the text names the day that has both.
        on, *means = both[-1]
        of_week, of_month = (number(value, 1) for value in means)
        newest = f"; on {short_date(on)} the average is {of_week} over 7 days and {of_month} over 28"
    return Chart(
        key="load",
        title="Strain",
        unit="0 to 21",
        summary=f"{_over(days)}{_range(days, strains, 1)}{newest}{_without(strains, 'finished strain')}.",
        width=len(days),
        shapes=(
            Shape("none", svg.missing(strains)),
            Shape("bar strain", svg.bars(_STRAIN, strains)),
            Shape("mean", svg.line(_STRAIN, month)),
            Shape("week", svg.line(_STRAIN, week)),
        ),
        y=_STRAIN_TICKS,
        x=_date_ticks(days),
        legend=(("bar strain", "day strain"), ("week", "average of 7 days"), ("mean", "average of 28 days")),
        tips=_tips(days, lambda day: "not finished" if day.is_partial else number(day.number("strain"), 1)),
    )


def strain_and_recovery_chart(days: Sequence[ReportDay]) -> Chart:
    """Each finished day as a dot: strain over the recovery of that morning; boxes show the strain targets."""
    known = [
        (day, score, strain)
        for day in days
        if (score := day.number("recovery_score")) is not None
        and (strain := day.strain) is not None
        and not day.is_calibrating
    ]
    targets = {
        day.band: (low, high)
        for day in days
        if day.band
        and (low := day.number("strain_target_low")) is not None
        and (high := day.number("strain_target_high")) is not None
    }
    means = {name: mean(strain for day, _, strain in known if day.band == name) for name in BANDS}
    parts = [
        f"average strain {number(value, 1)} on {name} days"
        for name, value in means.items()
        if value is not None
    ]
    said = ", ".join(parts) or "no finished day with a recovery and a strain"
    edges = {"red": (0.0, 33.5), "yellow": (33.5, 66.5), "green": (66.5, 100.0)}
    return Chart(
        key="strain-recovery",
        title="Strain against recovery",
        unit="up: strain; across: recovery, percent",
        summary=f"{_over(days)}{counted(len(known), 'finished day')}; {said}.",
        width=100.0,
        shapes=(
            *(
                Shape(f"zone {name}", svg.box(left, 100.0, right, 0.0))
                for name, (left, right) in edges.items()
            ),
            *(
                Shape(
                    "target",
                    svg.box(edges[name][0] + 0.6, _STRAIN.y(low), edges[name][1] - 0.6, _STRAIN.y(high)),
                )
                for name, (low, high) in sorted(targets.items())
            ),
            *(
                Shape(
                    f"dot {name}",
                    svg.dots((score, _STRAIN.y(strain)) for day, score, strain in known if day.band == name),
                )
                for name in BANDS
            ),
            Shape("newest", svg.dots((score, _STRAIN.y(strain)) for _, score, strain in known[-1:])),
        ),
        y=_STRAIN_TICKS,
        x=(
            Tick(0.0, "0"),
            Tick(0.1675, "red", minor=True),
            Tick(0.335, "34"),
            Tick(0.5, "yellow", minor=True),
            Tick(0.665, "67"),
            Tick(0.8325, "green", minor=True),
            Tick(1.0, "100"),
        ),
        legend=(
            ("dot", "a finished day"),
            *((("newest", f"the newest, {short_date(known[-1][0].day)}"),) if known else ()),
            *((("target", "this project's rule of thumb"),) if targets else ()),
        ),
    )


def _date_ticks(days: Sequence[ReportDay]) -> tuple[Tick, ...]:
    """Return a label for each Monday, each second one after 5 weeks, each third one after 10, or months."""
    count = len(days)
    if count > 120:
        return tuple(
            Tick((place + 0.5) / count, month_label(day.day), minor=day.day.month % 2 == 0)
            for place, day in enumerate(days)
            if day.day.day == 1
        )
    mondays = [place for place, day in enumerate(days) if day.day.weekday() == 0] or [0]
    step = 1 if count <= 35 else 2 if count <= 70 else 3
    chosen = mondays[::-step][::-1]
    return tuple(
        Tick((place + 0.5) / count, short_date(days[place].day), minor=position % 2 == len(chosen) % 2)
        for position, place in enumerate(chosen)
    )


def _dots(scale: Scale, values: Values) -> str:
    return svg.dots((place + 0.5, scale.y(value)) for place, value in enumerate(values) if value is not None)


def _tips(days: Sequence[ReportDay], say: Callable[[ReportDay], str]) -> tuple[str, ...]:
    return tuple(f"{long_date(day.day)}: {say(day) if day.summary else 'no data'}" for day in days)


def _with_newest_definition(column: str, days: Sequence[ReportDay]) -> tuple[list[ReportDay], str]:
    """Return the days with the newest day's definition of the column, and a note about the others."""
    newest = definition_of(column, days[-1].day) if days else None
    same = [day for day in days if definition_of(column, day.day) == newest]
    if len(same) == len(days):
        return same, ""
    return same, f"; WHOOP changed what it counts, so this is since {long_date(same[0].day)}"


def _over(days: Sequence[ReportDay]) -> str:
    return f"{counted(len(days), 'day')} to {long_date(days[-1].day)}: " if days else ""


def _range(days: Sequence[ReportDay], values: Values, digits: int, unit: str = "") -> str:
    """Return mean, lowest and highest value; the latter two with their days."""
    known = [(value, day.day) for value, day in zip(values, days, strict=True) if value is not None]
    if not known:
        return "nothing measured"
    (low, on), (high, when) = min(known), max(known)
    average = number(mean(value for value, _ in known), digits, unit)
    return (
        f"average {average}, lowest {number(low, digits, unit)} on {short_date(on)}, "
        f"highest {number(high, digits, unit)} on {short_date(when)}"
    )


def _without(values: Values, what: str) -> str:
    missing = sum(value is None for value in values)
    return f"; {counted(missing, 'day')} without a {what}" if missing else ""
