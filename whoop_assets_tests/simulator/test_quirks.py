"""Each unexpected property of real WHOOP data occurs in the served records."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from whoop_assets_tests.support.fixed_time import NOW
from whoop_simulator.world.world import World

Records = list[dict[str, Any]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta(0)
    return (1 if text[0] == "+" else -1) * timedelta(hours=int(text[1:3]), minutes=int(text[4:]))


def day(cycle: dict[str, Any]) -> str:
    local = moment(cycle["start"]) + offset(cycle["timezone_offset"])
    return (local + timedelta(hours=12)).date().isoformat()


def everyone(world: World) -> list[dict[str, Records]]:
    return [world.truth(user_id) for user_id in world.user_ids]


def test_cycles_follow_each_other_without_gaps_and_at_most_one_is_open(big_world: World) -> None:
    for truth in everyone(big_world):
        cycles = truth["cycles"][::-1]
        if moment(cycles[1]["start"]) - moment(cycles[0]["start"]) == timedelta(days=6):
            cycles = cycles[1:]
        assert [a["end"] for a in cycles[:-1]] == [b["start"] for b in cycles[1:]]
        assert cycles[-1]["end"] is None
        assert [cycle["id"] for cycle in cycles] == sorted(cycle["id"] for cycle in cycles)
        assert all(a["start"] < b["start"] for a, b in pairwise(cycles))


def test_a_cycle_starts_with_its_main_sleep(big_world: World) -> None:
    for truth in everyone(big_world):
        start = {cycle["id"]: cycle["start"] for cycle in truth["cycles"]}
        mains = [sleep for sleep in truth["sleeps"] if not sleep["nap"]]
        assert all(start[sleep["cycle_id"]] == sleep["start"] for sleep in mains)
        assert len({sleep["cycle_id"] for sleep in mains}) == len(mains)


def test_sleeps_and_workouts_do_not_overlap_their_own_kind(big_world: World) -> None:
    for truth in everyone(big_world):
        for stream in ("sleeps", "workouts"):
            records = truth[stream][::-1]
            assert all(a["end"] <= b["start"] for a, b in pairwise(records))


def test_stages_add_up_to_the_time_in_bed_and_a_sleep_ends_at_most_448_seconds_later(
    big_world: World,
) -> None:
    for truth in everyone(big_world):
        gaps = []
        for sleep in truth["sleeps"]:
            if "score" not in sleep:
                continue
            stages = sleep["score"]["stage_summary"]
            parts = ("awake", "no_data", "light_sleep", "slow_wave_sleep", "rem_sleep")
            in_bed = stages["total_in_bed_time_milli"]
            assert sum(stages[f"total_{part}_time_milli"] for part in parts) == in_bed
            span = (moment(sleep["end"]) - moment(sleep["start"])) // timedelta(milliseconds=1)
            gaps.append(span - in_bed)
        assert 0 == min(gaps) < max(gaps) <= 448_000


def test_zones_add_up_to_the_workout_within_seconds(big_world: World) -> None:
    for truth in everyone(big_world):
        for workout in truth["workouts"]:
            if "score" in workout:
                span = (moment(workout["end"]) - moment(workout["start"])) // timedelta(milliseconds=1)
                difference = sum(workout["score"]["zone_durations"].values()) - span
                assert -35_000 <= difference <= 1_000


def test_a_recovery_has_the_created_at_and_updated_at_of_its_sleep(big_world: World) -> None:
    for truth in everyone(big_world):
        stamps = {sleep["id"]: (sleep["created_at"], sleep["updated_at"]) for sleep in truth["sleeps"]}
        for recovery in truth["recoveries"]:
            assert (recovery["created_at"], recovery["updated_at"]) == stamps[recovery["sleep_id"]]


def test_some_members_naps_have_their_own_recovery_in_the_same_cycle(big_world: World) -> None:
    shared = []
    for truth in everyone(big_world):
        cycles = Counter(recovery["cycle_id"] for recovery in truth["recoveries"])
        shared.append(sum(count > 1 for count in cycles.values()))
        naps = {sleep["id"] for sleep in truth["sleeps"] if sleep["nap"]}
        scores = [r["score"]["recovery_score"] for r in truth["recoveries"] if r["sleep_id"] in naps]
        assert naps
        assert all(1 <= score <= 28 for score in scores)
    assert [count > 0 for count in shared] == [True, False, True, False]


def test_sleeps_and_workouts_have_one_offset_and_cycles_their_own(big_world: World) -> None:
    for truth in everyone(big_world):
        assert len({record["timezone_offset"] for record in truth["sleeps"] + truth["workouts"]}) == 1
        offsets = Counter(cycle["timezone_offset"] for cycle in truth["cycles"])
        assert sum(count > 50 for count in offsets.values()) >= 2, "daylight saving time"
        assert len(offsets) >= 4, "travel"


def test_members_travel_east_and_west(big_world: World) -> None:
    for truth in everyone(big_world)[:3]:
        offsets = [offset(cycle["timezone_offset"]) for cycle in truth["cycles"][::-1][1:]]
        home = sorted(Counter(offsets), key=Counter(offsets).get, reverse=True)[:2]  # type: ignore[arg-type]
        assert any(there > max(home) + timedelta(hours=1) for there in offsets)
        assert any(there < min(home) - timedelta(hours=1) for there in offsets)


def test_the_first_cycle_begins_at_midnight_utc(big_world: World) -> None:
    for truth in everyone(big_world):
        first = [cycle for cycle in truth["cycles"] if cycle["timezone_offset"] == "Z"][-1]
        assert first["start"] == f"{big_world.start}T00:00:00.000Z"
        assert not [
            sleep for sleep in truth["sleeps"] if sleep["cycle_id"] == first["id"] and not sleep["nap"]
        ]


def test_a_stray_cycle_of_zeros_can_lie_six_days_before_the_first(big_world: World) -> None:
    oldest = [truth["cycles"][-1] for truth in everyone(big_world)]
    stray = [cycle for cycle in oldest if cycle["start"][:10] < big_world.start.isoformat()]
    assert len(stray) == 1
    assert set(stray[0]["score"].values()) == {0}
    assert stray[0]["created_at"] > f"{big_world.start}"


def test_cycles_without_sleep_begin_at_midnight_or_at_the_usual_bedtime(big_world: World) -> None:
    kinds: Counter[str] = Counter()
    for truth in everyone(big_world):
        slept = {sleep["cycle_id"] for sleep in truth["sleeps"] if not sleep["nap"]}
        for cycle in truth["cycles"][:-2]:
            if cycle["id"] in slept:
                continue
            local = moment(cycle["start"]) + offset(cycle["timezone_offset"])
            clock = local.strftime("%H:%M:%S.%f")
            kinds["midnight" if clock.startswith("00:00:00.000") else clock[-9:]] += 1
            kinds[cycle["score_state"]] += 1
            kinds["zeros"] += "score" in cycle and not any(cycle["score"].values())
    assert kinds["midnight"] > 5
    assert kinds["44.960000"] > 2
    assert kinds["zeros"] > 3
    assert kinds["UNSCORABLE"] > 1


def test_two_cycles_sometimes_share_a_day(big_world: World) -> None:
    for truth in everyone(big_world):
        shared = sum(count > 1 for count in Counter(map(day, truth["cycles"])).values())
        assert 1 <= shared <= 0.04 * len(truth["cycles"])


def test_a_main_sleep_can_fall_into_the_afternoon(big_world: World) -> None:
    truth = everyone(big_world)[0]
    offsets = {cycle["id"]: offset(cycle["timezone_offset"]) for cycle in truth["cycles"]}
    local = [
        moment(sleep["start"]) + offsets[sleep["cycle_id"]] for sleep in truth["sleeps"] if not sleep["nap"]
    ]
    assert any(13 <= start.hour < 15 for start in local)


def test_the_third_member_works_nights(big_world: World) -> None:
    truth = everyone(big_world)[2]
    offsets = {cycle["id"]: offset(cycle["timezone_offset"]) for cycle in truth["cycles"]}
    local = [
        moment(sleep["start"]) + offsets[sleep["cycle_id"]] for sleep in truth["sleeps"] if not sleep["nap"]
    ]
    mornings = sum(7 <= start.hour < 11 for start in local)
    assert 0.3 < mornings / len(local) < 0.7


def test_some_sleeps_are_created_before_their_end_and_extended_later(big_world: World) -> None:
    for truth in everyone(big_world):
        early = [sleep for sleep in truth["sleeps"] if sleep["created_at"] < sleep["end"]]
        assert 0.02 < len(early) / len(truth["sleeps"]) < 0.14
        assert all(sleep["updated_at"] > sleep["created_at"] for sleep in early)
        gaps = [moment(sleep["end"]) - moment(sleep["created_at"]) for sleep in early]
        assert max(gaps) < timedelta(hours=3.9)


def test_most_sleeps_are_processed_minutes_after_waking_and_some_hours_later(big_world: World) -> None:
    lags = sorted(
        moment(sleep["created_at"]) - moment(sleep["end"])
        for truth in everyone(big_world)
        for sleep in truth["sleeps"]
        if not sleep["nap"] and sleep["created_at"] > sleep["end"]
    )
    assert timedelta(minutes=6) < lags[len(lags) // 2] < timedelta(minutes=13)
    assert timedelta(hours=1) < lags[int(0.95 * len(lags))] < timedelta(hours=4)
    assert timedelta(hours=6) < lags[-1] <= timedelta(hours=14, minutes=1)


def test_some_records_change_up_to_nine_days_later(big_world: World) -> None:
    late = []
    for truth in everyone(big_world):
        late += [
            moment(older["updated_at"]) - moment(newer["created_at"])
            for newer, older in pairwise(truth["cycles"])
            if newer["created_at"] > older["start"]
        ]
    assert timedelta(days=5) < max(late) <= timedelta(hours=214)
    workouts = [w for truth in everyone(big_world) for w in truth["workouts"]]
    delays = [moment(w["updated_at"]) - moment(w["created_at"]) for w in workouts]
    assert timedelta(days=2) < max(delays) <= timedelta(hours=143)
    assert 0.005 < sum(delay > timedelta(hours=1) for delay in delays) / len(delays) < 0.05


def test_saunas_are_among_the_workouts_and_never_scored(big_world: World) -> None:
    saunas = [w for truth in everyone(big_world) for w in truth["workouts"] if w["sport_id"] == 233]
    assert len(saunas) > 10
    assert not any("score" in sauna for sauna in saunas)


def test_unscorable_sleeps_have_an_unscorable_recovery(big_world: World) -> None:
    found = 0
    for truth in everyone(big_world):
        states = {recovery["sleep_id"]: recovery["score_state"] for recovery in truth["recoveries"]}
        for sleep in truth["sleeps"]:
            if sleep["score_state"] == "UNSCORABLE":
                found += 1
                assert states[sleep["id"]] == "UNSCORABLE"
    assert 2 <= found <= 40


def test_new_members_calibrate_and_have_no_performance_yet(big_world: World) -> None:
    for truth in everyone(big_world):
        mains = [sleep for sleep in truth["sleeps"][::-1] if not sleep["nap"]]
        recovery = {r["sleep_id"]: r for r in truth["recoveries"]}
        calibrating = [recovery[s["id"]].get("score", {}).get("user_calibrating") for s in mains]
        assert calibrating[:4] == [True, True, True, False]
        assert True not in calibrating[3:]
        assert not any("sleep_performance_percentage" in sleep["score"] for sleep in mains[:4])
        scores = [sleep["score"] for sleep in mains[4:] if "score" in sleep]
        assert all("sleep_performance_percentage" in score for score in scores)
        assert 0.0 in [score["sleep_consistency_percentage"] for score in scores]


def test_a_member_without_a_newer_strap_has_neither_spo2_nor_temperature(big_world: World) -> None:
    for place, truth in enumerate(everyone(big_world)):
        scores = [r["score"] for r in truth["recoveries"] if "score" in r]
        spo2 = [score["spo2_percentage"] for score in scores]
        temperature = [score["skin_temp_celsius"] for score in scores]
        assert all(value is None for value in spo2) is (place == 1)
        assert all(value is None for value in temperature) is (place == 1)
        assert None in temperature


def test_a_nap_reduces_the_sleep_need_of_the_next_night(big_world: World) -> None:
    for truth in everyone(big_world):
        nights = [s for s in truth["sleeps"] if not s["nap"] and "score" in s]
        needs = [night["score"]["sleep_needed"]["need_from_recent_nap_milli"] for night in nights]
        assert min(needs) < -15 * 60_000
        assert needs.count(0) > len(needs) / 2


def test_some_values_are_explicit_nulls_or_fractions(big_world: World) -> None:
    truth = everyone(big_world)[0]
    assert all(record["v1_id"] is None for record in truth["sleeps"] + truth["workouts"])
    scores = [workout["score"] for workout in truth["workouts"] if "score" in workout]
    assert {score["distance_meter"] is None for score in scores} == {True, False}
    assert 1.0 in [score["percent_recorded"] for score in scores]
    assert all(0.9 < score["percent_recorded"] <= 1 for score in scores)
    assert {cycle["step_count"] is None for cycle in truth["cycles"]} == {True, False}


def test_ids_exceed_32_bits_after_some_years() -> None:
    with_years = World(members=1, days=1400, seed=3, now=NOW)
    ids = [cycle["id"] for cycle in with_years.truth(with_years.user_ids[0])["cycles"]]
    assert 1_090_000_000 < min(ids) < 1_100_000_000
    assert max(ids) > 1 << 31
