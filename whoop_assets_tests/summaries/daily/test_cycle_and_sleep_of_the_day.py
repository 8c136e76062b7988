"""The choice of a day's cycle and sleep, and their values."""

from datetime import date

import pytest

from whoop_assets_tests.summaries.daily.records import cycle, hour, nap, sleep, the_day


def test_a_day_shows_its_cycles_bounds_in_utc_and_their_plain_local_dates():
    row = the_day([cycle(timezone_offset="+05:30", start_time=hour(12), end_time=hour(33.75))])
    assert (row["cycle_start_time"], row["cycle_end_time"]) == (
        hour(12),
        hour(33.75),
    )  # midnight and 21:45, UTC
    assert row["cycle_start_date"] == date(2026, 3, 10)  # 05:30 local
    assert row["cycle_end_date"] == date(2026, 3, 11)  # 03:15 local, after midnight
    assert row["timezone_offset"] == "+05:30"


def test_local_dates_lie_a_day_back_where_the_member_is_behind_utc():
    row = the_day([cycle(timezone_offset="-05:00", start_time=hour(15), end_time=hour(40))])
    assert row["cycle_start_date"] == date(2026, 3, 9)  # 03:00 UTC is 22:00 of the day before
    assert row["cycle_end_date"] == date(2026, 3, 10)  # 04:00 UTC is 23:00


def test_an_open_cycle_has_no_end_date():
    row = the_day([cycle(end_time=None)])
    assert row["cycle_end_time"] is None and row["cycle_end_date"] is None


def test_the_latest_cycle_is_partial_while_it_is_open_even_though_whoop_calls_it_scored():
    row = the_day([cycle(end_time=None, strain=3.5)], latest={1: 100})
    assert row["is_partial"] is True and row["strain"] == 3.5


def test_a_closed_and_scored_cycle_is_final_also_when_it_is_the_latest():
    assert the_day([cycle()], latest={1: 100})["is_partial"] is False


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE", "A_STATE_OF_TOMORROW"])
def test_the_latest_cycle_is_partial_until_whoop_has_scored_it(state):
    assert the_day([cycle(score_state=state)], latest={1: 100})["is_partial"] is True


def test_an_older_cycle_is_never_partial_and_another_members_latest_does_not_count():
    assert the_day([cycle(end_time=None)], latest={1: 101})["is_partial"] is False
    assert the_day([cycle(end_time=None)], latest={2: 100})["is_partial"] is False
    assert the_day([cycle(end_time=None)], latest={})["is_partial"] is False


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
def test_an_unscored_cycle_has_nulls_except_steps(state):
    row = the_day([cycle(score_state=state)])
    assert [row[name] for name in ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")] == [
        None
    ] * 4
    assert row["step_count"] == 8123


def test_values_of_an_unscored_record_are_ignored():
    row = the_day(
        [cycle(score_state="PENDING_SCORE", strain=0.0)],
        [sleep(score_state="UNSCORABLE", respiratory_rate=0.0)],
    )
    assert row["strain"] is None and row["respiratory_rate"] is None


def test_an_all_zero_scored_cycle_is_not_a_rest_day():
    zeros = {"strain": 0.0, "kilojoule": 0.0, "average_heart_rate": 0, "max_heart_rate": 0}
    row = the_day([cycle(**zeros)])
    assert [row[name] for name in zeros] == [None] * 4


def test_a_zero_among_real_values_is_a_zero():
    assert the_day([cycle(strain=0.0)])["strain"] == 0.0


def test_a_cycle_with_a_main_sleep_is_preferred_to_a_longer_one_without():
    stretch = cycle(id=99, start_time=hour(1), end_time=hour(23), strain=4.0)
    slept = cycle(id=100, start_time=hour(23), end_time=hour(30), strain=9.0)
    row = the_day([stretch, slept], [sleep(start_time=hour(23), end_time=hour(28))])
    assert (row["cycle_id"], row["strain"], row["cycle_count"]) == (100, 9.0, 2)


def test_a_nap_does_not_decide_between_two_cycles():
    longer = cycle(id=99, start_time=hour(1), end_time=hour(20))
    napped = cycle(id=100, start_time=hour(20), end_time=hour(30))
    assert the_day([longer, napped], [nap(cycle_id=100)])["cycle_id"] == 99


def test_without_main_sleeps_the_longer_closed_cycle_is_used():
    shorter = cycle(id=98, start_time=hour(0), end_time=hour(10))
    longer = cycle(id=99, start_time=hour(10), end_time=hour(23))
    open_one = cycle(id=97, start_time=hour(23), end_time=None)
    assert the_day([open_one, shorter, longer])["cycle_id"] == 99
    assert the_day([open_one, shorter])["cycle_id"] == 98


def test_of_equal_cycles_the_one_with_the_lower_id_is_used():
    assert the_day([cycle(id=102), cycle(id=101)])["cycle_id"] == 101
    assert the_day([cycle(id=102, end_time=None), cycle(id=101, end_time=None)])["cycle_id"] == 101


def test_large_cycle_ids_stay_exact():
    first = 2**53 + 1
    row = the_day([cycle(id=first), cycle(id=first + 1)], [sleep(cycle_id=first + 1)], latest={1: first})
    assert row["cycle_id"] == first + 1


def test_strain_and_sleep_come_from_the_cycle_with_the_longest_main_sleep():
    """The longer cycle has the shorter sleep: choosing each by its own length would mix two cycles."""
    first = cycle(id=99, start_time=hour(1), end_time=hour(17), strain=5.0)
    second = cycle(id=100, start_time=hour(17), end_time=hour(30), strain=11.0)
    short = sleep(id="short", cycle_id=99, start_time=hour(1), end_time=hour(5))
    long = sleep(id="long", cycle_id=100, start_time=hour(17), end_time=hour(24))
    row = the_day([first, second], [short, long])
    assert (row["cycle_id"], row["sleep_id"], row["strain"]) == (100, "long", 11.0)


def test_of_cycles_with_equally_long_main_sleeps_the_longer_closed_one_wins():
    first = cycle(id=99, start_time=hour(1), end_time=hour(12))
    second = cycle(id=100, start_time=hour(12), end_time=hour(30))
    a = sleep(id="a", cycle_id=99, start_time=hour(1), end_time=hour(7))
    b = sleep(id="b", cycle_id=100, start_time=hour(12), end_time=hour(18))
    row = the_day([first, second], [a, b])
    assert (row["cycle_id"], row["sleep_id"]) == (100, "b")


def test_of_two_main_sleeps_in_one_cycle_the_longer_is_used():
    short = sleep(id="a", start_time=hour(10), end_time=hour(13))
    long = sleep(id="b", start_time=hour(14), end_time=hour(19))
    row = the_day([cycle()], [short, long])
    assert (row["sleep_id"], row["sleep_start_time"], row["sleep_end_time"]) == ("b", hour(14), hour(19))


def test_a_main_sleep_without_its_cycle_is_used():
    assert the_day([], [sleep(cycle_id=77)])["sleep_id"] == "night"
    assert the_day([cycle()], [sleep(cycle_id=77)])["sleep_id"] == "night"


def test_the_sleep_of_the_days_cycle_is_preferred_to_a_longer_one_of_a_missing_cycle():
    stray = sleep(id="stray", cycle_id=77, start_time=hour(1), end_time=hour(13))
    assert the_day([cycle()], [stray, sleep()])["sleep_id"] == "night"


def test_a_nap_is_never_the_days_sleep():
    row = the_day([cycle()], [nap()])
    assert row["sleep_id"] is None and row["sleep_duration_minutes"] is None


def test_sleep_duration_is_light_and_slow_wave_and_rem_in_exact_minutes():
    row = the_day([cycle()], [sleep(total_light_sleep_time_milli=12_345_678, total_rem_sleep_time_milli=1)])
    assert row["sleep_duration_minutes"] == (12_345_678 + 5_400_000 + 1) / 60_000
    assert row["light_minutes"] == 12_345_678 / 60_000
    assert (row["slow_wave_minutes"], row["rem_minutes"]) == (90.0, 1 / 60_000)
    assert (row["in_bed_minutes"], row["awake_minutes"]) == (480.0, 30.0)


def test_sleep_need_is_the_sum_of_its_four_parts():
    row = the_day([cycle()], [sleep()])
    assert row["sleep_needed_minutes"] == 450 + 20 + 10 - 5
    assert row["sleep_debt_minutes"] == 20.0


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
def test_an_unscored_main_sleep_shows_when_it_was_and_nothing_else(state):
    row = the_day([cycle()], [sleep(score_state=state)])
    assert (row["sleep_id"], row["sleep_start_time"], row["sleep_end_time"]) == ("night", hour(10), hour(18))
    measured = [
        name
        for name in row
        if name.endswith(("_minutes", "_percentage")) and not name.startswith(("nap", "workout"))
    ]
    assert len(measured) == 12
    assert [row[name] for name in (*measured, "respiratory_rate", "disturbance_count")] == [None] * 14


def test_missing_values_of_new_members_are_null_and_zeros_stay():
    row = the_day([cycle()], [sleep(sleep_performance_percentage=None, sleep_consistency_percentage=0.0)])
    assert row["sleep_performance_percentage"] is None and row["sleep_consistency_percentage"] == 0.0


def test_one_missing_part_makes_the_need_null():
    row = the_day([cycle()], [sleep(need_from_recent_nap_milli=None)])
    assert row["sleep_needed_minutes"] is None and row["sleep_debt_minutes"] == 20.0


def test_the_row_of_an_open_cycle_becomes_final_when_the_next_night_closes_it():
    open_row = the_day([cycle(end_time=None, strain=3.5)], latest={1: 100})
    closed_row = the_day([cycle(end_time=hour(34), strain=12.5)], latest={1: 101})
    assert (open_row["is_partial"], open_row["strain"]) == (True, 3.5)
    assert (closed_row["is_partial"], closed_row["strain"]) == (False, 12.5)
