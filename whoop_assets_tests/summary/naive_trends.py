"""Trends once more, from their written rules, day by day in plain Python: slow, easy to check."""

import json
import math
from datetime import timedelta

Row = dict
LEAST = {7: 4, 14: 7, 28: 14, 60: 30}
SIGNALS = (
    ("resting_heart_rate", "resting_heart_rate_z_28", 1),
    ("hrv_rmssd_milli", "ln_hrv_rmssd_z_28", -1),
    ("respiratory_rate", "respiratory_rate_z_28", 1),
    ("skin_temp_celsius", "skin_temp_celsius_z_28", 1),
)
TARGETS = {"green": (14.0, 18.0), "yellow": (10.0, 14.0), "red": (0.0, 10.0)}
NO_VALUE = "no value on the day"


def naive_trend_rows(daily, first, last):
    by_key = {(row["user_id"], row["day"]): row for row in daily}
    return [naive_trend_row(by_key, user_id, day) for user_id, day in sorted(by_key) if first <= day <= last]


def naive_trend_row(by_key, user_id, day):
    def values(read, days, ago=0):
        """What it reads of the days of a window, oldest first; None where a day has no row or no value."""
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

    readers = {
        "hrv_rmssd_milli": lambda row: row["hrv_rmssd_milli"],
        "ln_hrv_rmssd": lambda row: math.log(row["hrv_rmssd_milli"]) if row["hrv_rmssd_milli"] else None,
        "resting_heart_rate": lambda row: row["resting_heart_rate"],
        "respiratory_rate": lambda row: row["respiratory_rate"],
        "sleep_duration_minutes": lambda row: row["sleep_duration_minutes"],
        "strain": strain_of,
    }
    for name, read in readers.items():
        for days in (7, 28, 60):
            there, lack = enough(values(read, days), days)
            give(f"{name}_mean_{days}", None if lack else mean(there), lack)
            give(f"{name}_sd_{days}", None if lack else sd(there), lack)
        give(f"{name}_z_28", *z_score(read(today), values(read, 28, ago=1)))
    if today["is_partial"]:
        give("strain_z_28", None, "the day is not finished")
    skin = "skin_temp_celsius"
    give(f"{skin}_z_28", *z_score(today[skin], values(lambda row: row[skin], 28, ago=1)))
    for name, read in (
        ("hrv_rmssd_milli", readers["hrv_rmssd_milli"]),
        ("ln_hrv_rmssd", readers["ln_hrv_rmssd"]),
    ):
        there, lack = enough(values(read, 7), 7)
        if lack:
            give(f"{name}_cv_7", None, lack)
        elif mean(there) == 0:
            give(f"{name}_cv_7", None, "the mean of the window is zero")
        else:
            give(f"{name}_cv_7", 100 * sd(there) / mean(there))
    _load(give, values)
    _nights(give, values, today)
    _signs(give, out, values, today)
    why = {name: why[name] for name in why if out[name] is None}
    return {
        "user_id": user_id,
        "day": day,
        "is_partial": today["is_partial"],
        **out,
        "missing": json.dumps(why) if why else None,
    }


def _load(give, values):
    week, week_lacks = enough(values(strain_of, 7), 7)
    month, month_lacks = enough(values(strain_of, 28), 28)
    lack = month_lacks or ("the mean of the window is zero" if mean(month) == 0 else week_lacks)
    give("acwr_coupled_7_28", None if lack else mean(week) / mean(month), lack)
    acute, chronic = (ewma(values(strain_of, 60), days) for days in (7, 28))
    lack = month_lacks or ("the mean of the window is zero" if chronic == 0 else week_lacks)
    give("acwr_ewma_7_28", None if lack else acute / chronic, lack)
    lack = week_lacks or ("no spread in the window" if sd(week) == 0 else None)
    give("training_monotony_7", None if lack else mean(week) / sd(week), lack)
    give("training_strain_7", None if lack else 7 * mean(week) * mean(week) / sd(week), lack)


def _nights(give, values, today):
    def shortfall(row):
        parts = [row["sleep_needed_minutes"], row["sleep_debt_minutes"], row["sleep_duration_minutes"]]
        return None if None in parts else parts[0] - parts[1] - parts[2]

    for days in (7, 14):
        there, lack = enough(values(shortfall, days), days)
        give(f"sleep_debt_{days}_minutes", None if lack else days * mean(there), lack)
    for name, column in (("bed", "sleep_start_time"), ("wake", "sleep_end_time")):
        here = clock(today, column)
        there, lack = enough(values(lambda row, column=column: clock(row, column), 28, ago=1), 28)
        if here is None:
            give(f"{name}_time_deviation_minutes", None, NO_VALUE)
            continue
        if lack:
            give(f"{name}_time_deviation_minutes", None, lack)
            continue
        turns = [2 * math.pi * minutes / 1440 for minutes in there]
        x, y = mean([math.cos(turn) for turn in turns]), mean([math.sin(turn) for turn in turns])
        if math.hypot(x, y) < 0.5:
            give(f"{name}_time_deviation_minutes", None, "times scattered around the clock")
            continue
        apart = (here - math.atan2(y, x) * 1440 / (2 * math.pi)) % 1440
        give(f"{name}_time_deviation_minutes", apart - 1440 if apart > 720 else apart)
    there, lack = enough(values(offset, 28, ago=1), 28)
    if offset(today) is None:
        give("timezone_shift_minutes", None, NO_VALUE)
    else:
        give(
            "timezone_shift_minutes",
            None if lack else offset(today) - sorted(there)[(len(there) - 1) // 2],
            lack,
        )


def _signs(give, out, values, today):
    band = today["recovery_band"]
    for place, name in enumerate(("strain_target_low", "strain_target_high")):
        give(name, None if band is None else TARGETS[band][place], NO_VALUE)
    known = [(name, out[score] * sign) for name, score, sign in SIGNALS if out[score] is not None]
    there = [name for name, score in known if score >= 2.0]
    few = "fewer than 2 signals known" if len(known) < 2 else None
    give("illness_signal_count", None if few else len(there), few)
    give("illness_signals_known", len(known))
    give("illness_signals", None if few else ",".join(there), few)
    give("illness_flag", None if few else len(there) >= 2, few)
    streak = 0
    for one in reversed(values(lambda row: row["recovery_band"], 60)):
        if one != "green":
            break
        streak += 1
    give("green_streak_days", None if band is None else streak, NO_VALUE)


def strain_of(row):
    nothing = row["strain"] == 0 and row["kilojoule"] == 0
    return None if row["is_partial"] or nothing else row["strain"]


def offset(row):
    text = row["timezone_offset"]
    if text is None:
        return None
    if text == "Z":
        return 0.0
    return (1 if text[0] == "+" else -1) * (60.0 * int(text[1:3]) + int(text[4:6]))


def clock(row, column):
    if row[column] is None or offset(row) is None:
        return None
    local = row[column] + timedelta(minutes=offset(row))
    return local.hour * 60 + local.minute + local.second / 60 + local.microsecond / 60e6


def enough(values, days):
    there = [value for value in values if value is not None]
    lack = None if len(there) >= LEAST[days] else f"{len(there)} of {LEAST[days]} values"
    return there, lack


def z_score(value, before):
    if value is None:
        return None, NO_VALUE
    there, lack = enough(before, 28)
    if lack:
        return None, lack
    if sd(there) == 0:
        return None, "no spread in the window"
    return (value - mean(there)) / sd(there), None


def mean(values):
    return sum(values) / len(values)


def sd(values):
    """Of the sample; equal values have exactly none."""
    if len(set(values)) == 1:
        return 0.0
    middle = mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))


def ewma(values, days):
    """Weights 2 / (days + 1) x (1 - that)^age, over the days that have a value, brought to a sum of one."""
    share = 2 / (days + 1)
    pairs = [
        (share * (1 - share) ** age, value) for age, value in enumerate(reversed(values)) if value is not None
    ]
    return sum(w * v for w, v in pairs) / sum(w for w, _ in pairs) if pairs else None
