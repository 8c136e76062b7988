"""Independent implementation of trends in plain Python, from their written rules, one day at a time."""

import cmath
import json
import math
import statistics
from datetime import date, timedelta
from itertools import pairwise

Row = dict
LEAST = {7: 4, 14: 7, 21: 11, 28: 14, 60: 30}
SYSTEMS = {
    "resting_heart_rate": ("heart", "resting_heart_rate_z_28", 1),
    "hrv_rmssd_milli": ("heart", "ln_hrv_rmssd_z_28", -1),
    "respiratory_rate": ("breath", "respiratory_rate_z_28", 1),
    "skin_temp_celsius": ("skin", "skin_temp_celsius_z_28", 1),
}
TARGETS = {"green": (14.0, 18.0), "yellow": (10.0, 14.0), "red": (0.0, 10.0)}
NO_VALUE = "no value on the day"
CALIBRATING = "WHOOP calibrates the recovery score"
NEW_STAGES = date(2025, 2, 24)
ZONES = ("one", "two", "three", "four", "five")


def naive_trend_rows(daily, first, last):
    by_key = {(row["user_id"], row["day"]): row for row in daily}
    return [naive_trend_row(by_key, user_id, day) for user_id, day in sorted(by_key) if first <= day <= last]


def naive_trend_row(by_key, user_id, day):
    def values(read, days, ago=0):
        """Read a column of the days of a window, oldest first; None where a day has no row or no value."""
        found = []
        for lag in range(ago + days - 1, ago - 1, -1):
            row = by_key.get((user_id, day - timedelta(days=lag)))
            found.append(None if row is None else read(row))
        return found

    today = by_key[user_id, day]
    out, why = {}, {}

    def give(name, value, reason=None):
        out[name] = value
        if value is None:
            why[name] = reason

    def sleep_of_now(row):
        """Sleep by the definition that holds on this day."""
        same = (row["day"] >= NEW_STAGES) == (day >= NEW_STAGES)
        return row["sleep_duration_minutes"] if same else None

    readers = {
        "ln_hrv_rmssd": ln_hrv,
        "resting_heart_rate": lambda row: row["resting_heart_rate"],
        "respiratory_rate": lambda row: row["respiratory_rate"],
        "sleep_duration_minutes": sleep_of_now,
        "strain": strain_of,
        "recovery_score": recovery_of,
        "skin_temp_celsius": lambda row: row["skin_temp_celsius"],
    }

    def rolled(name, read):
        for days in (7, 28, 60):
            there, lack = enough(values(read, days), LEAST[days])
            give(f"{name}_mean_{days}", None if lack else statistics.fmean(there), lack)
            give(f"{name}_sd_{days}", None if lack else sd(there), lack)

    rolled("hrv_rmssd_milli", lambda row: row["hrv_rmssd_milli"])
    for name, read in readers.items():
        if name not in ("recovery_score", "skin_temp_celsius"):
            rolled(name, read)
        there, lack = enough(values(read, 28, ago=1), 14)
        give(f"{name}_usual_mean_28", None if lack else statistics.fmean(there), lack)
        give(f"{name}_usual_sd_28", None if lack else sd(there), lack)
        give(f"{name}_z_28", *z_score(read(today), values(read, 28, ago=1)))
    if today["is_partial"]:
        give("strain_z_28", None, "the day is not finished")
    if today["user_calibrating"]:
        give("recovery_score_z_28", None, CALIBRATING)
    _hrv(give, values)
    _load(give, values, today)
    _balance(give, values, by_key, user_id, day)
    _nights(give, values, today)
    _timing(give, values, today)
    _zones(give, values, today)
    _signs(give, out, values, today)
    why = {name: why[name] for name in why if out[name] is None}
    return {
        "user_id": user_id,
        "day": day,
        "is_partial": today["is_partial"],
        **out,
        "missing": json.dumps(why) if why else None,
    }


def _hrv(give, values):
    week, _ = enough(values(ln_hrv, 7), 4)
    there, lack = enough(values(ln_hrv, 7), 5)
    give("hrv_cv_7", None if lack else 100 * sd(there), lack)
    week, week_lacks = enough(values(ln_hrv, 7), 4)
    before, lack = enough(values(ln_hrv, 60, ago=7), 30)
    lack = lack or ("no spread in the window" if sd(before) == 0 else None)
    if lack:
        give("hrv_normal_low_milli", None, lack)
        give("hrv_normal_high_milli", None, lack)
        give("hrv_status", None, week_lacks or lack)
        return
    low = statistics.fmean(before) - sd(before) / 2
    high = statistics.fmean(before) + sd(before) / 2
    give("hrv_normal_low_milli", math.exp(low))
    give("hrv_normal_high_milli", math.exp(high))
    mean = None if week_lacks else statistics.fmean(week)
    status = None if mean is None else "below" if mean < low else "above" if mean > high else "within"
    give("hrv_status", status, week_lacks)


def _load(give, values, today):
    give("training_load", load_of(today), NO_VALUE)
    week, week_lacks = enough(values(load_of, 7), 4)
    give("training_load_mean_7", None if week_lacks else statistics.fmean(week), week_lacks)
    month, lack = enough(values(load_of, 28), 14)
    give("training_load_mean_28", None if lack else statistics.fmean(month), lack)
    earlier, lack = enough(values(load_of, 21, ago=7), 11)
    lack = week_lacks or lack or ("the mean of the window is zero" if sum(earlier) == 0 else None)
    give(
        "training_load_ratio_7_21", None if lack else statistics.fmean(week) / statistics.fmean(earlier), lack
    )
    whole, lack = enough(values(load_of, 7), 7)
    lack = lack or ("no spread in the window" if sd(whole) == 0 else None)
    monotony = None if lack else statistics.fmean(whole) / sd(whole)
    give("training_load_monotony_7", monotony, lack)
    give("training_load_foster_strain_7", None if lack else sum(whole) * monotony, lack)


def _balance(give, values, by_key, user_id, day):
    def balance(on, days):
        """The balance of `days` nights that end on that day."""

        def surplus(row):
            parts = [row["sleep_needed_minutes"], row["sleep_debt_minutes"], row["sleep_duration_minutes"]]
            same = (row["day"] >= NEW_STAGES) == (day >= NEW_STAGES)
            return None if None in parts or not same else parts[2] - (parts[0] - parts[1])

        rows = [by_key.get((user_id, on - timedelta(days=lag))) for lag in range(days)]
        there, lack = enough([None if row is None else surplus(row) for row in rows], LEAST[days])
        return (None, lack) if lack else (days * statistics.fmean(there), None)

    for days in (7, 14):
        give(f"sleep_balance_{days}_minutes", *balance(day, days))
    before = [balance(day - timedelta(days=lag), 7)[0] for lag in range(1, 29)]
    there, lack = enough(before, 14)
    give("sleep_balance_7_minutes_usual_mean_28", None if lack else statistics.fmean(there), lack)
    give("sleep_balance_7_minutes_usual_sd_28", None if lack else sd(there), lack)


def _nights(give, values, today):
    for name, column in (("bed", "sleep_start_time"), ("wake", "sleep_end_time")):
        here = clock(today, today[column])
        there, lack = enough(values(lambda row, column=column: clock(row, row[column]), 28, ago=1), 14)
        if here is None:
            give(f"{name}_time_deviation_minutes", None, NO_VALUE)
            continue
        if lack:
            give(f"{name}_time_deviation_minutes", None, lack)
            continue
        mean, length = circular(there)
        if length < 0.5:
            give(f"{name}_time_deviation_minutes", None, "times scattered around the clock")
            continue
        give(f"{name}_time_deviation_minutes", apart(here, mean))


def _timing(give, values, today):
    give("mid_sleep_minutes", middle(today), NO_VALUE)
    for days in (7, 28):
        there, lack = enough(values(middle, days), LEAST[days])
        spread = None if lack else math.sqrt(max(0.0, -2 * math.log(circular(there)[1]))) * 1440 / math.tau
        give(f"mid_sleep_sd_{days}_minutes", spread, lack)
    free, few_free = enough(values(lambda row: middle(row) if row["day"].weekday() > 4 else None, 28), 4)
    work, few_work = enough(values(lambda row: middle(row) if row["day"].weekday() < 5 else None, 28), 10)
    lack = few_free or few_work
    if not lack and min(circular(free)[1], circular(work)[1]) < 0.5:
        lack = "times scattered around the clock"
    give(
        "social_jetlag_weekend_28_minutes",
        None if lack else apart(circular(free)[0], circular(work)[0]),
        lack,
    )
    nights = values(lambda row: row, 29)
    pairs = []
    for earlier, later in pairwise(nights):
        spans = [
            None if row is None or None in (row["sleep_start_time"], row["sleep_end_time"]) else row
            for row in (earlier, later)
        ]
        pairs.append(None if None in spans else same_state(*spans))
    there, lack = enough(pairs, 14)
    give("sleep_regularity_28", None if lack else 200 * statistics.fmean(there) - 100, lack)


def same_state(earlier, later):
    """The share of 24 hours in which both nights have the member in the same state: the borders of both cut
    the day."""
    day = timedelta(days=1)
    first = (earlier["sleep_start_time"] + day, earlier["sleep_end_time"] + day)
    other = (later["sleep_start_time"], later["sleep_end_time"])
    borders = sorted({*first, *other})
    different = timedelta()
    for start, end in pairwise(borders):
        asleep = [span[0] <= start and end <= span[1] for span in (first, other)]
        if asleep[0] != asleep[1]:
            different += end - start
    return 1 - min(different / day, 1)


def _zones(give, values, today):
    there, lack = enough(values(offset, 28, ago=1), 14)
    names = ("timezone_shift_minutes", "timezone_shift_cause", "timezone_days_to_adapt")
    here = offset(today)
    if here is None or lack:
        for name in names:
            give(name, None, NO_VALUE if here is None else lack)
        return
    shift = here - statistics.median_low(there)
    while shift >= 720:
        shift -= 1440
    while shift < -720:
        shift += 1440
    give("timezone_shift_minutes", shift)
    if shift == 0:
        give("timezone_shift_cause", "none")
        give("timezone_days_to_adapt", 0.0)
        return
    days_here, gap = 0, 0
    for back, value in enumerate(reversed(values(offset, 28, ago=1)), start=1):
        if value == here:
            days_here = back
        elif value is not None:
            gap = back - days_here
            old = value
            break
    clocks = (
        here - old == shift
        and abs(shift) <= 60
        and gap <= 4
        and by_law(today["day"] - timedelta(days=days_here), gap, old, here)
    )
    give("timezone_shift_cause", "clock_change" if clocks else "travel")
    give("timezone_days_to_adapt", max(0.0, abs(shift) / (60 if shift > 0 else 90) - days_here))


CLOCK_CHANGES = {
    date(2025, 3, 9): (-300, -240),
    date(2026, 3, 8): (-300, -240),
    date(2026, 11, 1): (-240, -300),
    date(2025, 10, 26): (120, 60),
}
"""Clock changes of New York and Berlin on the days of the tests: minutes east of UTC before and after."""


def by_law(day, gap, old, new):
    """Whether clocks changed so in the `gap` days before the first day with the new offset."""
    return any(
        (old, new) == pair and -gap <= (change - day).days <= 0 for change, pair in CLOCK_CHANGES.items()
    )


def _signs(give, out, values, today):
    band = today["recovery_band"]
    lack = CALIBRATING if today["user_calibrating"] else NO_VALUE
    for place, name in enumerate(("strain_target_low", "strain_target_high")):
        give(name, None if band is None or today["user_calibrating"] else TARGETS[band][place], lack)
    known, there = set(), {}
    for name, (system, score, sign) in SYSTEMS.items():
        if out[score] is not None:
            known.add(system)
            if out[score] * sign >= 2.0:
                there[name] = system
    few = "fewer than 2 systems known" if len(known) < 2 else None
    give("illness_systems", None if few else len(set(there.values())), few)
    give("illness_systems_known", len(known))
    give("illness_signs", None if few else ",".join(there), few)
    give("illness_flag", None if few else len(set(there.values())) >= 2, few)
    streak = 0
    for past_band in reversed(
        values(lambda row: None if row["user_calibrating"] else row["recovery_band"], 60)
    ):
        if past_band != "green":
            break
        streak += 1
    give("green_streak_days", None if band is None or today["user_calibrating"] else streak, lack)


def ln_hrv(row):
    return math.log(row["hrv_rmssd_milli"]) if row["hrv_rmssd_milli"] else None


def recovery_of(row):
    return None if row["user_calibrating"] else row["recovery_score"]


def strain_of(row):
    nothing = row["strain"] == 0 and row["kilojoule"] == 0
    return None if row["is_partial"] or nothing else row["strain"]


def load_of(row):
    if strain_of(row) is None:
        return None
    if row["workout_count"] == 0:
        return 0.0
    minutes = [row[f"zone_{zone}_milli"] for zone in ZONES]
    return None if None in minutes else sum(n * milli for n, milli in enumerate(minutes, 1)) / 60_000


def offset(row):
    text = row["timezone_offset"]
    if text is None:
        return None
    if text == "Z":
        return 0.0
    return (1 if text[0] == "+" else -1) * (60.0 * int(text[1:3]) + int(text[4:6]))


def clock(row, moment):
    if moment is None or offset(row) is None:
        return None
    local = moment + timedelta(minutes=offset(row))
    return local.hour * 60 + local.minute + local.second / 60 + local.microsecond / 60e6


def middle(row):
    if row["sleep_start_time"] is None or row["sleep_end_time"] is None:
        return None
    return clock(row, row["sleep_start_time"] + (row["sleep_end_time"] - row["sleep_start_time"]) / 2)


def circular(minutes):
    """Mean time of day in minutes, and mean resultant length, by complex numbers."""
    total = sum(cmath.exp(1j * math.tau * minute / 1440) for minute in minutes) / len(minutes)
    return cmath.phase(total) * 1440 / math.tau % 1440, min(1.0, abs(total))


def apart(here, usual):
    found = (here - usual) % 1440
    return found - 1440 if found > 720 else found


def enough(values, least):
    there = [value for value in values if value is not None]
    return there, None if len(there) >= least else f"{len(there)} of {least} values"


def z_score(value, before):
    if value is None:
        return None, NO_VALUE
    there, lack = enough(before, 14)
    if lack:
        return None, lack
    if sd(there) == 0:
        return None, "no spread in the window"
    return (value - statistics.fmean(there)) / sd(there), None


def sd(values):
    """Of the sample; equal values have exactly none."""
    return 0.0 if len(set(values)) == 1 else statistics.stdev(values)
