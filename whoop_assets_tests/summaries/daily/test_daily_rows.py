"""Rows of the daily summary: order, columns, Python types and accepted input."""

import copy
from datetime import date, datetime, timedelta

import pytest

from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets_tests.summaries.daily.records import (
    DAY,
    cycle,
    nap,
    recovery,
    sleep,
    summarised,
    the_day,
    workout,
)

CONTRACT_COLUMNS = """
    user_id, day, cycle_id, cycle_start_time, cycle_end_time, cycle_start_date, cycle_end_date,
    timezone_offset, is_partial, cycle_count, strain, kilojoule, average_heart_rate, max_heart_rate,
    step_count, recovery_score, recovery_band, hrv_rmssd_milli, resting_heart_rate, spo2_percentage,
    skin_temp_celsius, user_calibrating, sleep_id, sleep_start_time, sleep_end_time,
    sleep_duration_minutes, in_bed_minutes, awake_minutes, light_minutes, slow_wave_minutes, rem_minutes,
    sleep_needed_minutes, sleep_debt_minutes, sleep_performance_percentage, sleep_efficiency_percentage,
    sleep_consistency_percentage, respiratory_rate, disturbance_count, nap_count, nap_minutes,
    workout_count, workout_minutes, workout_strain_max, workout_kilojoule, distance_meter,
    zone_zero_milli, zone_one_milli, zone_two_milli, zone_three_milli, zone_four_milli, zone_five_milli,
    sports, last_recovery_data_changed_at, last_recovery_synced_at, source
""".replace(",", " ").split()
EVERYTHING = ([cycle()], [sleep(), nap()], [recovery()], [workout()])


def test_a_row_has_the_columns_of_the_contract_in_order():
    assert [name for name in DAILY_COLUMNS if name in CONTRACT_COLUMNS] == CONTRACT_COLUMNS
    assert tuple(the_day(*EVERYTHING)) == DAILY_COLUMNS


def test_every_value_is_plain_python():
    whole = the_day(*EVERYTHING)
    types = {name: type(value) for name, value in whole.items()}
    assert set(types.values()) == {int, float, bool, str, datetime, date}
    assert (
        types["cycle_id"]
        is types["nap_count"]
        is types["zone_one_milli"]
        is types["average_heart_rate"]
        is int
    )
    assert types["is_partial"] is types["user_calibrating"] is bool
    assert types["day"] is types["cycle_start_date"] is date
    instants = [value for value in whole.values() if type(value) is datetime]
    assert len(instants) == 6 and {value.utcoffset() for value in instants} == {timedelta(0)}


def test_missing_values_are_none():
    row = the_day([], [], [], [workout(user_id=9)])
    assert (
        row["user_id"] == 9 and row["day"] == DAY and row["is_partial"] is False and row["cycle_count"] == 0
    )
    present = {name for name, value in row.items() if value is not None}
    assert present == {
        "user_id",
        "day",
        "is_partial",
        "cycle_count",
        "nap_count",
        "nap_minutes",
        *(name for name in DAILY_COLUMNS if name.startswith(("workout_", "zone_"))),
        "distance_meter",
        "sports",
        "source",
    }


def test_without_records_there_are_no_rows():
    assert summarised() == []


@pytest.mark.parametrize("stream", range(4))
def test_one_stream_is_enough_for_a_row(stream):
    given = [records if at == stream else [] for at, records in enumerate(EVERYTHING)]
    (row,) = summarised(*given)
    assert (row["user_id"], row["day"]) == (1, DAY)


def test_rows_are_ordered_by_member_and_day_and_independent():
    """Ids are matched only within one member's day, even if two members share them."""
    later = DAY + timedelta(days=1)
    cycles = [cycle(user_id=2, strain=2.0), cycle(day=later, id=101), cycle(strain=1.0)]
    sleeps = [sleep(user_id=2, respiratory_rate=12.0)]
    rows = summarised(cycles, sleeps, [recovery(user_id=2)], latest={1: 101, 2: 100})
    assert [(row["user_id"], row["day"]) for row in rows] == [(1, DAY), (1, later), (2, DAY)]
    assert [row["strain"] for row in rows] == [1.0, 12.5, 2.0]
    assert [row["respiratory_rate"] for row in rows] == [None, None, 12.0]
    assert [row["recovery_score"] for row in rows] == [None, None, 72.0]


def test_the_records_of_the_caller_are_not_changed():
    before = copy.deepcopy(EVERYTHING)
    summarised(*EVERYTHING, latest={1: 100})
    assert before == EVERYTHING
