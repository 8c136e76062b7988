"""Naps and workouts are added up over all cycles of a day."""

from itertools import permutations

import pytest

from whoop_assets_tests.summaries.daily.records import (
    WORKOUT_SCORE,
    cycle,
    hour,
    nap,
    sleep,
    the_day,
    workout,
)

ZONES = [name for name in WORKOUT_SCORE if name.startswith("zone_")]
SAUNA = workout(
    id="sauna", sport_name="sauna", score_state="UNSCORABLE", start_time=hour(32), end_time=hour(32.25)
)


def test_naps_are_added_up_separately_from_the_night():
    row = the_day([cycle()], [sleep(), nap(), nap(id="nap 2", total_light_sleep_time_milli=900_000)])
    assert (row["nap_count"], row["nap_minutes"]) == (2, 50.0 + 25.0)
    assert row["sleep_duration_minutes"] == 450.0


def test_an_unscored_nap_counts_but_gives_no_minutes():
    unscored = nap(id="nap 2", score_state="UNSCORABLE")
    assert the_day([cycle()], [nap(), unscored])["nap_minutes"] == 50.0
    row = the_day([cycle()], [unscored])
    assert (row["nap_count"], row["nap_minutes"]) == (1, None)


def test_a_day_without_naps_has_zero_naps_and_minutes():
    row = the_day([cycle()], [sleep()])
    assert (row["nap_count"], row["nap_minutes"]) == (0, 0.0)


def test_naps_and_workouts_of_both_cycles_count_but_strain_is_that_of_the_days_cycle():
    cycles = [
        cycle(strain=6.0),
        cycle(id=101, start_time=hour(34), end_time=hour(36), strain=9.0, step_count=50),
    ]
    row = the_day(
        cycles, [sleep(), nap(), nap(id="nap 2", cycle_id=101)], [], [workout(), workout(id="late")]
    )
    assert (row["strain"], row["step_count"]) == (6.0, 8123)
    assert (row["nap_count"], row["workout_count"]) == (2, 2)


def test_workouts_are_added_up_and_strain_is_the_maximum():
    ride = workout(
        id="ride",
        sport_name="cycling",
        start_time=hour(31),
        end_time=hour(32.5),
        strain=14.0,
        kilojoule=2000.0,
        distance_meter=None,
        zone_five_milli=1_000,
    )
    row = the_day([cycle()], [], [], [workout(), ride])
    assert (row["workout_count"], row["workout_minutes"], row["workout_strain_max"]) == (2, 135.0, 14.0)
    assert (row["workout_kilojoule"], row["distance_meter"]) == (3500.5, 5000.0)
    assert (row["zone_one_milli"], row["zone_five_milli"]) == (1_200_000, 21_000)


def test_an_unscored_sauna_counts_as_a_workout_without_strain():
    row = the_day([cycle()], [], [], [workout(), SAUNA])
    assert (row["workout_count"], row["workout_minutes"]) == (2, 60.0)
    assert (row["workout_strain_max"], row["workout_kilojoule"], row["zone_zero_milli"]) == (
        8.25,
        1500.5,
        60_000,
    )
    assert row["sports"] == "running,sauna"


def test_a_day_with_unscored_workouts_only_has_nulls_instead_of_zeros():
    row = the_day([cycle()], [], [], [SAUNA])
    assert (row["workout_count"], row["workout_minutes"], row["sports"]) == (1, 15.0, "sauna")
    measured = ("workout_strain_max", "workout_kilojoule", "distance_meter", *ZONES)
    assert [row[name] for name in measured] == [None] * 9


def test_a_day_without_workouts_has_zero_workouts_and_no_measures():
    row = the_day([cycle()])
    assert (row["workout_count"], row["workout_minutes"], row["sports"]) == (0, 0.0, None)
    assert [row[name] for name in ("workout_strain_max", "workout_kilojoule", "distance_meter", *ZONES)] == [
        None
    ] * 9


@pytest.mark.parametrize(
    ("slugs", "sports"),
    [
        (["yoga"], "yoga"),
        (["yoga", "running", "yoga"], "running,yoga"),
        (
            ["weightlifting_msk", "activity", "jumping-rope", "hiking-rucking"],
            "activity,hiking-rucking,jumping-rope,weightlifting_msk",
        ),
    ],
)
def test_sports_are_the_distinct_slugs_in_order(slugs, sports):
    row = the_day([cycle()], [], [], [workout(id=str(at), sport_name=slug) for at, slug in enumerate(slugs)])
    assert row["sports"] == sports


def test_sums_do_not_depend_on_the_order_of_workouts():
    energies = [
        0.4138074045009127,
        0.09014274576114836,
        0.0022322111021323868,
    ]  # order decides the last digit
    workouts = [workout(id=str(at), kilojoule=energy) for at, energy in enumerate(energies)]
    sums = {the_day([], [], [], order)["workout_kilojoule"] for order in permutations(workouts)}
    assert len(sums) == 1


def test_time_in_zones_is_taken_from_whoop():
    zones = dict.fromkeys(("zone_zero_milli", "zone_one_milli", "zone_two_milli", "zone_three_milli"), 0)
    zones |= {
        "zone_four_milli": 1_234,
        "zone_five_milli": 2_700_001,
    }  # more than the 45 minutes that it lasts
    row = the_day([cycle()], workouts=[workout(average_heart_rate=60, max_heart_rate=70, **zones)])
    assert {name: row[name] for name in zones} == zones


def test_energy_is_in_kilojoules():
    row = the_day([cycle(kilojoule=9000.25)], workouts=[workout(kilojoule=1500.5)])
    assert (row["kilojoule"], row["workout_kilojoule"]) == (9000.25, 1500.5)
    assert [name for name in row if "kcal" in name or "calorie" in name] == []
