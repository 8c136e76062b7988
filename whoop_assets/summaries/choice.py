"""Which cycle, which sleep and which recovery are the day's.

Every frame here carries `at`, the number of its row's (member, day). Nothing is ever matched across two of
them, so a day comes out the same whichever other days are computed beside it. Each choice is one total order,
so it does not depend on the order in which the rows arrived.

The three choices agree with each other: the sleep is the chosen cycle's wherever that cycle has one, and the
recovery is the chosen sleep's.
"""

import pandas as pd

_MILLISECOND = pd.Timedelta(milliseconds=1)


def span_milli(records: pd.DataFrame) -> pd.Series:
    """From start to end in milliseconds; NaN for what has no end."""
    lasted = (records["end_time"] - records["start_time"]).astype("timedelta64[us]")
    return lasted / _MILLISECOND


def days_cycle(cycles: pd.DataFrame, main_sleeps: pd.DataFrame) -> pd.DataFrame:
    """One cycle per `at`: the one with a main sleep, then the longer closed one, then the lower id.

    Where several have a main sleep, the one with the longest main sleep comes first: the day's sleep, being
    the longer one, must not belong to another cycle than the day's strain. The length of an open cycle is not
    known yet, so it stands behind every closed one.
    """
    slept = main_sleeps.assign(slept=span_milli(main_sleeps).fillna(-1.0))
    slept = slept.sort_values("slept").drop_duplicates(["at", "cycle_id"], keep="last")
    longest = slept[["at", "cycle_id", "slept"]].rename(columns={"cycle_id": "id"})
    ranked = cycles.merge(longest, on=["at", "id"], how="left")
    ranked = ranked.assign(has_main_sleep=ranked["slept"].notna(), lasted=span_milli(ranked))
    # Missing lengths sort last in both directions.
    return _first_per_day(
        ranked, ["has_main_sleep", "slept", "lasted", "id"], ascending=[False, False, False, True]
    ).drop(columns=["slept", "has_main_sleep", "lasted"])


def days_sleep(main_sleeps: pd.DataFrame, cycle_of_day: pd.DataFrame) -> pd.DataFrame:
    """One main sleep per `at`: the day's cycle's before one whose cycle is missing, the longer, the lower id.

    Longer is measured from start to end, which a sleep has whether or not WHOOP could score it.
    """
    ranked = main_sleeps.merge(_ids_of(cycle_of_day, "days_cycle"), on="at", how="left")
    ranked = ranked.assign(
        of_cycle=(ranked["cycle_id"] == ranked["days_cycle"]).fillna(False).astype(bool),
        slept=span_milli(ranked),
    )
    return _first_per_day(ranked, ["of_cycle", "slept", "id"], ascending=[False, False, True]).drop(
        columns=["days_cycle", "of_cycle", "slept"]
    )


def days_recovery(
    recoveries: pd.DataFrame, naps: pd.DataFrame, sleep_of_day: pd.DataFrame, cycle_of_day: pd.DataFrame
) -> pd.DataFrame:
    """At most one recovery per `at`: the main sleep's, never a nap's.

    A recovery can arrive before its sleep. While the day has no main sleep at all, the recovery of the day's
    cycle stands in, on two conditions: its sleep is not known to be a nap, and it is the only one that is
    left. With two left one of them is a nap's and nothing says which; with a main sleep present a recovery of
    any other sleep is not the day's, even if the main sleep has none yet.
    """
    nap_keys = naps[["at", "id"]].rename(columns={"id": "sleep_id"}).assign(of_nap=True)
    known = (
        recoveries.merge(_ids_of(sleep_of_day, "days_sleep"), on="at", how="left")
        .merge(_ids_of(cycle_of_day, "days_cycle"), on="at", how="left")
        .merge(nap_keys, on=["at", "sleep_id"], how="left")
    )
    of_main_sleep = (known["sleep_id"] == known["days_sleep"]).fillna(False).astype(bool)
    may_stand_in = (
        known["days_sleep"].isna()
        & known["of_nap"].isna()
        & (known["cycle_id"] == known["days_cycle"]).fillna(False).astype(bool)
    )
    alone = may_stand_in.groupby(known["at"]).transform("sum") == 1
    chosen = known[of_main_sleep | (may_stand_in & alone)]
    return _first_per_day(chosen, ["sleep_id"], ascending=[True]).drop(
        columns=["days_sleep", "days_cycle", "of_nap"]
    )


def _ids_of(chosen: pd.DataFrame, name: str) -> pd.DataFrame:
    return chosen[["at", "id"]].rename(columns={"id": name})


def _first_per_day(records: pd.DataFrame, order: list[str], *, ascending: list[bool]) -> pd.DataFrame:
    ordered = records.sort_values(["at", *order], ascending=[True, *ascending], na_position="last")
    return ordered.drop_duplicates("at")
