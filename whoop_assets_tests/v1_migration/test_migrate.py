"""From v1 ids to those of v2: each by the surest way, and what was killed goes on where it was."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text, update

from whoop_assets.members import store as member_store
from whoop_assets.records import tables
from whoop_assets.sync.session import Connection
from whoop_assets.v1_migration import integrity
from whoop_assets.v1_migration import migrate as v1_migration
from whoop_assets.v1_migration import store as v1_store
from whoop_assets.v1_migration.old_store import ImportStats, parse_ids
from whoop_assets.v1_migration.store import TOLERANCE, OldId
from whoop_assets.v1_migration.tables import v1_ids as log
from whoop_assets.webhooks import deliveries, inbox
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import Refused
from whoop_assets.whoop_api.http.fault_time import RESET_AFTER
from whoop_assets.whoop_api.token_response import TOKEN_PATH
from whoop_assets_tests.support.home import at_home, frozen_world, moment
from whoop_simulator.http.faults import API, Fault

FIRST, LAST = date(2025, 7, 1), date(2025, 8, 10)
UNKNOWN = 900_000_000
"""From here on no number is an activity's."""


@pytest.fixture(scope="module")
def world():
    return frozen_world(members=2, days=520)


@pytest.fixture
def home(database_url, world):
    world.reset_stats()
    with at_home(database_url, world) as one:
        one.load(FIRST, LAST)
        yield one


def numbers(home, user_id=None):
    """UUID -> v1 number, as WHOOP's mapping endpoint has them."""
    known = home.world.member(home.member if user_id is None else user_id).source.v1_ids
    return {uuid: number for number, uuid in known.items()}


def old_ids(home, *, user_id=None, stream="sleeps"):
    """What an old store would have of the loaded days, by v2 key."""
    user_id = home.member if user_id is None else user_id
    of = numbers(home, user_id)
    kind = {"sleeps": "sleep", "workouts": "workout"}[stream]
    return {
        row["id"]: OldId(user_id, kind, of[row["id"]], None, row["start_time"], row["end_time"])
        for row in home.rows(stream).values()
        if row["user_id"] == user_id and row["id"] in of
    }


def migrate(home, ids=(), **given):
    v1_migration.import_ids(home.database, ids, "an old store")
    return v1_migration.migrate(given.pop("connection", home.connection), **given)


def report(home):
    with home.database.read() as connection:
        return SimpleNamespace(**integrity.check_integrity(connection)[0])


def no_problems(home):
    with home.database.read() as connection:
        return integrity.check_integrity(connection)[1].count == 0


def logged(home):
    with home.database.read() as connection:
        rows = [dict(row) for row in connection.execute(select(log)).mappings()]
    return {(row["kind"], row["v1_id"]): row for row in rows}


def mapping_requests(home):
    return [entry.path for entry in home.world.request_log if "/activity-mapping/" in entry.path]


def test_whoop_is_asked_for_what_the_records_do_not_say_and_its_word_is_kept(home):
    ids = old_ids(home) | old_ids(home, stream="workouts")
    assert len(ids) > 50
    assert migrate(home, ids.values()) == {}
    assert {key: row["v2_id"] for key, row in logged(home).items()} == {
        (one.kind, one.v1_id): key for key, one in ids.items()
    }
    assert {
        (row["state"], row["way"], row["status"], row["answer"] == row["v2_id"])
        for row in logged(home).values()
    } == {("mapped", "mapping", 200, True)}
    assert len(mapping_requests(home)) == len(set(mapping_requests(home))) == len(ids)
    found = report(home)
    assert (found.total, found.mapped, found.mapped_by_mapping) == (len(ids), len(ids), len(ids))
    assert no_problems(home)
    assert found.not_stored == 0


def test_a_record_that_says_its_v1_id_costs_no_request(home):
    ids = old_ids(home)
    for key, one in ids.items():
        say_v1_id(home, "sleeps", key, one.v1_id)
    migrate(home, ids.values())
    assert {row["v2_id"] for row in logged(home).values()} == set(ids)
    assert {row["way"] for row in logged(home).values()} == {"v1_id"}
    assert mapping_requests(home) == []


def say_v1_id(home, stream, key, number):
    """As if WHOOP had filled the field, which it hardly ever does."""
    table = tables.RECORD_TABLES[stream]
    payload = home.rows(stream)[key]["payload"] | {"v1_id": number}
    with home.database.write() as connection:
        connection.execute(update(table).where(table.c.id == key).values(payload=json.dumps(payload)))


def test_a_recovery_is_known_by_its_cycle_or_by_its_sleep(home):
    rows = [row for row in home.rows("recoveries").values() if row["user_id"] == home.member]
    naps = {key for key, row in home.rows("sleeps").items() if row["nap"]}
    of = numbers(home)
    main = [row for row in rows if row["sleep_id"] not in naps]
    ids = [OldId(home.member, "recovery", row["cycle_id"]) for row in main]
    # Of a cycle that is not stored the sleep's number leads on.
    elsewhere = OldId(home.member, "recovery", 77, of[main[0]["sleep_id"]])
    migrate(home, [*ids, elsewhere])
    found = logged(home)
    for row in main:
        assert (found["recovery", row["cycle_id"]]["way"], found["recovery", row["cycle_id"]]["v2_id"]) == (
            "cycle_id",
            row["sleep_id"],
        )
    assert (found["recovery", 77]["way"], found["recovery", 77]["v2_id"]) == ("mapping", main[0]["sleep_id"])
    assert len(mapping_requests(home)) == 1


def test_a_recovery_whose_cycle_is_not_stored_is_known_by_the_cycles_sleep_at_whoop(home):
    earlier = [one for one in home.truth()["sleeps"] if moment(one["start"]).date() < date(2025, 6, 27)]
    sleep = max((one for one in earlier if not one["nap"]), key=lambda one: moment(one["start"]))
    ids = [OldId(home.member, "recovery", sleep["cycle_id"]), OldId(home.member, "recovery", 77)]
    assert migrate(home, ids) == {}
    found = logged(home)["recovery", sleep["cycle_id"]]
    assert (found["way"], found["v2_id"], found["status"]) == ("cycle_id", sleep["id"], 200)
    assert (logged(home)["recovery", 77]["state"], logged(home)["recovery", 77]["status"]) == (
        "unmapped",
        404,
    )
    sent = len(home.world.request_log)
    with home.database.write() as connection:
        v1_store.reopen(connection)
    migrate(home)
    assert len(home.world.request_log) == sent


def test_what_whoop_does_not_know_is_found_by_its_start_or_not_at_all(home):
    (key, one), (_, other) = list(old_ids(home).items())[:2]
    ids = [
        replace(one, v1_id=UNKNOWN),
        replace(one, v1_id=UNKNOWN + 1, start=one.start + TOLERANCE),
        replace(one, v1_id=UNKNOWN + 2, start=other.start + timedelta(hours=3), end=None),
        replace(one, v1_id=UNKNOWN + 3, start=None, end=None),
        replace(one, v1_id=UNKNOWN + 4, kind="workout"),
    ]
    assert migrate(home, ids) == {}
    found = logged(home)
    assert {row["status"] for row in found.values()} == {404}
    for number in (UNKNOWN, UNKNOWN + 1):
        assert (found["sleep", number]["way"], found["sleep", number]["v2_id"]) == ("start_time", key)
    unmapped = [found["sleep", UNKNOWN + 2], found["sleep", UNKNOWN + 3], found["workout", UNKNOWN + 4]]
    assert {row["state"] for row in unmapped} == {"unmapped"}
    assert {row["v2_id"] for row in unmapped} == {None}
    assert "no stored sleep starts" in unmapped[0]["reason"]
    assert "has no start" in unmapped[1]["reason"]
    result = report(home)
    assert (result.unmapped, result.answered_404, result.doubles) == (3, 5, 1)


def test_another_members_records_are_never_taken(home):
    mine = next(iter(old_ids(home).values()))
    migrate(home, [replace(mine, user_id=home.members[1])])
    row = logged(home)["sleep", mine.v1_id]
    assert (row["state"], row["status"]) == ("unmapped", 404)


def test_times_that_contradict_are_written_down(home):
    ids = list(old_ids(home).values())
    moved = replace(ids[0], start=ids[0].start + timedelta(hours=1))
    longer = replace(ids[1], end=ids[1].end + TOLERANCE + timedelta(seconds=1))
    alike = replace(ids[2], start=ids[2].start - TOLERANCE, end=None)
    workout = replace(next(iter(old_ids(home, stream="workouts").values())), kind="sleep")
    migrate(home, [moved, longer, alike, workout])
    said = {number: text for (_, _, number), text in contradictions(home).items()}
    assert said == {
        moved.v1_id: "in the old store it starts 3600 s later than the record.",
        longer.v1_id: "in the old store it ends 61 s later than the record.",
        alike.v1_id: None,
        workout.v1_id: "the record is a workout.",
    }
    assert report(home).contradicting == 3


def contradictions(home):
    with home.database.read() as connection:
        return {
            (one.row.user_id, one.row.kind, one.row.v1_id): one.contradicting
            for one in integrity.read_log(connection)
        }


def test_a_record_that_is_read_later_is_compared_then(home):
    earlier = [one for one in home.truth()["sleeps"] if moment(one["start"]).date() < date(2025, 6, 27)]
    sleep = max((one for one in earlier if not one["nap"]), key=lambda one: moment(one["start"]))
    start = moment(sleep["start"])
    one = OldId(home.member, "sleep", numbers(home)[sleep["id"]], None, start - timedelta(hours=2))
    migrate(home, [one])
    assert (report(home).not_stored, report(home).contradicting) == (1, 0)
    home.load(start.date() - timedelta(days=1), start.date() + timedelta(days=1))
    assert (report(home).not_stored, report(home).contradicting) == (0, 1)
    assert contradictions(home) == {one.key: "in the old store it starts 7200 s earlier than the record."}


def test_what_a_later_source_says_more_of_an_id_is_taken_and_what_it_says_otherwise_is_not(home):
    (key, sleep), (other_key, other), *_ = old_ids(home).items()
    bare = replace(sleep, v1_id=UNKNOWN, start=None, end=None)
    mapped = replace(other, start=None, end=None)
    migrate(home, [bare, mapped])
    assert (logged(home)["sleep", UNKNOWN]["state"], report(home).contradicting) == ("unmapped", 0)
    late = timedelta(hours=1)
    migrate(home, [replace(sleep, v1_id=UNKNOWN), replace(other, start=other.start + late)])
    found = logged(home)
    assert (found["sleep", UNKNOWN]["way"], found["sleep", UNKNOWN]["v2_id"]) == ("start_time", key)
    assert (found["sleep", other.v1_id]["way"], found["sleep", other.v1_id]["v2_id"]) == (
        "mapping",
        other_key,
    )
    assert report(home).contradicting == 1
    assert len(mapping_requests(home)) == 2
    migrate(
        home, [replace(sleep, v1_id=UNKNOWN, start=sleep.start + late), replace(other, start=other.start)]
    )
    assert logged(home) == found


def test_a_recovery_whose_sleep_becomes_known_is_asked_for_by_it(home):
    sleep = next(one.v1_id for one in old_ids(home).values())
    migrate(home, [OldId(home.member, "recovery", 77)])
    assert (logged(home)["recovery", 77]["state"], logged(home)["recovery", 77]["status"]) == (
        "unmapped",
        404,
    )
    migrate(home, [OldId(home.member, "recovery", 77, sleep)])
    row = logged(home)["recovery", 77]
    assert (row["state"], row["way"], row["status"]) == ("mapped", "mapping", 200)
    assert mapping_requests(home)[0].endswith(f"/{sleep}")


def test_an_id_that_comes_twice_is_one_with_what_either_says(home):
    (key, one), *_ = old_ids(home).items()
    migrate(
        home,
        [
            replace(one, start=None),
            replace(one, end=None),
            replace(one, start=one.start + timedelta(hours=9)),
        ],
    )
    row = logged(home)["sleep", one.v1_id]
    assert (row["v2_id"], row["start_time"], row["end_time"]) == (key, one.start, one.end)
    assert report(home).total == 1


def test_a_member_who_cannot_be_asked_for_is_looked_up_by_start(home):
    ids = list(old_ids(home).values())[:2]
    with home.database.write() as connection:
        member_store.set_status(connection, home.member, member_store.DISCONNECTED)
    assert migrate(home, [ids[0], replace(ids[1], start=None)]) == {}
    found = logged(home)
    assert found["sleep", ids[0].v1_id]["way"] == "start_time"
    assert "not connected" in found["sleep", ids[1].v1_id]["reason"]
    assert mapping_requests(home) == []


class Killed(Exception):
    """What a killed process leaves is what this leaves: nothing cleans up."""


def test_interrupted_after_every_answer_nothing_is_asked_for_twice(home):
    ids = [*list(old_ids(home).values())[:12], OldId(home.member, "sleep", UNKNOWN)]

    def once(decided):
        raise Killed

    v1_migration.import_ids(home.database, ids[:7], "an old store")
    interrupted = 0
    while report(home).open:
        try:
            migrate(home, ids, progress=once)
        except Killed:
            interrupted += 1
    assert interrupted == len(ids)
    assert report(home).mapped == 12
    assert len(mapping_requests(home)) == len(ids)
    migrate(home, ids)
    assert len(mapping_requests(home)) == len(ids)


def test_a_404_is_not_asked_for_again_when_its_record_has_come(home):
    one = OldId(home.member, "sleep", UNKNOWN, None, datetime(2025, 6, 3, tzinfo=UTC))
    migrate(home, [one])
    assert logged(home)["sleep", UNKNOWN]["state"] == "unmapped"
    # Of the week before the days that are loaded.
    earlier = [one for one in home.truth()["sleeps"] if moment(one["start"]).date() < date(2025, 6, 27)]
    sleep = max((one for one in earlier if not one["nap"]), key=lambda one: moment(one["start"]))
    day = moment(sleep["start"]).date()
    with home.database.write() as connection:
        connection.execute(update(log).values(start_time=moment(sleep["start"])))
    migrate(home)
    assert logged(home)["sleep", UNKNOWN]["state"] == "unmapped"
    home.load(day - timedelta(days=1), day + timedelta(days=1))
    with home.database.write() as connection:
        assert v1_store.reopen(connection) == 1
    migrate(home)
    row = logged(home)["sleep", UNKNOWN]
    assert (row["way"], row["v2_id"], row["status"]) == ("start_time", sleep["id"], 404)
    assert len(mapping_requests(home)) == 1


def test_a_spent_budget_leaves_the_rest_open_and_what_needs_no_request_is_done(home):
    first, second = home.members
    mine, others = old_ids(home), old_ids(home, user_id=second)
    for key, one in others.items():
        say_v1_id(home, "sleeps", key, one.v1_id)
    with home.database.read() as connection:
        sent = len(connection.execute(text("select id from request_grants")).all())
    # The backfills' lane may use nine tenths of a day.
    settings = home.connection.settings.replace(requests_per_day=-(-(sent + 5) * 10 // 9))
    with Connection(settings, home.database) as limited:
        done = migrate(home, [*mine.values(), *others.values()], connection=limited)
    assert set(done) == {first}
    found = report(home)
    assert found.mapped_by_v1_id == len(others)
    assert 0 < found.mapped_by_mapping < len(mine)
    assert found.open == len(mine) - found.mapped_by_mapping
    assert migrate(home) == {}
    assert no_problems(home)
    assert len(mapping_requests(home)) == len(mine)


def test_one_id_that_whoop_fails_on_costs_no_other(home):
    ids = list(old_ids(home).values())[:5]
    bad = ids[2].v1_id
    home.world.faults.order(Fault("status", count=None, path_prefix=f"{API}/v1/activity-mapping/{bad}"))
    try:
        done = migrate(home, ids)
    finally:
        home.world.faults.clear()
    assert set(done) == {home.member}
    found = report(home)
    assert (found.open, found.mapped) == (1, 4)
    assert logged(home)["sleep", bad]["state"] == "open"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("status", status=400), "answered 400"),
        (Fault("status", status=403), "answered 403"),
        (Fault("answer", body='{"v2_activity_id": "none"}'), "without a UUID"),
        (Fault("not_json"), "JSON"),
    ],
    ids=lambda one: f"{one.kind} {one.status}" if isinstance(one, Fault) else "",
)
def test_ids_that_whoop_refuses_or_answers_badly_stay_open_with_the_reason_and_cost_no_other(
    home, fault, reason
):
    ids = sorted(list(old_ids(home).values())[:7], key=lambda one: one.v1_id)
    bad = [one.v1_id for one in ids[:4]]
    fault.status = fault.status if fault.kind == "status" else 200
    for number in bad:
        path = f"{API}/v1/activity-mapping/{number}"
        home.world.faults.order(replace(fault, count=None, path_prefix=path))
    try:
        done = migrate(home, ids)
    finally:
        home.world.faults.clear()
    assert reason in done[home.member]
    found = logged(home)
    assert {number for (_, number), row in found.items() if row["state"] == "open"} == set(bad)
    for number in bad:
        assert reason in found["sleep", number]["reason"]
    assert report(home).asked == 3
    assert migrate(home) == {}
    assert no_problems(home)
    assert {row["reason"] for row in logged(home).values()} == {None}


def test_ids_that_whoop_always_fails_on_have_their_turn_last_and_end_no_run_before_the_others(home):
    sleeps = sorted(old_ids(home).values(), key=lambda one: one.v1_id)[:6]
    bad = [one.v1_id for one in sleeps[:4]]
    recovery = OldId(home.member, "recovery", 77, sleeps[5].v1_id)
    for number in bad:
        path = f"{API}/v1/activity-mapping/{number}"
        home.world.faults.order(Fault("status", count=None, path_prefix=path))
    try:
        assert set(migrate(home, [*sleeps, recovery])) == {home.member}
        assert report(home).mapped == 0
        assert set(migrate(home)) == {home.member}
        assert (report(home).mapped, report(home).open) == (3, 4)
        asked = len(mapping_requests(home))
        home.advance(timedelta(minutes=5))
        migrate(home)
        again = [int(path.rsplit("/", 1)[1]) for path in mapping_requests(home)[asked:]]
        assert set(again) < set(bad)  # the next three of them
    finally:
        home.world.faults.clear()
    assert "answered 500" in logged(home)["sleep", bad[0]]["reason"]
    home.advance(RESET_AFTER + timedelta(seconds=1))
    assert migrate(home) == {}
    assert no_problems(home)


def test_a_whoop_that_refuses_everything_is_not_asked_for_every_id(home, monkeypatch):
    monkeypatch.setattr(v1_migration, "MAX_CONSECUTIVE_FAILURES", 5)
    ids = list(old_ids(home).values())[:9]
    home.world.faults.order(
        Fault("status", status=403, count=None, path_prefix=f"{API}/v1/activity-mapping/")
    )
    try:
        for _ in range(2):
            migrate(home, ids)
        assert len(set(mapping_requests(home))) == len(ids)
        assert len(mapping_requests(home)) == 10
    finally:
        home.world.faults.clear()


def test_a_refused_renewal_of_tokens_is_the_members_and_not_an_ids(home, monkeypatch):
    def refused(client, number):
        sent.append(number)
        raise Refused("POST /token answered 403: WHOOP forbids it.", path=TOKEN_PATH, status=403)

    sent = []
    monkeypatch.setattr(WhoopClient, "activity_mapping", refused)
    assert set(migrate(home, list(old_ids(home).values())[:3])) == {home.member}
    assert len(sent) == 1
    assert {row["reason"] for row in logged(home).values()} == {None}


# Events


def parked(home, kind, number, trace_id):
    """A webhook as v1 sent it."""
    said = {"user_id": home.member, "id": number, "type": f"{kind}.updated", "trace_id": trace_id}
    delivery = deliveries.delivery_of(json.dumps(said).encode(), home.clock.now())
    with home.database.write() as connection:
        assert inbox.receive(connection, [delivery], home.clock.now()) == ["parked"]


def event(home, trace_id):
    with home.database.read() as connection:
        return inbox.stored(connection, trace_id)[0]


def test_parked_events_of_v1_are_open_again_under_the_ids_of_v2(home):
    key, sleep = next(iter(old_ids(home).items()))
    recovery = next(row for row in home.rows("recoveries").values() if row["sleep_id"] == key)
    parked(home, "sleep", sleep.v1_id, "one")
    parked(home, "recovery", recovery["cycle_id"], "two")
    parked(home, "workout", UNKNOWN, "three")
    v1_migration.import_event_ids(home.database)
    assert v1_migration.migrate(home.connection) == {}
    assert v1_migration.reopen_events(home.database) == 2
    for trace_id in ("one", "two"):
        assert (event(home, trace_id).state, event(home, trace_id).record_id) == ("open", key)
    assert (event(home, "three").state, event(home, "three").record_id) == ("parked", str(UNKNOWN))
    # Read again from what WHOOP sent, the number has not come back.
    assert deliveries.replay(home.database, ["one", "three"])["one"] is None
    assert event(home, "one").record_id == key
    assert event(home, "three").state == "parked"


# Rows


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"kind": "sleep", "v1_id": "12", "user_id": "7", "start": "2025-07-01T22:00:00.000Z", "end": ""},
            OldId(7, "sleep", 12, None, datetime(2025, 7, 1, 22, tzinfo=UTC)),
        ),
        (
            {"type": "Workouts", "id": 12, "user_id": 7.0, "start_time": datetime(2025, 7, 1)},
            OldId(7, "workout", 12, None, datetime(2025, 7, 1, tzinfo=UTC)),
        ),
        (
            {"stream": "recoveries", "id": "5", "cycle_id": "93845", "sleep_id": "10235", "user_id": "7"},
            OldId(7, "recovery", 93845, 10235),
        ),
        ({"id": "3"}, OldId(1, "sleep", 3)),
        (
            {"id": "3", "kind": "dream", "user_id": "7"},
            "kind: Input should be 'sleep', 'workout' or 'recovery'",
        ),
        (
            {"id": "x3", "user_id": "7"},
            "id: Input should be a valid integer, unable to parse string as an integer",
        ),
        ({"id": str(2**63), "user_id": "7"}, "id: Input should be less than 9223372036854775808"),
        ({"user_id": "7"}, "Value error, v1_id is missing"),
        (
            {"id": "3", "start": "yesterday"},
            "start: Input should be a valid datetime or date, input is too short",
        ),
    ],
)
def test_a_row_is_understood_by_the_names_of_its_columns(row, expected):
    stats = ImportStats()
    found = list(parse_ids([row], stats, kind="sleep", user_id=1))
    if isinstance(expected, str):
        assert (found, stats.reasons) == ([], [(1, expected)])
    else:
        assert (found, stats.rejected) == ([expected], 0)
