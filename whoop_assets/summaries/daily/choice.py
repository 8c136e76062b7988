"""Choose the cycle, the sleep and the recovery of a day.

Every function gets the records of one member's day. Each choice is a total order, so it does not depend on
the order of the records.

The three choices are consistent: the sleep belongs to the chosen cycle if that cycle has one, and the
recovery belongs to the chosen sleep.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

Row = Mapping[str, Any]

_MILLISECOND = timedelta(milliseconds=1)


def span_milli(record: Row) -> float | None:
    """Return the time from start to end in milliseconds; None without an end."""
    if record["start_time"] is None or record["end_time"] is None:
        return None
    span: float = (record["end_time"] - record["start_time"]) / _MILLISECOND
    return span


def choose_cycle(cycles: Sequence[Row], main_sleeps: Sequence[Row]) -> Row | None:
    """Choose a cycle: the one with a main sleep, then the longer closed one, then the lower id.

    If several have a main sleep, the one with the longest main sleep wins, so that sleep and strain of a day
    come from the same cycle. The duration of an open cycle is not known yet, so it ranks after every closed
    one.
    """
    slept: dict[int, tuple[bool, float]] = {}
    for sleep in main_sleeps:
        rank = _longest_first(span_milli(sleep))
        slept[sleep["cycle_id"]] = min(rank, slept.get(sleep["cycle_id"], rank))
    return min(
        cycles,
        key=lambda cycle: (
            cycle["id"] not in slept,
            slept.get(cycle["id"]),
            _longest_first(span_milli(cycle)),
            cycle["id"],
        ),
        default=None,
    )


def choose_sleep(main_sleeps: Sequence[Row], cycle: Row | None) -> Row | None:
    """Choose a main sleep: one of the day's cycle first, then the longer one, then the lower id.

    The duration is end - start, which a sleep has even if WHOOP could not score it.
    """
    return min(
        main_sleeps,
        key=lambda sleep: (
            cycle is None or sleep["cycle_id"] != cycle["id"],
            _longest_first(span_milli(sleep)),
            sleep["id"],
        ),
        default=None,
    )


def choose_recovery(
    recoveries: Sequence[Row], naps: Sequence[Row], sleep: Row | None, cycle: Row | None
) -> Row | None:
    """Choose at most one recovery: that of the main sleep, never of a nap.

    A recovery can arrive before its sleep. If the day has no main sleep, the recovery of the day's cycle is
    used under two conditions: its sleep is not a known nap, and there is only one such recovery. Of two
    recoveries one belongs to a nap, but the data does not show which. If the day has a main sleep, a recovery
    of any other sleep is not the day's, even if the main sleep has none yet.
    """
    if sleep is not None:
        return next((row for row in recoveries if row["sleep_id"] == sleep["id"]), None)
    if cycle is None:
        return None
    of_naps = {nap["id"] for nap in naps}
    of_cycle = [
        row for row in recoveries if row["cycle_id"] == cycle["id"] and row["sleep_id"] not in of_naps
    ]
    return of_cycle[0] if len(of_cycle) == 1 else None


def _longest_first(span: float | None) -> tuple[bool, float]:
    """Return a sort key that puts longer times first and unknown ones last."""
    return (True, 0.0) if span is None else (False, -span)
