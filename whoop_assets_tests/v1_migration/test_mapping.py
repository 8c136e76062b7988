"""How v1 ids are mapped to v2 ids, and how contradictions are reported."""

from dataclasses import replace
from datetime import timedelta

from whoop_assets.members import store as member_store
from whoop_assets.v1_migration.store import TOLERANCE, OldId
from whoop_assets_tests.support.home import moment
from whoop_assets_tests.v1_migration.old_store import (
    UNKNOWN,
    contradictions,
    has_no_problems,
    integrity_report,
    last_sleep_before_loaded_days,
    log_rows,
    mapping_requests,
    migrate,
    old_ids,
    set_v1_id,
    v1_ids_of,
)


def test_ids_are_mapped_by_whoops_endpoint_with_one_request_each(home):
    ids = old_ids(home) | old_ids(home, stream="workouts")
    assert len(ids) > 50
    assert migrate(home, ids.values()) == {}
    assert {key: row["v2_id"] for key, row in log_rows(home).items()} == {
        (old_id.kind, old_id.v1_id): key for key, old_id in ids.items()
    }
    assert {
        (row["state"], row["way"], row["status"], row["answer"] == row["v2_id"])
        for row in log_rows(home).values()
    } == {("mapped", "mapping", 200, True)}
    assert len(mapping_requests(home)) == len(set(mapping_requests(home))) == len(ids)
    found = integrity_report(home)
    assert (found.total, found.mapped, found.mapped_by_mapping) == (len(ids), len(ids), len(ids))
    assert has_no_problems(home)
    assert found.not_stored == 0


def test_a_record_that_contains_its_v1_id_costs_no_request(home):
    ids = old_ids(home)
    for key, old_id in ids.items():
        set_v1_id(home, "sleeps", key, old_id.v1_id)
    migrate(home, ids.values())
    assert {row["v2_id"] for row in log_rows(home).values()} == set(ids)
    assert {row["way"] for row in log_rows(home).values()} == {"v1_id"}
    assert mapping_requests(home) == []


def test_a_recovery_is_mapped_by_its_stored_cycle_without_a_request(home):
    rows = [row for row in home.rows("recoveries").values() if row["user_id"] == home.member]
    naps = {key for key, row in home.rows("sleeps").items() if row["nap"]}
    main = {row["cycle_id"]: row["sleep_id"] for row in rows if row["sleep_id"] not in naps}
    sent = len(home.world.request_log)
    migrate(home, [OldId(home.member, "recovery", cycle_id) for cycle_id in main])
    found = log_rows(home).values()
    assert {row["v1_id"]: row["v2_id"] for row in found} == main
    assert {row["way"] for row in found} == {"cycle_id"}
    assert len(home.world.request_log) == sent


def test_a_recovery_without_a_stored_cycle_is_mapped_by_the_cycles_sleep_at_whoop(home):
    sleep = last_sleep_before_loaded_days(home)
    ids = [OldId(home.member, "recovery", sleep["cycle_id"]), OldId(home.member, "recovery", 77)]
    assert migrate(home, ids) == {}
    found = log_rows(home)["recovery", sleep["cycle_id"]]
    assert (found["way"], found["v2_id"], found["status"]) == ("cycle_id", sleep["id"], 200)
    assert (log_rows(home)["recovery", 77]["state"], log_rows(home)["recovery", 77]["status"]) == (
        "unmapped",
        404,
    )
    sent = len(home.world.request_log)
    migrate(home)
    assert len(home.world.request_log) == sent


def test_an_id_unknown_to_whoop_is_mapped_by_a_unique_start_time_only(home):
    (key, sleep), (_, other) = list(old_ids(home).items())[:2]
    ids = [
        replace(sleep, v1_id=UNKNOWN),
        replace(sleep, v1_id=UNKNOWN + 1, start_time=sleep.start_time + TOLERANCE),
        replace(sleep, v1_id=UNKNOWN + 2, start_time=other.start_time + timedelta(hours=3), end_time=None),
        replace(sleep, v1_id=UNKNOWN + 3, start_time=None, end_time=None),
        replace(sleep, v1_id=UNKNOWN + 4, kind="workout"),
    ]
    assert migrate(home, ids) == {}
    found = log_rows(home)
    assert {row["status"] for row in found.values()} == {404}
    for number in (UNKNOWN, UNKNOWN + 1):
        assert (found["sleep", number]["way"], found["sleep", number]["v2_id"]) == ("start_time", key)
    unmapped = [found["sleep", UNKNOWN + 2], found["sleep", UNKNOWN + 3], found["workout", UNKNOWN + 4]]
    assert {row["state"] for row in unmapped} == {"unmapped"}
    assert {row["v2_id"] for row in unmapped} == {None}
    assert "no stored sleep starts" in unmapped[0]["reason"]
    assert "has no start" in unmapped[1]["reason"]
    result = integrity_report(home)
    assert (result.unmapped, result.answered_404, result.doubles) == (3, 5, 1)


def test_another_members_record_never_matches(home):
    old_id = next(iter(old_ids(home).values()))
    migrate(home, [replace(old_id, user_id=home.members[1])])
    row = log_rows(home)["sleep", old_id.v1_id]
    assert (row["state"], row["status"]) == ("unmapped", 404)


def test_contradicting_times_and_kinds_are_reported(home):
    ids = list(old_ids(home).values())
    moved = replace(ids[0], start_time=ids[0].start_time + timedelta(hours=1))
    longer = replace(ids[1], end_time=ids[1].end_time + TOLERANCE + timedelta(seconds=1))
    similar = replace(ids[2], start_time=ids[2].start_time - TOLERANCE, end_time=None)
    workout = replace(next(iter(old_ids(home, stream="workouts").values())), kind="sleep")
    migrate(home, [moved, longer, similar, workout])
    found = {number: text for (_, _, number), text in contradictions(home).items()}
    assert found == {
        moved.v1_id: "in the old store it starts 3600 s later than the record.",
        longer.v1_id: "in the old store it ends 61 s later than the record.",
        similar.v1_id: None,
        workout.v1_id: "the record is a workout.",
    }
    assert integrity_report(home).contradicting == 3


def test_a_record_that_is_loaded_later_is_compared_after_its_load(home):
    sleep = last_sleep_before_loaded_days(home)
    start = moment(sleep["start"])
    old_id = OldId(home.member, "sleep", v1_ids_of(home)[sleep["id"]], start - timedelta(hours=2))
    migrate(home, [old_id])
    assert (integrity_report(home).not_stored, integrity_report(home).contradicting) == (1, 0)
    home.load(start.date() - timedelta(days=1), start.date() + timedelta(days=1))
    assert (integrity_report(home).not_stored, integrity_report(home).contradicting) == (0, 1)
    assert contradictions(home) == {
        (home.member, "sleep", old_id.v1_id): "in the old store it starts 7200 s earlier than the record."
    }


def test_a_later_source_fills_missing_fields_and_overwrites_none(home):
    (key, sleep), (other_key, other), *_ = old_ids(home).items()
    bare = replace(sleep, v1_id=UNKNOWN, start_time=None, end_time=None)
    mapped = replace(other, start_time=None, end_time=None)
    migrate(home, [bare, mapped])
    assert (log_rows(home)["sleep", UNKNOWN]["state"], integrity_report(home).contradicting) == (
        "unmapped",
        0,
    )
    hour = timedelta(hours=1)
    migrate(home, [replace(sleep, v1_id=UNKNOWN), replace(other, start_time=other.start_time + hour)])
    found = log_rows(home)
    assert (found["sleep", UNKNOWN]["way"], found["sleep", UNKNOWN]["v2_id"]) == ("start_time", key)
    assert (found["sleep", other.v1_id]["way"], found["sleep", other.v1_id]["v2_id"]) == (
        "mapping",
        other_key,
    )
    assert integrity_report(home).contradicting == 1
    assert len(mapping_requests(home)) == 2
    migrate(
        home,
        [
            replace(sleep, v1_id=UNKNOWN, start_time=sleep.start_time + hour),
            replace(other, start_time=other.start_time),
        ],
    )
    assert log_rows(home) == found


def test_duplicate_ids_become_one_row_with_the_fields_of_both(home):
    (key, old_id), *_ = old_ids(home).items()
    migrate(
        home,
        [
            replace(old_id, start_time=None),
            replace(old_id, end_time=None),
            replace(old_id, start_time=old_id.start_time + timedelta(hours=9)),
        ],
    )
    row = log_rows(home)["sleep", old_id.v1_id]
    assert (row["v2_id"], row["start_time"], row["end_time"]) == (key, old_id.start_time, old_id.end_time)
    assert integrity_report(home).total == 1


def test_ids_of_a_disconnected_member_are_mapped_by_start_time_without_requests(home):
    ids = list(old_ids(home).values())[:2]
    with home.database.write() as connection:
        member_store.set_status(connection, home.member, member_store.DISCONNECTED)
    assert migrate(home, [ids[0], replace(ids[1], start_time=None)]) == {}
    found = log_rows(home)
    assert found["sleep", ids[0].v1_id]["way"] == "start_time"
    assert "not connected" in found["sleep", ids[1].v1_id]["reason"]
    assert mapping_requests(home) == []
