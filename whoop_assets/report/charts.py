"""The charts of one member: recovery, HRV and its usual range, sleep and need, strain, strain against recovery."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from whoop_assets.definition_changes import definition_of
from whoop_assets.report import svg, words
from whoop_assets.report.history import Day, mean
from whoop_assets.report.svg import Chart, Mark, Scale, Tick, Values

BANDS = {"green": (67, 100), "yellow": (34, 66), "red": (0, 33)}
"""WHOOP's bands of the recovery score: first and last percent of each."""

_PERCENT, _STRAIN = Scale(0.0, 100.0), Scale(0.0, 21.0)
_STRAIN_TICKS = tuple(Tick(value / 21, str(value)) for value in (0, 7, 14, 21))


def of_summary(days: Sequence[Day]) -> list[Chart]:
    """What daily rows alone can show."""
    return [recovery(days), sleep(days), strain_and_recovery(days)]


def of_trends(days: Sequence[Day]) -> list[Chart]:
    """What needs the trends."""
    return [hrv(days), load(days)]


def all_of(days: Sequence[Day]) -> list[Chart]:
    """All charts, in the order in which they are read."""
    return [recovery(days), hrv(days), sleep(days), load(days), strain_and_recovery(days)]


def recovery(days: Sequence[Day]) -> Chart:
    """Recovery as bars, colored by WHOOP's bands; lines at the bands' borders say the same without color."""
    scores: Values = [day.number("recovery_score") for day in days]
    by_band = {
        name: [score if day.band == name else None for day, score in zip(days, scores, strict=True)]
        for name in BANDS
    }
    counted = [day for day in days if not day.is_calibrating]
    counts = ", ".join(f"{sum(day.band == name for day in counted)} {name}" for name in BANDS)
    return Chart(
        key="recovery",
        title="Recovery",
        unit="percent",
        summary=f"{_over(days)}{_range(counted, [day.number('recovery_score') for day in counted], 0, '%')}; {counts}{_without(scores, 'score')}.",
        width=len(days),
        marks=(
            Mark("none", svg.missing(scores)),
            *(Mark(f"bar {name}", svg.bars(_PERCENT, values)) for name, values in by_band.items()),
        ),
        y=tuple(Tick(value / 100, str(value)) for value in (0, 34, 67, 100)),
        x=_dates(days),
        legend=(
            *((f"bar {name}", f"{name}, {low} to {high}") for name, (low, high) in BANDS.items()),
            ("none", "no score"),
        ),
        tips=_tips(
            days,
            lambda day: f"{words.number(day.number('recovery_score'), 0, '%')}, {day.band or 'no score'}",
        ),
    )


def hrv(days: Sequence[Day]) -> Chart:
    """HRV of each day, before the usual range of the 28 days before it."""
    values: Values = [day.number("hrv_rmssd_milli") for day in days]
    usual = [day.usual_hrv for day in days]
    means: Values = [None if one is None else one.middle for one in usual]
    lows: Values = [None if one is None else one.low for one in usual]
    highs: Values = [None if one is None else one.high for one in usual]
    scale, step = svg.fitting([*values, *lows, *highs])
    inside = [
        one.low <= value <= one.high
        for value, one in zip(values, usual, strict=True)
        if value is not None and one is not None
    ]
    share = f"; {sum(inside)} of {words.counted(len(inside), 'day')} within the usual range" if inside else ""
    last = next(((day, one) for day, one in reversed([*zip(days, usual, strict=True)]) if one), None)
    at = (
        f"; usual on {words.short(last[0].day)}: {words.between(last[1].low, last[1].high, 0, 'ms')}"
        if last
        else ""
    )
    return Chart(
        key="hrv",
        title="Heart rate variability",
        unit="RMSSD, ms",
        summary=f"{_over(days)}{_range(days, values, 0, 'ms')}{at}{share}{_without(values, 'value')}.",
        width=len(days),
        marks=(
            Mark("none", svg.missing(values)),
            Mark("area", svg.band(scale, lows, highs)),
            Mark("mean", svg.line(scale, means)),
            Mark("thread", svg.line(scale, values)),
            Mark("dot", _dots(scale, values)),
        ),
        y=scale.ticks(step),
        x=_dates(days),
        legend=(
            ("dot", "the night's HRV"),
            ("mean", "your average of the 28 days before"),
            ("area", "your usual range"),
        ),
        tips=_tips(
            days,
            lambda day: (
                f"{words.number(day.number('hrv_rmssd_milli'), 0, 'ms')}, usual "
                f"{words.between(one.low, one.high, 0, 'ms') if (one := day.usual_hrv) else words.NONE}"
            ),
        ),
    )


def sleep(days: Sequence[Day]) -> Chart:
    """Time asleep as bars, and the need before that sleep as a stroke."""
    asleep: Values = [day.number("sleep_duration_minutes") for day in days]
    needed: Values = [day.number("sleep_needed_minutes") for day in days]
    top = max([600.0, *(value for value in (*asleep, *needed) if value is not None)])
    scale = Scale(0.0, -(-top // 120) * 120)
    same, since = _of_one_definition("sleep_duration_minutes", days)
    both = [
        (a, n)
        for day in same
        if (a := day.number("sleep_duration_minutes")) is not None
        and (n := day.number("sleep_needed_minutes")) is not None
    ]
    met = sum(a >= n for a, n in both)
    of = f"; need met on {met} of {words.counted(len(both), 'night')}" if both else ""
    needs = mean(needed)
    need = f"; mean need {words.duration(needs)}" if needs is not None else ""
    middle = mean(day.number("sleep_duration_minutes") for day in same)
    slept = f"mean {words.duration(middle)} asleep" if middle is not None else "no night with a score"
    return Chart(
        key="sleep",
        title="Sleep and need",
        unit="hours",
        summary=f"{_over(days)}{slept}{need}{of}{since}{_without(asleep, 'scored sleep')}.",
        width=len(days),
        marks=(
            Mark("none", svg.missing(asleep)),
            Mark("bar sleep", svg.bars(scale, asleep)),
            Mark("need", svg.dashes(scale, needed)),
        ),
        y=tuple(Tick(scale.share(60 * hour), str(hour)) for hour in range(0, int(scale.high // 60) + 1, 4)),
        x=_dates(days),
        legend=(("bar sleep", "asleep"), ("need", "need before that night"), ("none", "no scored sleep")),
        tips=_tips(
            days,
            lambda day: (
                f"{words.hours(day.number('sleep_duration_minutes'))} asleep, need "
                f"{words.hours(day.number('sleep_needed_minutes'))}"
            ),
        ),
    )


def load(days: Sequence[Day]) -> Chart:
    """Strain of each day that is over, with its mean over a week and over four."""
    strains: Values = [day.strain for day in days]
    week: Values = [day.number("strain_mean_7") for day in days]
    month: Values = [day.number("strain_mean_28") for day in days]
    both = [
        (day.day, seven, twentyeight)
        for day, seven, twentyeight in zip(days, week, month, strict=True)
        if seven is not None and twentyeight is not None
    ]
    # Both means are of one day, and the day is named: the newest day may have none.
    now = (
        f"; on {words.short(both[-1][0])} the mean is {words.number(both[-1][1], 1)} over 7 days and "
        f"{words.number(both[-1][2], 1)} over 28"
        if both
        else ""
    )
    return Chart(
        key="load",
        title="Strain",
        unit="0 to 21",
        summary=f"{_over(days)}{_range(days, strains, 1)}{now}{_without(strains, 'finished strain')}.",
        width=len(days),
        marks=(
            Mark("none", svg.missing(strains)),
            Mark("bar strain", svg.bars(_STRAIN, strains)),
            Mark("mean", svg.line(_STRAIN, month)),
            Mark("week", svg.line(_STRAIN, week)),
        ),
        y=_STRAIN_TICKS,
        x=_dates(days),
        legend=(("bar strain", "day strain"), ("week", "mean of 7 days"), ("mean", "mean of 28 days")),
        tips=_tips(
            days, lambda day: "still going on" if day.is_partial else words.number(day.number("strain"), 1)
        ),
    )


def strain_and_recovery(days: Sequence[Day]) -> Chart:
    """Each finished day as a dot: its strain over the recovery it began with; boxes are the strain targets."""
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
    parts = [
        f"mean strain {words.number(mean(strain for day, _, strain in known if day.band == name), 1)} on {name} days"
        for name in BANDS
        if any(day.band == name for day, _, _ in known)
    ]
    said = ", ".join(parts) or "no finished day with a recovery and a strain"
    edges = {"red": (0.0, 33.5), "yellow": (33.5, 66.5), "green": (66.5, 100.0)}
    return Chart(
        key="strain-recovery",
        title="Strain against recovery",
        unit="strain, over recovery in percent",
        summary=f"{_over(days)}{words.counted(len(known), 'finished day')}; {said}.",
        width=100.0,
        marks=(
            *(
                Mark(f"zone {name}", svg.box(left, 100.0, right, 0.0))
                for name, (left, right) in edges.items()
            ),
            *(
                Mark(
                    "target",
                    svg.box(edges[name][0] + 0.6, _STRAIN.y(low), edges[name][1] - 0.6, _STRAIN.y(high)),
                )
                for name, (low, high) in sorted(targets.items())
            ),
            *(
                Mark(
                    f"dot {name}",
                    svg.dots((score, _STRAIN.y(strain)) for day, score, strain in known if day.band == name),
                )
                for name in BANDS
            ),
            Mark("newest", svg.dots((score, _STRAIN.y(strain)) for _, score, strain in known[-1:])),
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
            *((("newest", f"the newest, {words.short(known[-1][0].day)}"),) if known else ()),
            *((("target", "this project's rule of thumb"),) if targets else ()),
        ),
    )


def dates_of(days: Sequence[date]) -> tuple[Tick, ...]:
    """Dates along the axis: Mondays of a few weeks, every other Monday of some months, else the months."""
    count = len(days)
    if count <= 120:
        mondays = [place for place, day in enumerate(days) if day.weekday() == 0] or [0]
        every = 1 if count <= 35 else 2
        chosen = mondays[::-1][::every][::-1]
        return tuple(
            Tick((place + 0.5) / count, words.short(days[place]), minor=n % 2 == len(chosen) % 2)
            for n, place in enumerate(chosen)
        )
    firsts = [place for place, day in enumerate(days) if day.day == 1]
    return tuple(
        Tick((place + 0.5) / count, words.month(days[place]), minor=days[place].month % 2 == 0)
        for place in firsts
    )


def _dates(days: Sequence[Day]) -> tuple[Tick, ...]:
    return dates_of([day.day for day in days])


def _dots(scale: Scale, values: Values) -> str:
    return svg.dots((place + 0.5, scale.y(value)) for place, value in enumerate(values) if value is not None)


def _tips(days: Sequence[Day], say: Callable[[Day], str]) -> tuple[str, ...]:
    return tuple(f"{words.long(day.day)}: {say(day) if day.summary else 'no data'}" for day in days)


def _known(values: Iterable[float | None]) -> int:
    return sum(value is not None for value in values)


def _of_one_definition(column: str, days: Sequence[Day]) -> tuple[list[Day], str]:
    """The days with the newest day's definition of the column, and words on a change of it before them."""
    newest = definition_of(column, days[-1].day) if days else None
    same = [day for day in days if definition_of(column, day.day) == newest]
    said = f"; WHOOP changed what it counts, so this is since {words.long(same[0].day)}"
    return same, said if len(same) < len(days) else ""


def _over(days: Sequence[Day]) -> str:
    return f"{words.counted(len(days), 'day')} to {words.long(days[-1].day)}: " if days else ""


def _range(days: Sequence[Day], values: Values, digits: int, unit: str = "") -> str:
    """Mean, lowest and highest with their days."""
    known = [(value, day.day) for value, day in zip(values, days, strict=True) if value is not None]
    if not known:
        return "nothing measured"
    (low, on), (high, when) = min(known), max(known)
    return (
        f"mean {words.number(mean(value for value, _ in known), digits, unit)}, lowest "
        f"{words.number(low, digits, unit)} on {words.short(on)}, highest {words.number(high, digits, unit)} on "
        f"{words.short(when)}"
    )


def _without(values: Values, what: str) -> str:
    lacking = len(values) - _known(values)
    return f"; {words.counted(lacking, 'day')} without a {what}" if lacking else ""
