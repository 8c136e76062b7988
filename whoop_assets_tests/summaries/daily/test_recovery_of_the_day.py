"""The day's recovery is that of its main sleep, never a nap's."""

import pytest

from whoop_assets_tests.summaries.daily.records import cycle, hour, nap, recovery, sleep, summarised, the_day

OF_NAP = recovery(sleep_id="nap", recovery_score=12.0)


def test_a_naps_recovery_never_becomes_the_days_recovery():
    assert the_day([cycle()], [sleep(), nap()], [OF_NAP, recovery()])["recovery_score"] == 72.0
    assert the_day([cycle()], [sleep(), nap()], [OF_NAP])["recovery_score"] is None
    assert the_day([cycle()], [nap()], [OF_NAP])["recovery_score"] is None


def test_the_recovery_follows_the_longer_of_two_main_sleeps():
    sleeps = [
        sleep(id="a", start_time=hour(10), end_time=hour(13)),
        sleep(id="b", start_time=hour(13), end_time=hour(19)),
    ]
    recoveries = [recovery(sleep_id="a", recovery_score=20.0), recovery(sleep_id="b", recovery_score=80.0)]
    assert the_day([cycle()], sleeps, recoveries)["recovery_score"] == 80.0


def test_a_recovery_is_used_before_its_sleep_arrives():
    assert the_day([cycle()], [], [recovery()])["recovery_score"] == 72.0
    assert the_day([cycle()], [nap()], [OF_NAP, recovery()])["recovery_score"] == 72.0


def test_naps_of_other_days_have_no_influence():
    """Ids are matched only within one member's day, so other days have no influence."""
    rows = summarised([cycle()], [nap(id="night", user_id=2)], [recovery()])
    assert [row["recovery_score"] for row in rows] == [72.0, None]


def test_two_recoveries_without_sleeps_give_the_day_no_recovery():
    row = the_day([cycle()], [], [OF_NAP, recovery()])
    assert row["recovery_score"] is None and row["last_recovery_synced_at"] is None


def test_a_recovery_without_its_sleep_is_used_only_if_it_belongs_to_the_days_cycle():
    two = [
        cycle(id=99, start_time=hour(1), end_time=hour(20)),
        cycle(id=100, start_time=hour(20), end_time=hour(30)),
    ]
    assert the_day(two, [], [recovery(cycle_id=100)])["recovery_score"] is None
    assert the_day(two, [], [recovery(cycle_id=99)])["recovery_score"] == 72.0
    assert the_day([], [], [recovery()])["recovery_score"] is None


def test_a_recovery_of_an_unknown_sleep_is_not_used_if_there_is_a_main_sleep():
    assert the_day([cycle()], [sleep()], [recovery(sleep_id="elsewhere")])["recovery_score"] is None


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0.0, "red"),
        (33.0, "red"),
        (33.9, "red"),
        (34.0, "yellow"),
        (66.0, "yellow"),
        (66.9, "yellow"),
        (67.0, "green"),
        (100.0, "green"),
        (None, None),
    ],
)
def test_the_band_is_whoops_red_to_33_yellow_to_66_green_from_67(score, band):
    row = the_day([cycle()], [sleep()], [recovery(recovery_score=score)])
    assert row["recovery_band"] == band


@pytest.mark.parametrize("state", ["PENDING_SCORE", "UNSCORABLE"])
def test_an_unscored_recovery_has_nulls_and_its_sync_times(state):
    row = the_day([cycle()], [sleep()], [recovery(score_state=state)])
    names = (
        "recovery_score",
        "recovery_band",
        "hrv_rmssd_milli",
        "resting_heart_rate",
        "spo2_percentage",
        "skin_temp_celsius",
        "user_calibrating",
    )
    assert [row[name] for name in names] == [None] * 7
    assert row["last_recovery_synced_at"] is not None


def test_a_strap_without_temperature_leaves_only_that_null():
    row = the_day([cycle()], [sleep()], [recovery(skin_temp_celsius=None, spo2_percentage=None)])
    assert (row["skin_temp_celsius"], row["spo2_percentage"], row["hrv_rmssd_milli"]) == (None, None, 88.5)


def test_the_row_has_the_recoverys_change_and_sync_times():
    shown = recovery(changed_at=hour(20), synced_at=hour(44))
    newer_nap = recovery(sleep_id="nap", changed_at=hour(29), synced_at=hour(50))
    row = the_day([cycle()], [sleep(), nap()], [newer_nap, shown])
    assert (row["last_recovery_data_changed_at"], row["last_recovery_synced_at"]) == (hour(20), hour(44))
