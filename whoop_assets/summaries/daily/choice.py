"""Choose the cycle, the sleep and the recovery of a day.

Every frame has a column `at`, the number of the (member, day) of its row. No function combines rows with
different numbers, so a day's result does not depend on the other days. Each choice is a total order, so it
does not depend on the order of the rows.

The three choices are consistent: the sleep belongs to the chosen cycle if that cycle has one, and the
recovery belongs to the chosen sleep.
"""

import pandas as pd

_MILLISECOND = pd.Timedelta(milliseconds=1)


def span_milli(records: pd.DataFrame) -> pd.Series:
    """Return the time from start to end in milliseconds; NaN without an end."""
    duration = (records["end_time"] - records["start_time"]).astype("timedelta64[us]")
    return duration / _MILLISECOND


def choose_cycle(cycles: pd.DataFrame, main_sleeps: pd.DataFrame) -> pd.DataFrame:
    """Choose one cycle per `at`: the one with a main sleep, then the longer closed one, then the lower id.

    If several have a main sleep, the one with the longest main sleep wins, so that sleep and strain of a day
    come from the same cycle. The duration of an open cycle is not known yet, so it ranks after every closed
    one.
    """
    slept = main_sleeps.assign(slept=span_milli(main_sleeps).fillna(-1.0))
    slept = slept.sort_values("slept").drop_duplicates(["at", "cycle_id"], keep="last")
    longest = slept[["at", "cycle_id", "slept"]].rename(columns={"cycle_id": "id"})
    ranked = cycles.merge(longest, on=["at", "id"], how="left")
    ranked = ranked.assign(has_main_sleep=ranked["slept"].notna(), duration=span_milli(ranked))
    # Missing durations sort last in both directions.
    return _first_per_day(
        ranked, ["has_main_sleep", "slept", "duration", "id"], ascending=[False, False, False, True]
    ).drop(columns=["slept", "has_main_sleep", "duration"])


def choose_sleep(main_sleeps: pd.DataFrame, cycle_of_day: pd.DataFrame) -> pd.DataFrame:
    """Choose one main sleep per `at`.

    A sleep of the day's cycle comes first, then the longer one, then the lower id.

    The duration is end - start, which a sleep has even if WHOOP could not score it.
    """
    of_cycle = main_sleeps["cycle_id"] == _chosen_ids(cycle_of_day, main_sleeps["at"])
    ranked = main_sleeps.assign(of_cycle=of_cycle.fillna(False).astype(bool), slept=span_milli(main_sleeps))
    return _first_per_day(ranked, ["of_cycle", "slept", "id"], ascending=[False, False, True]).drop(
        columns=["of_cycle", "slept"]
    )


def choose_recovery(
    recoveries: pd.DataFrame, naps: pd.DataFrame, sleep_of_day: pd.DataFrame, cycle_of_day: pd.DataFrame
) -> pd.DataFrame:
    """Choose at most one recovery per `at`: the recovery of the main sleep, never of a nap.

    A recovery can arrive before its sleep. If the day has no main sleep, the recovery of the day's cycle is
    used under two conditions: its sleep is not a known nap, and there is only one such recovery. Of two
    recoveries one belongs to a nap, but the data does not show which. If the day has a main sleep, a recovery
    of any other sleep is not the day's, even if the main sleep has none yet.
    """
    nap_keys = naps[["at", "id"]].rename(columns={"id": "sleep_id"}).assign(of_nap=True)
    known = recoveries.merge(nap_keys, on=["at", "sleep_id"], how="left")
    days_sleep = _chosen_ids(sleep_of_day, known["at"])
    of_main_sleep = (known["sleep_id"] == days_sleep).fillna(False).astype(bool)
    of_days_cycle = known["cycle_id"] == _chosen_ids(cycle_of_day, known["at"])
    is_candidate = days_sleep.isna() & known["of_nap"].isna() & of_days_cycle.fillna(False).astype(bool)
    only_one = is_candidate.groupby(known["at"]).transform("sum") == 1
    chosen = known[of_main_sleep | (is_candidate & only_one)]
    return _first_per_day(chosen, ["sleep_id"], ascending=[True]).drop(columns=["of_nap"])


def _chosen_ids(chosen: pd.DataFrame, at: pd.Series) -> pd.Series:
    """Return the id of the record that was chosen for each `at`; missing if none was."""
    return chosen.set_index("at")["id"].reindex(at).set_axis(at.index)


def _first_per_day(records: pd.DataFrame, order: list[str], *, ascending: list[bool]) -> pd.DataFrame:
    ordered = records.sort_values(["at", *order], ascending=[True, *ascending], na_position="last")
    return ordered.drop_duplicates("at")
